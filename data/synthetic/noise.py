"""Small faults of real texts, put into a finished example so that text and gold still agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from setaccio.data.synthetic.example import Example


def noise(rng: random.Random, example: Example) -> Example:
    """Return `example`, at times with a misspelt word or without capital letters.

    A change is made alike in the text and in the gold, because the gold copies the text.
    """
    draw = rng.random()
    if draw < 0.04:
        return _misspell(rng, example)
    if draw < 0.07 and example.family not in ("procedures", "definitions"):
        return _change(example, str.lower)
    return example


def _enums(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "enum":
                yield from (each for each in value if each is not None)
            else:
                yield from _enums(value)


def _change(example: Example, change: Callable[[str], str]) -> Example:
    """Apply `change` to the text and to every string of the gold that is not from an enum."""
    fixed = set(_enums(example.schema))

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return value if value in fixed else change(value)
        if isinstance(value, list):
            return [walk(each) for each in value]
        if isinstance(value, dict):
            return {key: walk(each) for key, each in value.items()}
        return value

    return replace(example, text=change(example.text), gold=walk(example.gold))


def _misspell(rng: random.Random, example: Example) -> Example:
    """Misspell one longer word wherever it occurs."""
    found = [word for word in example.text.split() if len(word) > 5 and word.isalpha()]
    if not found:
        return example
    word = rng.choice(found)
    if any(word in each for each in _enums(example.schema)):
        return example
    at = rng.randrange(1, len(word) - 1)
    wrong = rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )
    other, mistaken = word[0].swapcase() + word[1:], word[0].swapcase() + wrong[1:]
    return _change(example, lambda text: text.replace(word, wrong).replace(other, mistaken))
