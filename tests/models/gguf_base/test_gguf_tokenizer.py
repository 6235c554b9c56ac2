"""Tokenizers from GGUF vocabularies.

Run with: pytest tests/models/gguf_base/test_gguf_tokenizer.py
"""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")
pytest.importorskip("transformers")

import gguf
from random_ggufs import CHATML, write_vocabulary

from setaccio.data.errors import ExportError, ModelError
from setaccio.data.task.hf_tokenizer import load_hf_tokenizer
from setaccio.export.gguf.llamacpp_source import vocabulary_file
from setaccio.models.gguf_base.reader import read_gguf
from setaccio.models.gguf_base.strings import compare_ids, make_probes, write_probes
from setaccio.models.gguf_base.tokenizer import derive_merges, write_tokenizer
from setaccio.models.gguf_base.vocabulary import ask_llama, ask_vocabulary
from setaccio.models.pretokenizer import pretokenizer_names


def compare(path, folder, spoil=lambda tokenizer: None):
    """Rebuild a vocabulary's tokenizer and compare it with llama.cpp on all texts."""
    file = read_gguf(path)
    vocabulary = ask_vocabulary(path, file.metadata)
    write_tokenizer(file, vocabulary, folder)
    tokenizer = load_hf_tokenizer(folder)
    probes = make_probes(tokenizer, vocabulary)
    write_probes(probes, folder / "strings.json")
    ask_llama(path, folder, strings=str(folder / "strings.json"))
    spoil(tokenizer)
    compare_ids(path, tokenizer, probes, folder)
    return tokenizer, vocabulary


def with_pre(source, target, name):
    """Copy a vocabulary under another pre-tokenizer's name."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name.startswith("tokenizer.") and field.name != "tokenizer.ggml.pre":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_tokenizer_pre(name)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return target


@pytest.mark.parametrize("kind", ["bpe", "spm", "gemma"])
def test_a_vocabulary_gives_llama_cpps_ids(kind, tmp_path):
    write_vocabulary(tmp_path / "v.gguf", kind, CHATML)
    tokenizer, vocabulary = compare(tmp_path / "v.gguf", tmp_path)
    assert vocabulary.kind == ("bpe" if kind == "bpe" else "spm")
    named = tokenizer.convert_ids_to_tokens([tokenizer.eos_token_id, tokenizer.pad_token_id])
    assert named == ["<|im_end|>", "<pad>"]
    assert tokenizer.chat_template == CHATML
    assert tokenizer.eos_token_id in vocabulary.ends
    puts_bos = tokenizer.encode("a")[0] == tokenizer.bos_token_id
    assert puts_bos == vocabulary.add_bos == (kind != "bpe")
    text = "Ada lives in Bari."
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    assert len(ids) < len(text)


def test_bytes_without_a_token_vanish_and_join_nothing(tmp_path):
    write_vocabulary(tmp_path / "v.gguf", "bpe", CHATML)
    tokenizer, _ = compare(tmp_path / "v.gguf", tmp_path)
    alone = tokenizer.encode("Find", add_special_tokens=False)
    parted = tokenizer.encode("Fi\x04nd", add_special_tokens=False)
    assert tokenizer.decode(parted) == "Find"
    assert len(parted) > len(alone)


def test_the_first_difference_is_shown(tmp_path):
    write_vocabulary(tmp_path / "v.gguf", "bpe", CHATML)

    def spoil(tokenizer):
        from tokenizers import pre_tokenizers

        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(
            add_prefix_space=True, use_regex=True
        )

    with pytest.raises(ModelError) as caught:
        compare(tmp_path / "v.gguf", tmp_path, spoil)
    message = str(caught.value)
    assert "v.gguf" in message
    assert "from llama.cpp" in message
    assert "safetensors" in message


def test_other_kinds_are_refused_by_name(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "bert")
    writer.add_tokenizer_model("bert")
    writer.add_token_list(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    file = read_gguf(tmp_path / "v.gguf")
    vocabulary = ask_vocabulary(file.path, file.metadata)
    with pytest.raises(ModelError, match="WordPiece"):
        write_tokenizer(file, vocabulary, tmp_path / "out")


def test_an_unknown_pretokenizer_is_refused_with_the_known_ones(tmp_path):
    write_vocabulary(tmp_path / "v.gguf", "bpe", CHATML)
    with_pre(tmp_path / "v.gguf", tmp_path / "w.gguf", "kimi-k2")
    file = read_gguf(tmp_path / "w.gguf")
    with pytest.raises(ModelError, match=r"kimi-k2.*llama-bpe"):
        write_tokenizer(file, ask_vocabulary(file.path, file.metadata), tmp_path / "out")


def test_what_llama_cpp_refuses_is_a_message(tmp_path):
    write_vocabulary(tmp_path / "v.gguf", "bpe", CHATML)
    with_pre(tmp_path / "v.gguf", tmp_path / "w.gguf", "no-such-name")
    with pytest.raises(ModelError, match="unknown pre-tokenizer type"):
        ask_vocabulary(tmp_path / "w.gguf", {})


def test_merges_follow_scores():
    ids = {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5}
    merges = derive_merges(ids, [0, 0, 0, -2.0, -1.0, -3.0])
    assert merges == [("b", "c"), ("a", "b"), ("a", "bc"), ("ab", "c")]


def test_vocabulary_files_survive_a_save(tmp_path):
    write_vocabulary(tmp_path / "v.gguf", "spm", CHATML)
    tokenizer, _ = compare(tmp_path / "v.gguf", tmp_path / "one")
    tokenizer.save_pretrained(tmp_path / "two")
    shutil.copy(tmp_path / "one" / "tokenizer.json", tmp_path / "was.json")
    again = load_hf_tokenizer(tmp_path / "two")
    text = "Ada  lives <|im_end|> in Bari 中"
    for special in (True, False):
        assert again.encode(text, split_special_tokens=special) == tokenizer.encode(
            text, split_special_tokens=special
        )
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    assert json.loads((tmp_path / "was.json").read_text(encoding="utf-8"))


def real(name):
    try:
        return vocabulary_file(name)
    except ExportError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt-neox", "llama-bpe", "llama-spm", "phi-3", "qwen2"])
def test_real_vocabularies_give_llama_cpps_ids(name, tmp_path):
    compare(real(name), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", pretokenizer_names())
def test_every_known_pretokenizer_cuts_as_llama_cpp_does(name, tmp_path):
    compare(with_pre(real("gpt-neox"), tmp_path / "v.gguf", name), tmp_path)
