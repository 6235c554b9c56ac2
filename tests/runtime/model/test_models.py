"""Loading: context, threads, chat format, digest, and the task that a GGUF carries.

Run: pytest tests/runtime/model/test_models.py
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from setaccio.data import Task
from setaccio.data.errors import ModelError
from setaccio.runtime import Extractor
from setaccio.runtime.model.gguf_header import read_header
from setaccio.runtime.model.load import TASK_KEY, LoadedModel, load_model


def test_what_is_known_of_a_model(tiny_gguf: Path, model: LoadedModel):
    assert model.path == tiny_gguf
    assert model.size_bytes == tiny_gguf.stat().st_size
    assert model.sha256 == hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()
    assert 0 < model.context <= 4096
    assert model.threads >= 1
    assert "<|im_start|>" in model.chat.template
    assert model.chat.eos == "<|im_end|>"


def test_no_beginning_token_is_invented(model: LoadedModel):
    # The vocabulary names none; llama.cpp would assume token 11.
    assert "tokenizer.ggml.bos_token_id" not in model.metadata
    assert model.chat.bos == ""
    assert not model.chat.add_bos


def test_context_is_as_asked(tiny_gguf: Path):
    loaded = load_model(tiny_gguf, context=512, threads=1)
    assert (loaded.context, loaded.threads) == (512, 1)
    loaded.close()


@pytest.mark.parametrize("context", [0, 10**9])
def test_impossible_context(tiny_gguf: Path, context: int):
    with pytest.raises(ModelError, match="Ask for"):
        load_model(tiny_gguf, context=context)


@pytest.mark.parametrize(
    "template", ["{% for x in %}", "hello", "{{ raise_exception('no\\nturns') }}"]
)
def test_a_template_that_can_not_be_used_is_the_models_fault(
    tiny_gguf: Path, tmp_path: Path, model: LoadedModel, recipe: Task, template: str
):
    stored = model.metadata["tokenizer.chat_template"].encode()
    whole = tiny_gguf.read_bytes()
    assert whole.count(stored) == 1
    file = tmp_path / "broken.gguf"
    file.write_bytes(whole.replace(stored, template.encode().ljust(len(stored))))
    with pytest.raises(ModelError, match=r"template|Export") as caught:
        Extractor(file, recipe)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_task_is_read_from_the_metadata(model: LoadedModel):
    stored = read_header(model.path).metadata.get(TASK_KEY)
    if stored is None:
        assert model.task is None
    else:
        assert model.task == Task.from_metadata(stored)


@pytest.mark.parametrize(
    "use",
    ["load_model(sys.argv[1])", "kept = Extractor(sys.argv[1]); kept.extract('Beat 2 eggs.')"],
)
def test_nothing_is_written_even_if_nobody_closes(tiny_gguf: Path, use: str):
    code = f"import sys; from setaccio.runtime import Extractor, load_model; {use}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_gguf)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert done.stdout + done.stderr == b""


@pytest.mark.parametrize(
    ("given", "then"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_that_wait_let_go_of_the_processor(given: dict[str, str], then: str):
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    code = "import os, setaccio.runtime; print(os.environ.get('GOMP_SPINCOUNT'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **given},
        check=True,
    )
    assert done.stdout.strip() == then
