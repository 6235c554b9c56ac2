"""Training and llama.cpp see the same ids, decomposed text included.

Run with: pytest tests/data/task/test_hf_tokenizer.py
"""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from setaccio.data import Task
from setaccio.data.errors import ModelError
from setaccio.data.task.hf_tokenizer import chat_format, encode_pieces, load_hf_tokenizer
from setaccio.data.task.pieces import prompt_pieces

DECOMPOSED = unicodedata.normalize("NFD", "Crème fraîche à volonté, ½ cup; Ångström") + " 가 ﬁ"


@pytest.fixture(scope="module")
def in_llama_cpp(tiny_gguf: Path):
    from setaccio.runtime.model.load import load_model

    model = load_model(tiny_gguf)
    yield model
    model.close()


def with_normaliser(base: Path, folder: Path) -> Path:
    """A copy of the base that asks for NFC, as the published Qwen 2 tokenizers do."""
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["normalizer"] = {"type": "NFC"}
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize("normalised", [False, True])
def test_decomposed_text_has_the_same_ids_in_training_and_in_llama_cpp(
    tiny_base: Path, in_llama_cpp, recipe: Task, tmp_path: Path, normalised: bool
):
    from setaccio.runtime.model.tokens import tokenise_pieces as encode_in_llama_cpp

    folder = with_normaliser(tiny_base, tmp_path / "nfc") if normalised else tiny_base
    tokenizer = load_hf_tokenizer(folder)
    pieces = prompt_pieces(chat_format(tokenizer), recipe.messages(DECOMPOSED))
    ids = encode_pieces(tokenizer, pieces)
    assert ids == encode_in_llama_cpp(in_llama_cpp, pieces)
    assert DECOMPOSED in tokenizer.decode(ids)


def test_the_regex_is_that_of_the_file(tiny_base: Path, tmp_path: Path):
    """transformers builds a class of its own for ``qwen2``, with a regex of its own."""
    folder = with_normaliser(tiny_base, tmp_path / "other")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    split = content["pre_tokenizer"]["pretokenizers"][0]
    split["pattern"]["Regex"] = r"[\s\S]"  # each character apart, so that nothing merges
    path.write_text(json.dumps(content), encoding="utf-8")
    assert len(load_hf_tokenizer(folder).encode("the flour")) == len("the flour")
    assert len(load_hf_tokenizer(tiny_base).encode("the flour")) < len("the flour")


def test_a_saved_copy_is_the_same(tiny_base: Path, tmp_path: Path):
    tokenizer = load_hf_tokenizer(with_normaliser(tiny_base, tmp_path / "nfc"))
    tokenizer.save_pretrained(tmp_path / "saved")
    again = load_hf_tokenizer(tmp_path / "saved")
    assert again.encode(DECOMPOSED) == tokenizer.encode(DECOMPOSED)
    assert again.chat_template == tokenizer.chat_template
    assert again.eos_token_id == tokenizer.eos_token_id


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_no_tokenizer_is_said(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match="no usable tokenizer"):
        load_hf_tokenizer(tmp_path)
