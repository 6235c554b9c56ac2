"""Names of pre-tokenizers by their regex. Run with: pytest tests/models/test_pretokenizer.py"""

from __future__ import annotations

import pytest

from setaccio.data.errors import ExportError
from setaccio.models.pretokenizer import pretokenizer_name, uses_pretokenizer

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def bpe(*steps, ignore_merges=False):
    return {
        "model": {"type": "BPE", "ignore_merges": ignore_merges},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": list(steps)},
    }


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
WORDS = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bpe(split(LLAMA3), BYTES, ignore_merges=True), "llama-bpe"),
        (bpe(split(LLAMA3), BYTES), "dbrx"),
        (bpe(split(GPT4O), BYTES), "gpt-4o"),
        (bpe({**split(GPT4O), "behavior": "Removed", "invert": True}, BYTES), "gpt-4o"),
        (bpe(WORDS), "gpt-2"),
        ({"model": {"type": "BPE"}, "pre_tokenizer": WORDS}, "gpt-2"),
        (bpe(DIGITS, WORDS), "smollm"),
    ],
)
def test_known_regexes(content, name):
    assert pretokenizer_name(content) == name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bpe(split(r"\d+|\D+"), BYTES), r"\\d\+\|\\D\+"),
        (bpe(split(LLAMA3), split(r"\d"), BYTES), r"then \\d"),
        (bpe({**WORDS, "add_prefix_space": True}), "add_prefix_space"),
        (bpe({**split(LLAMA3), "behavior": "Removed"}, BYTES), "Removed"),
        (bpe({**split(LLAMA3), "invert": True}, BYTES), "invert"),
        (bpe(split(LLAMA3.replace("{1,3}", "{1,4}")), BYTES), r"\{1,4\}"),
    ],
)
def test_unknown_ones_are_quoted(content, said):
    with pytest.raises(ExportError, match=said):
        pretokenizer_name(content)


@pytest.mark.parametrize(
    "content",
    [
        {"model": {"type": "BPE", "byte_fallback": True}, "pre_tokenizer": None},
        {"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Metaspace"}},
        {"model": {"type": "WordPiece"}, "pre_tokenizer": {"type": "BertPreTokenizer"}},
    ],
)
def test_other_vocabularies_have_none(content):
    assert not uses_pretokenizer(content)
    with pytest.raises(ExportError, match="byte-level BPE"):
        pretokenizer_name(content)
