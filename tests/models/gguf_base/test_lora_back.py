"""A LoRA adapter that llama.cpp's converter wrote comes back as PEFT saved it, for each
architecture that is said to. Run: pytest tests/models/gguf_base/test_lora_back.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("peft")

import torch
from adapter_parts import write_adapter
from export_parts import save_lora
from random_kinds import KINDS
from random_models import find_vocabulary, make_random
from safetensors.torch import load_file

from setaccio.data.errors import ExportError, ModelError
from setaccio.export import convert_adapter
from setaccio.models.gguf_base import lora
from setaccio.models.gguf_base.lora import lora_layers, lora_tensors, read_lora

PROVED = {
    "smollm2-360m": "llama",
    "mistral-7b": "llama",
    "smollm3-3b": "smollm3",
    "qwen2.5-1.5b": "qwen2",
    "qwen3-0.6b": "qwen3",
    "phi-4-mini": "phi3",
    "gemma-3-270m": "gemma3",
    "lfm2-350m": "lfm2",
}


def back(base: Path, adapter: Path, path: Path) -> dict[str, torch.Tensor]:
    convert_adapter(base, adapter, path, outtype="f32")
    return lora_tensors(read_lora(path), base)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROVED)
def test_every_factor_is_where_it_was(name, tmp_path):
    try:
        base = Path(make_random(name, tmp_path / "base", find_vocabulary(KINDS[name])))
    except (ExportError, ModelError) as error:
        pytest.skip(str(error))
    adapter = save_lora(base, tmp_path / "adapter", target_modules="all-linear")
    found = back(base, adapter, tmp_path / "a.gguf")
    wanted = load_file(adapter / "adapter_model.safetensors")
    assert read_lora(tmp_path / "a.gguf").gguf.architecture == PROVED[name]
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key].float()) for key in wanted)


def test_the_architectures_that_are_taken_are_the_proved_ones():
    assert set(PROVED.values()) == lora._PERMUTED | lora._PLAIN


def test_on_the_tiny_base_and_within_its_rounding(tiny_base, tmp_path):
    adapter = save_lora(tiny_base, tmp_path / "adapter", target_modules=["q_proj", "up_proj"])
    wanted = load_file(adapter / "adapter_model.safetensors")
    found = back(tiny_base, adapter, tmp_path / "a.gguf")
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key].float()) for key in wanted)
    small = convert_adapter(tiny_base, adapter, tmp_path / "s.gguf", outtype="q8_0")
    for key, tensor in lora_tensors(read_lora(small), tiny_base).items():
        step = wanted[key].abs().max().item() / 127
        assert (tensor - wanted[key]).abs().max().item() <= step
    changed, every = lora_layers(read_lora(small), tiny_base)
    assert {name for _, name in changed} == {"q_proj", "up_proj"}
    assert {name for _, name in every} >= {"q_proj", "k_proj", "up_proj", "down_proj"}


def test_what_is_no_adapter_for_this_base_is_refused(tiny_base, tiny_gguf, tmp_path):
    with pytest.raises(ModelError, match="is no LoRA adapter"):
        read_lora(tiny_gguf)
    with pytest.raises(ModelError, match=r"gone\.gguf: can not be read"):
        read_lora(tmp_path / "gone.gguf")
    path = write_adapter(tiny_gguf, tmp_path / "a.gguf", 1)
    found = read_lora(path)
    assert (found.rank, found.alpha) == (4, 4.0)
    with pytest.raises(ModelError, match=r"attn_output.* is an adapter for another base"):
        lora_tensors(found, save_other(tiny_base, tmp_path / "wide", hidden_size=512))
    with pytest.raises(ModelError, match="no place in the blocks"):
        lora_layers(found, save_other(tiny_base, tmp_path / "short", num_hidden_layers=1))


def save_other(base: Path, folder: Path, **values: int) -> Path:
    """Configuration of the tiny base with another width or depth."""
    folder.mkdir()
    config = json.loads((base / "config.json").read_text(encoding="utf-8")) | values
    config["layer_types"] = config["layer_types"][: config["num_hidden_layers"]]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
