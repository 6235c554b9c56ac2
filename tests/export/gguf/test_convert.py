"""Conversion with llama.cpp's own converter. Run with: pytest tests/export/gguf/test_convert.py"""

from __future__ import annotations

import json

import pytest
from gguf import GGUFReader

from setaccio.data.errors import ExportError
from setaccio.export import convert
from setaccio.models.pretokenizer import pretokenizer_name


def change(path, **values):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")


def test_own_vocabulary_is_qwen2(base):
    content = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    assert pretokenizer_name(content) == "qwen2"


def test_bfloat16_and_provenance(base, source, tmp_path):
    out = convert(
        base,
        tmp_path / "b.gguf",
        outtype="bf16",
        provenance={"note": "é\n½ " * 1000},
        name="Tiny",
        source=source,
    )
    reader = GGUFReader(out)
    assert reader.fields["setaccio.note"].contents() == "é\n½ " * 1000
    assert reader.fields["general.name"].contents() == "Tiny"
    assert {tensor.tensor_type.name for tensor in reader.tensors} == {"BF16", "F32"}
    assert list(tmp_path.iterdir()) == [out]


def test_unknown_pretokenizer_is_named(copied, source, tmp_path):
    content = json.loads((copied / "tokenizer.json").read_text(encoding="utf-8"))
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\p{L}{1,7}|\P{L}"
    change(copied / "tokenizer.json", **content)
    with pytest.raises(ExportError, match=r"Unknown pre-tokenizer: \\p\{L\}\{1,7\}"):
        convert(copied, tmp_path / "out.gguf", source=source)
    assert not list(tmp_path.glob("*.gguf")) and not list(tmp_path.glob(".*"))


def test_architecture_that_llama_cpp_does_not_know(copied, source, tmp_path):
    change(copied / "config.json", architectures=["NobodyForCausalLM"])
    with pytest.raises(ExportError, match="NobodyForCausalLM"):
        convert(copied, tmp_path / "out.gguf", source=source)


def test_folder_without_weights(copied, source, tmp_path):
    (copied / "model.safetensors").unlink()
    with pytest.raises(ExportError, match=r"no \.safetensors"):
        convert(copied, tmp_path / "out.gguf", source=source)
