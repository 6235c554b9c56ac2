"""The pre-tokenizer that llama.cpp uses, and its name: from one to the other, both ways.

Contract: ``pretokenizer_name(tokenizer_json)`` gives the value of ``tokenizer.ggml.pre``, decided
from the tokenizer's own regex; ``pretokenizer_rule(name)`` gives the regexes behind such a value.
llama.cpp implements each pre-tokenizer as a list of regular expressions under a name, and its
converter finds the name by hashing the ids of a test sentence, which only known vocabularies pass.
A vocabulary trained by anyone else has the same *regex* as one of the known ones, and the regex is
what matters. Two tokenizers with one regex may still differ in ``ignore_merges`` (a whole word
that is in the vocabulary is taken as it is), which llama.cpp also ties to the name.

Formats: ``tokenizer.json`` of the tokenizers library; names as in llama.cpp's ``llama-vocab.cpp``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from setaccio.data.errors import ExportError, ModelError
from setaccio.data.task.hf_tokenizer import is_byte_level_bpe, steps_of

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

# llama.cpp's own regexes, which are not always the published ones: its engine can not tell capital
# letters of other scripts from small ones, and reads contractions without Unicode case folding.
_ASCII_CONTRACTIONS = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_ANY_UPPER = r"((?=[\p{L}])([^a-z]))"
_ANY_LOWER = r"((?=[\p{L}])([^A-Z]))"
_PUNCTUATED = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CJK = "[一-龥぀-ゟ゠-ヿ]+"
# llama.cpp makes every blank a tab before it matches this one, so none of its range is found.
_FAR_EAST = r"[一-龥ࠀ-一가-퟿&&[^\s]]+"
_L_QWEN2 = _ASCII_CONTRACTIONS + rf"|{_EDGE}\p{{L}}+|\p{{N}}" + _TAIL
_L_LLAMA3 = _ASCII_CONTRACTIONS + rf"|{_EDGE}\p{{L}}+|\p{{N}}{{1,3}}" + _TAIL
_L_QWEN35 = _QWEN35.replace(_CONTRACTIONS, _ASCII_CONTRACTIONS)
_L_TEKKEN = (
    rf"{_EDGE}{_ANY_UPPER}*{_ANY_LOWER}+|{_EDGE}{_ANY_UPPER}+{_ANY_LOWER}*|\p{{N}}" + _CASED_TAIL
)
_L_GPT4O = (
    rf"{_EDGE}{_ANY_UPPER}*{_ANY_LOWER}+{_ASCII_CONTRACTIONS}?"
    rf"|{_EDGE}{_ANY_UPPER}+{_ANY_LOWER}*{_ASCII_CONTRACTIONS}?|\p{{N}}{{1,3}}"
) + _CASED_TAIL
_L_BAILING = (
    r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" + _EDGE + r"\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
_L_SEED = (
    _ASCII_CONTRACTIONS + rf"|{_EDGE}\p{{L}}+|\p{{N}}{{1}}"
    r"| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_L_EXAONE_MOE = (
    _ASCII_CONTRACTIONS + rf"|{_EDGE}(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
)
_L_MINICPM5 = _ASCII_CONTRACTIONS + rf"|{_EDGE}\p{{L}}+|\p{{N}}+" + _TAIL
_L_UFAKZEKA = rf"{_EDGE}\p{{L}}+|\p{{N}}" + _TAIL
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", _WORDS, r"\p{N}+", "[0-9][0-9][0-9]")


class PretokenizerRule(NamedTuple):
    """How llama.cpp cuts text before byte-level BPE.

    Attributes:
        regexes: each cuts the pieces that the one before left; matches and what lies between them
            are pieces of their own.
        whole_words: whether a piece that is a token is taken as it is (``ignore_merges``).
    """

    regexes: tuple[str, ...]
    whole_words: bool = False


# By the rule, the names that llama.cpp's `llama-vocab.cpp` gives it.
_RULES: dict[PretokenizerRule, str] = {
    PretokenizerRule(_DEFAULT): "default",
    PretokenizerRule((_L_LLAMA3,), True): (
        "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 glm4 glm5"
    ),
    PretokenizerRule((_L_LLAMA3,)): "dbrx smaug-bpe chatglm-bpe",
    PretokenizerRule((_L_QWEN2,)): (
        "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2"
    ),
    PretokenizerRule((_L_QWEN35,)): "qwen35",
    PretokenizerRule((_L_TEKKEN,), True): "tekken",
    PretokenizerRule((_L_GPT4O,)): "gpt-4o llama4 kanana2 talkie minimax-m2",
    PretokenizerRule((_WORDS,)): (
        "gpt-2 phi-2 gigachat a.x-4.0 mellum mpt olmo jais trillion granite-docling exaone4"
    ),
    PretokenizerRule((r"\p{N}", _WORDS)): (
        "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2"
    ),
    PretokenizerRule((r"[\p{P}\$\+<=>\^~\|`]+", _WORDS, "[0-9][0-9][0-9]")): "falcon",
    PretokenizerRule((r"\p{N}{1,3}", _CJK, _PUNCTUATED)): (
        "deepseek-v3 hunyuan-dense hy_v4 joyai-llm"
    ),
    PretokenizerRule(
        (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _FAR_EAST, r"\p{N}")
    ): "deepseek-coder",
    PretokenizerRule((_L_BAILING,)): "bailingmoe bailingmoe2 llada-moe",
    PretokenizerRule((_L_SEED,)): "seed-coder",
    PretokenizerRule((_L_EXAONE_MOE,)): "exaone-moe",
    PretokenizerRule((_L_UFAKZEKA,)): "ufakzeka",
    PretokenizerRule((r"\p{N}{1,3}", _L_MINICPM5), True): "minicpm5",
    PretokenizerRule((r"[^\n]+|[\n]+", _L_QWEN2)): "laguna",
}
_RULE_OF = {name: rule for rule, names in _RULES.items() for name in names.split()}


def pretokenizer_names() -> tuple[str, ...]:
    """One name of each known rule."""
    return tuple(names.split()[0] for names in _RULES.values())


def pretokenizer_rule(name: str) -> PretokenizerRule:
    """Tell how llama.cpp cuts text for a value of ``tokenizer.ggml.pre``.

    Args:
        name: the value; empty where the file has none, which llama.cpp takes for ``default``.

    Raises:
        ModelError: no rule is known for that name.
    """
    rule = _RULE_OF.get(name or "default")
    if rule is None:
        raise ModelError(
            f"The pre-tokenizer {name!r} is not known here, so training could not see the token "
            f"ids that llama.cpp sees. Known: {', '.join(sorted(_RULE_OF))}."
        )
    return rule


def uses_pretokenizer(tokenizer_json: dict[str, Any]) -> bool:
    """Tell whether ``tokenizer.ggml.pre`` decides anything for this tokenizer.

    It does for byte-level BPE. SentencePiece vocabularies, also those written as BPE with byte
    fall-back as Llama 2 and Phi-3 have it, are read by llama.cpp without a pre-tokenizer.
    """
    return is_byte_level_bpe(tokenizer_json)


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


def _describe(pre_tokenizer: dict[str, Any]) -> tuple[str, ...]:
    """Say what each step does; steps that do nothing are left out."""
    parts = []
    for step in steps_of(pre_tokenizer, "pretokenizers"):
        kind = step.get("type")
        # To drop what does not match is the same, where the regex matches all there is.
        cut = (step.get("behavior"), bool(step.get("invert")))
        if kind == "Split" and cut in (("Isolated", False), ("Removed", True)):
            parts.append(step["pattern"].get("Regex", str(step["pattern"])))
        elif kind == "Digits" and step.get("individual_digits"):
            parts.append("single digits")
        elif kind == "ByteLevel" and not step.get("add_prefix_space"):
            if step.get("use_regex", True):
                parts.append("byte-level words")
        else:
            parts.append(str(step))
    return tuple(parts)
