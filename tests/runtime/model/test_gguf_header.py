"""The head of a GGUF is read rightly, and a damaged one is named as such.

Run: pytest tests/runtime/model/test_gguf_header.py
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from setaccio.data.errors import ModelError
from setaccio.runtime.model.gguf_header import read_header
from setaccio.runtime.model.load import LoadedModel, load_model


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, value: str) -> bytes:
    return text(key) + struct.pack("<I", 8) + text(value)


def gguf(*pairs: bytes, version: int = 3, tensors: bytes = b"", count: int = 0) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, count, len(pairs))
    return head + b"".join(pairs) + tensors


def test_agrees_with_llama_cpp(tiny_gguf: Path, model: LoadedModel):
    ours, theirs = read_header(tiny_gguf), model.llama.metadata
    assert set(ours.metadata) == set(theirs)
    strings = {k for k, v in theirs.items() if not v.replace(".", "").isdecimal()}
    # llama.cpp escapes line ends in what it prints.
    assert {k: ours.metadata[k].replace("\n", "\\n") for k in strings} == {
        k: theirs[k].replace("\n", "\\n") for k in strings
    }
    assert ours.tensors > 0
    assert ours.quantised


def test_scalars_and_arrays(tmp_path: Path):
    array = text("list") + struct.pack("<IIQ", 9, 8, 2) + text("ab") + text("c")
    nested = text("nested") + struct.pack("<IIQIQ", 9, 9, 1, 0, 3) + b"\x01\x02\x03"
    flag = text("flag") + struct.pack("<I?", 7, True)
    number = text("number") + struct.pack("<Id", 12, 0.5)
    path = tmp_path / "a.gguf"
    path.write_bytes(gguf(array, nested, flag, number, pair("name", "½")))
    assert read_header(path).metadata == {"flag": "true", "number": "0.5", "name": "½"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"title,ingredients\nsoup,water\n", "not a GGUF file"),
        (b"GGUF", "cut off or damaged"),
        (gguf(version=1), "version 1 is not supported"),
        (gguf(pair("a", "b"))[:-1], "cut off or damaged"),
        (gguf(pair("general.alignment", "zero")), "cut off or damaged"),
        (gguf(pair("general.type", "adapter")), "holds a vocabulary only"),
        (gguf(pair("general.type", "vocab")), "holds a vocabulary only"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_adapter_and_missing_template(tmp_path: Path):
    tensor = text("w") + struct.pack("<IQIQ", 1, 1, 0, 0)
    path = tmp_path / "model.gguf"
    for pairs, message in [([pair("general.type", "adapter")], "LoRA"), ([], "no chat template")]:
        head = gguf(*pairs, tensors=tensor, count=1)
        path.write_bytes(head + bytes(64))
        with pytest.raises(ModelError, match=message):
            load_model(path)


def test_missing_file_and_folder(tmp_path: Path):
    with pytest.raises(ModelError, match="no such model file"):
        load_model(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="is a folder"):
        load_model(tmp_path)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.999])
def test_cut_off_file(tmp_path: Path, tiny_gguf: Path, share: float):
    whole = tiny_gguf.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="cut off") as caught:
        load_model(path)
    assert "again" in str(caught.value)


def test_weights_that_llama_cpp_refuses(tmp_path: Path, tiny_gguf: Path):
    whole = tiny_gguf.read_bytes()
    path = tmp_path / "odd.gguf"
    path.write_bytes(whole.replace(b"token_embd.weight", b"token_embx.weight"))
    with pytest.raises(ModelError, match=r"llama.cpp can not load it \(.*token_embd"):
        load_model(path)


def test_random_damage_never_escapes(tmp_path: Path, tiny_gguf: Path):
    head = tiny_gguf.read_bytes()[:3000]
    path = tmp_path / "damaged.gguf"
    refused = 0
    for seed in range(300):
        dice = random.Random(seed)
        damaged = bytearray(head)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(4, 1200)] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            read_header(path)
        except ModelError:
            refused += 1
    assert refused == 300  # the head alone is never a whole file
