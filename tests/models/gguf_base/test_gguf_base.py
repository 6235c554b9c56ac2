"""A GGUF made a base, once and proved. Run with: pytest tests/models/gguf_base/test_gguf_base.py"""

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
from setaccio.data.task.hf_tokenizer import load_hf_tokenizer
from setaccio.models.bases import bases_folder
from setaccio.models.gguf_base import VOCABULARY_FILE, base_folder
from setaccio.models.gguf_base import answers as answers_module
from setaccio.models.gguf_base import proof as proof_module
from setaccio.models.gguf_base.reader import GgufFile, read_gguf
from setaccio.models.gguf_head import TensorPlace


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


def test_a_folder_whose_weights_are_cut_off_or_gone_is_made_anew(cache, tiny_gguf, made):
    copy = bases_folder() / made.folder.name
    shutil.copytree(made.folder, copy)
    weights = copy / "model.safetensors"
    size = weights.stat().st_size
    os.truncate(weights, size // 2)
    assert base_folder(tiny_gguf).folder == copy
    assert weights.stat().st_size == size
    weights.unlink()
    part = bases_folder() / f".{copy.name}.part"
    part.mkdir()
    left = part / ".model.safetensors.0a1b2c3d"  # of a write that was cut off
    left.write_bytes(b"half")
    base_folder(tiny_gguf)
    assert weights.stat().st_size == size
    assert not list(copy.glob(".*"))


def test_a_disk_that_fills_up_is_one_line_with_what_is_needed(cache, tiny_gguf):
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from setaccio.data.errors import ModelError\n"
        "from setaccio.models.gguf_base import base_folder\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))\n"
        "try:\n    base_folder(Path(sys.argv[1]))\n"
        "except ModelError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tiny_gguf)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MB are needed there to dequantise" in done.stdout and "Make room" in done.stdout
    assert "File too large" in done.stdout
    assert not list(bases_folder().glob(".*.part/*.safetensors*"))
    assert not list(bases_folder().glob(".*.part/.model*"))


@pytest.mark.parametrize("threads", ["4,2", "many", "", "0"])
def test_threads_are_read_as_openmp_reads_them(threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert proof_module._threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1,8")
    assert proof_module._threads() == 1


@pytest.mark.parametrize(
    ("metadata", "tensors", "length"),
    [
        ({}, (), 0),
        ({"attention.sliding_window": 512}, (), 576),
        ({"attention.sliding_window": 8192}, (), 4160),
        ({"attention.sliding_window": 512, "context_length": 300}, (), 276),
        ({"rope.scaling.type": "none"}, (), 0),
        ({"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}, (), 4160),
        ({"rope.scaling.original_context_length": 4096}, ("rope_factors_long.weight",), 4160),
        ({"context_length": 131072}, ("rope_freqs.weight",), 4160),
    ],
)
def test_how_long_the_long_prompt_is(metadata, tensors, length):
    values = {f"llama.{key}": value for key, value in metadata.items()}
    places = dict.fromkeys(tensors, TensorPlace((1,), 0, 0))
    file = GgufFile(Path("x"), {"general.architecture": "llama", **values}, places, {})
    assert proof_module.long_prompt_length(file) == length


def test_a_window_is_proved_by_a_long_prompt(tmp_path, monkeypatch):
    from random_ggufs import make_gguf

    path = make_gguf("gemma2", tmp_path, "f16")  # with the converter of the machine's own cache
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Left out, its window is 4,096, and the long prompt as long as the context of 1,024 lets it be.
    wide = rewrite(path, tmp_path / "wide.gguf", gemma2__attention__sliding_window=None)
    made = base_folder(wide)
    assert 900 < made.record["proof"]["long_prompt"] <= 1000
    assert made.record["proof"]["long_mean_kl"] < 0.01
