"""Exchange words of an example for others, in its text and its gold alike.

A generator has its own words; what it never says, a model grown on it can not copy: the output
layer learns of a token that never comes only that it is wrong, all such tokens end up alike, and
one is written for the other. Exchanged words bring every token of the vocabulary into the
examples.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

from setaccio.data.synthetic.example import Example
from setaccio.data.task import dump_compact

EXAMPLES = 0.7  # of the examples have words exchanged
WORDS = 0.5  # of the words that such an example could exchange
_WORD = re.compile(r"[^\W\d_]{5,}")  # shorter ones hold sentences together: and, with, then


class WordExchange:
    """Exchanges words for draws from a list.

    Args:
        words: what may be put in, such as the words and pieces of words of a vocabulary.
        weights: how often each is drawn, in the order of ``words``.
    """

    def __init__(self, words: list[str], weights: list[float]) -> None:
        self._words, self._weights = words, weights

    def __call__(self, rng: random.Random, example: Example) -> Example:
        """The example, or the same one with other words.

        Only words that stand in the text and in the gold are exchanged, each for one other
        throughout, upper and lower case as before; the words of the schema and of the instruction
        stay, so what is a key or one of several choices keeps its meaning.
        """
        if rng.random() >= EXAMPLES:
            return example
        kept = set(_spoken(dump_compact(example.schema) + " " + example.instruction))
        said = set(_spoken(example.text))
        found = dict.fromkeys(w for leaf in _strings(example.gold) for w in _spoken(leaf))
        chosen = [w for w in found if w in said and w not in kept and rng.random() < WORDS]
        if not chosen:
            return example
        drawn = rng.choices(self._words, self._weights, k=len(chosen))
        table = dict(zip(chosen, drawn, strict=True))

        def swap(text: str) -> str:
            return _WORD.sub(lambda m: _cased(table.get(m[0].casefold()), m[0]), text)

        return replace(example, text=swap(example.text), gold=_mapped(swap, example.gold))


def _spoken(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return [value] if isinstance(value, str) else []


def _mapped(swap: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(swap, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(swap, inner) for inner in value]
    return swap(value) if isinstance(value, str) else value


def _cased(word: str | None, like: str) -> str:
    if word is None:
        return like
    if like.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if like[0].isupper() else word
