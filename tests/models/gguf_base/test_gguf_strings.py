"""The texts that tokenizers are compared on.

Run with: pytest tests/models/gguf_base/test_gguf_strings.py
"""

from __future__ import annotations

import unicodedata

from setaccio.models.gguf_base.strings import probe_strings


def test_there_are_ten_thousand_different_ones_and_always_the_same():
    probes = probe_strings(["<s>"], ["the", "re"])
    assert probes == probe_strings(["<s>"], ["the", "re"])
    assert len(set(probes)) >= 10_000
    assert {special for _, special in probes} == {True, False}


def test_they_hold_what_tokenizers_get_wrong():
    text = "".join(text for text, _ in probe_strings(["<|im_end|>"], []))
    kinds = {unicodedata.category(letter) for letter in set(text)}
    assert len(kinds) >= 27
    assert not {"Cs"} & kinds
    for wanted in (
        "\x04",
        "\t\t",
        "    ",
        "\r\n",
        "👩\u200d🍳",
        "don't",
        "<|im_end|>",
        "\U00040000",
    ):
        assert wanted in text
    assert not any("\ud800" <= letter <= "\udfff" for letter in text)


def test_special_tokens_come_as_tokens_and_as_text():
    probes = probe_strings(["<eos>"], [])
    assert {special for text, special in probes if text == "<eos>"} == {True, False}
