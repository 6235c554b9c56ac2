"""Reading a GGUF whole. Run with: pytest tests/models/gguf_base/test_gguf_reader.py"""

from __future__ import annotations

import struct

import numpy as np
import pytest

pytest.importorskip("gguf")

import gguf
from random_ggufs import write_vocabulary

from setaccio.data.errors import ModelError
from setaccio.models.gguf_base.reader import read_gguf


def raw(file, prefix):
    data = file.path.read_bytes()
    return {k: data[a:b] for k, (a, b) in file.spans.items() if k.startswith(prefix)}


def test_metadata_and_tensors_are_those_of_gguf_pys_reader(tiny_gguf):
    ours, theirs = read_gguf(tiny_gguf), gguf.GGUFReader(tiny_gguf)
    for name, field in theirs.fields.items():
        if not name.startswith("GGUF."):
            assert ours.metadata[name] == field.contents()
    assert ours.architecture == "qwen2"
    for tensor in theirs.tensors[:4]:
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        assert np.array_equal(ours.tensor(tensor.name).ravel(), expected.ravel())


@pytest.mark.parametrize("kind", gguf.GGML_QUANT_SIZES)
def test_every_type_that_gguf_py_dequantises_is_read(kind, tmp_path):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    writer = gguf.GGUFWriter(tmp_path / "one.gguf", "llama")
    data = np.zeros((3, 4 * size), np.uint8)
    if kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16):
        width = np.float32 if kind == gguf.GGMLQuantizationType.F32 else np.float16
        writer.add_tensor("w", np.zeros((3, 4 * block), width))
    else:
        writer.add_tensor("w", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    file = read_gguf(tmp_path / "one.gguf")
    try:
        gguf.dequantize(data, kind)
    except NotImplementedError:
        with pytest.raises(ModelError, match="Use another quantisation"):
            file.tensor("w")
        return
    assert file.tensor("w").shape == (3, 4 * block)


def test_tokenizer_metadata_is_copied_byte_for_byte(tmp_path, tiny_gguf):
    file = read_gguf(tiny_gguf)
    file.copy_metadata("tokenizer.", tmp_path / "copy.gguf")
    copy = read_gguf(tmp_path / "copy.gguf")
    assert raw(copy, "") == raw(file, "tokenizer.") != {}
    assert not copy.tensors


def test_what_is_no_gguf_or_cut_off_is_named(tmp_path, tiny_gguf):
    other, cut, empty = (tmp_path / name for name in ("other", "cut.gguf", "empty.gguf"))
    other.write_bytes(b"PK\3\4 and more")
    cut.write_bytes(tiny_gguf.read_bytes()[:5000])
    empty.touch()
    for path, reason in ((other, "not a GGUF"), (cut, "cut off"), (empty, "empty")):
        with pytest.raises(ModelError, match=reason) as caught:
            read_gguf(path)
        assert str(path) in str(caught.value)
    with pytest.raises(ModelError, match="can not be read"):
        read_gguf(tmp_path / "absent.gguf")


def test_one_of_several_parts_is_refused(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "part.gguf", "llama")
    writer.add_uint16("split.count", 3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ModelError, match="one of 3 parts"):
        read_gguf(tmp_path / "part.gguf")


def test_a_vocabulary_of_the_tests_is_read(tmp_path):
    rows = write_vocabulary(tmp_path / "v.gguf", "spm", None)
    tokens = read_gguf(tmp_path / "v.gguf").metadata["tokenizer.ggml.tokens"]
    assert len(tokens) == rows
    assert "\u2581Find" in tokens


def test_arrays_of_arrays_are_read_one_by_one(tmp_path):
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 2)
    inner = [struct.pack("<IQ3i", 5, 3, *row) for row in ([1, 2, 3], [4, 5, 6])]
    inner.append(struct.pack("<IQ", 8, 2) + text("a") + text("bc"))
    nested = text("nested") + struct.pack("<IIQ", 9, 9, 3) + b"".join(inner)
    last = text("last") + struct.pack("<II", 4, 7)
    path = tmp_path / "nested.gguf"
    path.write_bytes(head + nested + last)
    assert read_gguf(path).metadata == {"nested": [[1, 2, 3], [4, 5, 6], ["a", "bc"]], "last": 7}
    path.write_bytes(head + nested[:-2])
    with pytest.raises(ModelError, match="cut off"):
        read_gguf(path)
