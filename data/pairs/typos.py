"""Changes of a text that leave the evidence of its gold as it is: case, typing errors, spacing.

Contract: each function changes the text outside of the protected passages only. What stands in them
comes out letter for letter, in the same order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from setaccio.data.text.sentences import Passage, overlaps

WORDS_PER_ERROR = 12
_LEAST_LETTERS = 4
_SPACES = (" ", " ", "  ", "\n", "   ", "\n\n", "\t")


def _outside(text: str, kept: Sequence[Passage], change: Callable[[str], str]) -> str:
    """Apply a change between the protected passages."""
    parts, at = [], 0
    for start, end in kept:
        parts += [change(text[at:start]), text[start:end]]
        at = end
    return "".join([*parts, change(text[at:])])


def change_case(text: str, kept: Sequence[Passage], rng: random.Random) -> str:
    """All small, all capital, or small sentence beginnings."""
    return _outside(text, kept, rng.choice((str.lower, str.upper, _small_beginnings)))


def _small_beginnings(text: str) -> str:
    return re.sub(r"(^|[.!?]\s+)(\w)", lambda found: found[1] + found[2].lower(), text)


def change_spaces(text: str, kept: Sequence[Passage], rng: random.Random) -> str:
    """Other white space: doubled blanks, line breaks and tabs in the place of about a quarter."""

    def change(part: str) -> str:
        return re.sub(
            r"\s+", lambda found: rng.choice(_SPACES) if rng.random() < 0.25 else found[0], part
        )

    ends = ("", "", " ", "\n")
    return rng.choice(ends) + _outside(text, kept, change) + rng.choice(ends)


def change_letters(
    text: str, kept: Sequence[Passage], rng: random.Random, spared: frozenset[str] = frozenset()
) -> str:
    """Typing errors: letters swapped, lost or doubled, in one word of twelve.

    Args:
        text: the text.
        kept: protected passages.
        rng: decides which words and how.
        spared: words, casefolded, that stay right wherever they stand.
    """
    words = [
        found.span()
        for found in re.finditer(rf"[^\W\d_]{{{_LEAST_LETTERS},}}", text)
        if not overlaps(found.span(), kept) and found[0].casefold() not in spared
    ]
    count = min(len(words), max(1, len(text.split()) // WORDS_PER_ERROR))
    for start, end in sorted(rng.sample(words, count), reverse=True):
        text = text[:start] + _mistype(text[start:end], rng) + text[end:]
    return text


def _mistype(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    lost, doubled = word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]
    return rng.choice([each for each in (swapped, lost, doubled) if each != word])
