"""The text side of the prose writer: marks around what belongs to the gold, letters, lines.

Contract: a span between two marks of ``TITLE``, ``ITEM`` or ``STEP`` belongs to the gold; ``cut``
reads the gold out of a marked text and takes the marks away. Every function takes marked text.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

# A span of the text that belongs to the gold stands between two of these until the end.
TITLE, ITEM, STEP = ("\x01", "\x02"), ("\x03", "\x04"), ("\x05", "\x06")
MARK = re.compile("[\x01-\x06]")
# Words that begin a step without being its verb.
_NO_VERB = {"in", "on", "with", "using", "over", "when", "once", "while", "if", "for", "to", "at",
            "after", "as", "until", "before", "by", "the", "a", "an", "you", "it", "from",
            "alternately", "without", "during", "carefully"}  # fmt: skip


class Prose(NamedTuple):
    """A text and its gold ``{title, ingredients, directions}``."""

    text: str
    gold: dict[str, str | list[str]]


def agree(match: re.Match[str]) -> str:
    """The plural of ``{L} is``, ``goes`` and ``comes``."""
    return "{L} " + {"is": "are", "goes": "go", "comes": "come"}[match[1]]


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


def unstopped(sentence: str, rng: random.Random) -> str:
    """Leave out a step's full stop, once in a while."""
    if rng.random() < 0.15 and sentence.endswith("." + STEP[1]):
        return sentence[:-2] + STEP[1]
    return sentence


def wrap(text: str, width: int) -> str:
    """Break lines at spaces the way mail programs do."""
    lines, column = [], 0
    for word in text.split(" "):
        length = len(MARK.sub("", word))
        if column and column + length > width:
            lines.append("\n" + word)
            column = length
        else:
            lines.append((" " if lines else "") + word)
            column += length + 1
    return "".join(lines)


def cut(marked: str) -> Prose:
    """Read the gold out of the marked text and take the marks away."""

    def spans(mark: tuple[str, str]) -> list[str]:
        found = re.findall(f"{mark[0]}(.*?){mark[1]}", marked, re.DOTALL)
        return [" ".join(MARK.sub("", span).split()) for span in found]

    gold: dict[str, str | list[str]] = {
        "title": spans(TITLE)[0],
        "ingredients": list(spans(ITEM)),
        "directions": [capitalised(step) for step in spans(STEP)],
    }
    return Prose(MARK.sub("", marked).strip(), gold)
