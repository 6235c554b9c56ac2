"""The pre-tokenizer that llama.cpp must use, decided from the tokenizer's own regex.

Contract: ``pretokenizer_name(tokenizer_json)`` gives the value of ``tokenizer.ggml.pre``.
llama.cpp implements each pre-tokenizer as a list of regular expressions under a name, and its
converter finds the name by hashing the ids of a test sentence, which only known vocabularies pass.
A vocabulary trained by anyone else has the same *regex* as one of the known ones, and the regex is
what matters. Two tokenizers with one regex may still differ in ``ignore_merges`` (a whole word
that is in the vocabulary is taken as it is), which llama.cpp also ties to the name.

Formats: ``tokenizer.json`` of the tokenizers library; names as in llama.cpp's ``llama-vocab.cpp``.
"""

from __future__ import annotations

from typing import Any

from setaccio.data.errors import ExportError

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CASED_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_EDGE = r"[^\r\n\p{L}\p{N}]?"

_QWEN2 = _CONTRACTIONS + rf"|{_EDGE}\p{{L}}+|\p{{N}}" + _TAIL
_LLAMA3 = _CONTRACTIONS + rf"|{_EDGE}\p{{L}}+|\p{{N}}{{1,3}}" + _TAIL
_QWEN35 = (
    _CONTRACTIONS
    + rf"|{_EDGE}[\p{{L}}\p{{M}}]+|\p{{N}}"
    + r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TEKKEN = rf"{_EDGE}{_UPPER}*{_LOWER}+|{_EDGE}{_UPPER}+{_LOWER}*|\p{{N}}" + _CASED_TAIL
_GPT4O = (
    rf"{_EDGE}{_UPPER}*{_LOWER}+{_CONTRACTIONS}?|{_EDGE}{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    r"|\p{N}{1,3}"
) + _CASED_TAIL

# What precedes the byte level, as (kind, regex), and ignore_merges -> llama.cpp's name.
_KNOWN: dict[tuple[tuple[str, ...], bool], str] = {
    ((_QWEN2,), False): "qwen2",
    ((_QWEN35,), False): "qwen35",
    ((_LLAMA3,), True): "llama-bpe",
    ((_LLAMA3,), False): "dbrx",
    ((_TEKKEN,), True): "tekken",
    ((_GPT4O,), False): "gpt-4o",
    (("byte-level words",), False): "gpt-2",
    (("single digits", "byte-level words"), False): "smollm",
}


def uses_pretokenizer(tokenizer_json: dict[str, Any]) -> bool:
    """Tell whether ``tokenizer.ggml.pre`` decides anything for this tokenizer.

    It does for byte-level BPE. SentencePiece vocabularies, also those written as BPE with byte
    fall-back as Llama 2 and Phi-3 have it, are read by llama.cpp without a pre-tokenizer.
    """
    steps = _steps(tokenizer_json.get("pre_tokenizer"))
    is_bpe = tokenizer_json.get("model", {}).get("type") == "BPE"
    return is_bpe and any(step.get("type") == "ByteLevel" for step in steps)


def pretokenizer_name(tokenizer_json: dict[str, Any]) -> str:
    """Name the pre-tokenizer of a byte-level BPE vocabulary as llama.cpp calls it.

    Args:
        tokenizer_json: the content of ``tokenizer.json``.

    Returns:
        The value of ``tokenizer.ggml.pre``.

    Raises:
        ExportError: not byte-level BPE, or a regex that no name is known for; it is quoted.
    """
    model = tokenizer_json.get("model", {})
    if not uses_pretokenizer(tokenizer_json):
        raise ExportError(
            f"The tokenizer is {model.get('type', 'of no type')} without a byte-level "
            "pre-tokenizer; only byte-level BPE vocabularies have one that llama.cpp names."
        )
    described = _describe(tokenizer_json["pre_tokenizer"])
    name = _KNOWN.get((described, bool(model.get("ignore_merges"))))
    if name is None:
        raise ExportError(
            f"Unknown pre-tokenizer: {' then '.join(described)} (ignore_merges "
            f"{bool(model.get('ignore_merges'))}). llama.cpp would split text in another way than "
            "training did. Use a base model whose tokenizer llama.cpp knows."
        )
    return name


def _steps(pre_tokenizer: Any) -> list[dict[str, Any]]:
    if not pre_tokenizer:
        return []
    if pre_tokenizer.get("type") == "Sequence":
        return [step for part in pre_tokenizer["pretokenizers"] for step in _steps(part)]
    return [pre_tokenizer]


def _describe(pre_tokenizer: dict[str, Any]) -> tuple[str, ...]:
    """Say what each step does; steps that do nothing are left out."""
    parts = []
    for step in _steps(pre_tokenizer):
        kind = step.get("type")
        if kind == "Split" and step.get("behavior") == "Isolated" and not step.get("invert"):
            parts.append(step["pattern"].get("Regex", str(step["pattern"])))
        elif kind == "Digits" and step.get("individual_digits"):
            parts.append("single digits")
        elif kind == "ByteLevel" and not step.get("add_prefix_space"):
            if step.get("use_regex", True):
                parts.append("byte-level words")
        else:
            parts.append(str(step))
    return tuple(parts)
