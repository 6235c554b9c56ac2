"""A GGUF made a base, once and proved. Run with: pytest tests/models/test_gguf_base.py"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gguf")
pytest.importorskip("torch")
pytest.importorskip("transformers")

import gguf
import torch

from setaccio.data.errors import ModelError
from setaccio.data.hf_tokens import load_hf_tokenizer
from setaccio.models.gguf_base import VOCABULARY_FILE, base_folder
from setaccio.models.gguf_base import answers as answers_module
from setaccio.models.gguf_base.folder import bases_folder
from setaccio.models.gguf_base.reader import read_gguf


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_gguf):
    """The tiny GGUF as a base, in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return base_folder(tiny_gguf)


def rewrite(source, target, **changed):
    """Copy a GGUF with other metadata; None leaves a key out."""
    values = {key.replace("__", "."): value for key, value in changed.items()}
    reader = gguf.GGUFReader(source)
    kind = values.get("general.architecture") or reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, kind)
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture" and name not in values:
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def test_the_folder_holds_the_files_weights_and_tokenizer(made, tiny_gguf):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(made.folder, dtype=torch.float32)
    file = read_gguf(tiny_gguf)
    weight = torch.from_numpy(file.tensor("blk.0.attn_q.weight").copy())
    ours = model.model.layers[0].self_attn.q_proj.weight.detach()
    assert torch.allclose(weight, ours, rtol=2**-11, atol=1e-7)
    assert model.generation_config.eos_token_id
    tokenizer = load_hf_tokenizer(made.folder)
    assert tokenizer.chat_template == file.metadata["tokenizer.chat_template"]
    assert tokenizer.eos_token_id == file.metadata["tokenizer.ggml.eos_token_id"]
    assert set(read_gguf(made.folder / VOCABULARY_FILE).metadata) == {
        key for key in file.metadata if key.startswith("tokenizer.")
    }


def test_the_record_says_what_it_was_made_of_and_how_it_was_proved(made, tiny_gguf):
    record = json.loads((made.folder / "gguf.json").read_text(encoding="utf-8"))
    assert record == made.record
    assert record["source"] == str(tiny_gguf)
    assert record["sha256"] == made.sha256
    assert record["proof"]["strings"] >= 10_000
    assert record["proof"]["template"] is True
    assert record["proof"]["mean_kl"] < 0.01
    assert {"torch", "transformers", "llama-cpp-python"} <= set(record["versions"])


def test_it_is_made_once_and_another_name_finds_it(made, tiny_gguf, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(made.folder.parents[2]))
    copy = Path(shutil.copy(tiny_gguf, tmp_path / "other.gguf"))
    told = []
    again = base_folder(copy, lambda doing, share: told.append(doing))
    assert again.folder == made.folder
    assert not told


def test_two_processes_at_once_make_it_once(cache, tiny_gguf):
    code = (
        "import sys; from pathlib import Path; from setaccio.models.gguf_base import base_folder;"
        "print(base_folder(Path(sys.argv[1]), lambda d, s: print(d, file=sys.stderr)).folder)"
    )
    command = [sys.executable, "-c", code, str(tiny_gguf)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, env=dict(os.environ), **pipes) for _ in range(2)]
    said = [each.communicate() for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert len({out for out, _ in said}) == 1
    assert sum("Reading the vocabulary" in err for _, err in said) == 1


def test_a_run_that_was_cut_off_goes_on(cache, tiny_gguf, monkeypatch):
    from setaccio.models.gguf_base import folder as folder_module

    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "prove_answers", cut)
    with pytest.raises(KeyboardInterrupt):
        base_folder(tiny_gguf)
    assert not any(path.name[0] != "." for path in bases_folder().iterdir())
    (shard,) = bases_folder().glob(".*.part/model.safetensors")
    stamp = shard.stat().st_mtime_ns
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    done = base_folder(tiny_gguf)
    assert (done.folder / "model.safetensors").stat().st_mtime_ns == stamp


def test_answers_that_differ_are_refused_with_numbers(cache, tiny_gguf, monkeypatch):
    monkeypatch.setattr(answers_module, "GREATEST_MEAN_KL", -1.0)
    with pytest.raises(ModelError, match="diverge by") as caught:
        base_folder(tiny_gguf)
    assert str(tiny_gguf) in str(caught.value)
    assert not list(bases_folder().glob("*/gguf.json"))


def test_what_can_not_be_a_base_is_named(cache, tiny_gguf, tmp_path):
    mamba = rewrite(tiny_gguf, tmp_path / "m.gguf", general__architecture="mamba")
    vocabulary = tmp_path / "v.gguf"
    read_gguf(tiny_gguf).copy_metadata("", vocabulary)
    for path, reason in (
        (tmp_path / "absent.gguf", "no such model file"),
        (mamba, "mamba"),
        (vocabulary, "no embeddings"),
    ):
        with pytest.raises(ModelError, match=reason) as caught:
            base_folder(path)
        assert str(path) in str(caught.value)


def test_too_small_a_disk_is_said_before_any_work(cache, tiny_gguf, monkeypatch):
    import shutil as system

    usage = system.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(system, "disk_usage", lambda path: usage)
    with pytest.raises(ModelError, match="Make room"):
        base_folder(tiny_gguf)


def test_a_file_without_optional_keys_is_a_base(cache, tiny_gguf, tmp_path):
    """As old or sparing converters write them; llama.cpp's own defaults then hold for both."""
    sparing = rewrite(
        tiny_gguf,
        tmp_path / "sparing.gguf",
        general__name=None,
        general__file_type=None,
        tokenizer__ggml__pre=None,
        tokenizer__ggml__padding_token_id=None,
        tokenizer__chat_template=None,
    )
    made = base_folder(sparing)
    assert made.record["name"] is None
    assert made.record["proof"]["template"] is False
    assert load_hf_tokenizer(made.folder).chat_template is None
