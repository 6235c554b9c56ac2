"""The text side of the prose writer: marks around what belongs to the gold, letters, lines.

Contract: a span between two marks of ``TITLE``, ``ITEM`` or ``STEP`` belongs to the gold; ``cut``
reads the gold out of a marked text and takes the marks away.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from setaccio.data.recipes.prose_parts import pool

TITLE, ITEM, STEP = ("\x01", "\x02"), ("\x03", "\x04"), ("\x05", "\x06")
MARK = re.compile("[\x01-\x06]")
# Words that begin a step without being its verb.
_NO_VERB = frozenset(
    pool(
        """in|on|with|using|over|when|once|while|if|for|to|at|after|as|until|before|by|the|a|an|
        you|it|from|alternately|without|during"""
    )
)


class Prose(NamedTuple):
    """A text and its gold ``{title, ingredients, directions}``."""

    text: str
    gold: dict[str, str | list[str]]


def mark(kind: tuple[str, str], text: str) -> str:
    """Put the marks of a kind around a text."""
    return kind[0] + text + kind[1]


def first_word(step: str) -> str:
    """The first word of a step, in small letters."""
    return MARK.sub("", step).split(" ")[0].strip(",.;:").lower()


def verbless(step: str) -> bool:
    """Whether a step begins with another word than its verb."""
    word = first_word(step)
    return word in _NO_VERB or word.endswith("ly")


def capitalised(text: str) -> str:
    """Begin with a capital."""
    at = 1 if MARK.match(text) else 0
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]


def lower(text: str) -> str:
    """Begin with a small letter, unless the word is written in capitals."""
    at = 1 if MARK.match(text) else 0
    if text[at + 1 : at + 2].isupper():
        return text
    return text[:at] + text[at : at + 1].lower() + text[at + 1 :]


def cut(marked: str) -> Prose:
    """Read the gold out of a marked text and take the marks away."""

    def spans(kind: tuple[str, str]) -> list[str]:
        found = re.findall(f"{kind[0]}(.*?){kind[1]}", marked, re.DOTALL)
        return [" ".join(MARK.sub("", span).split()) for span in found]

    gold: dict[str, str | list[str]] = {
        "title": spans(TITLE)[0],
        "ingredients": list(spans(ITEM)),
        "directions": [capitalised(step) for step in spans(STEP)],
    }
    return Prose(MARK.sub("", marked).strip(), gold)
