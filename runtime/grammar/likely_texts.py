"""Texts that a schema's patterns, formats and bounds make likely, as ways to end a value.

    >>> likely_texts({"type": "string", "pattern": "^[^@]+@[^@]+[.][a-z]{2,}$"})
    ('a@a.aa', '@a.aa', 'a.aa', '.aa', 'aa', 'a')

They are no more than guesses (groups, look-around and the greatest number of repetitions are not
read); the grammar judges each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from setaccio.data.schema.walk import subschemas

MOST_TEXTS = 256
"""Texts that are kept for a schema, the ends of others included."""

LONGEST_TEXT = 48
"""Characters of the longest text, counted from its end."""

_FORMATS = {"email": "a@a.aa", "uri": "a://a.aa/a"}
_BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")
_ATOM = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.|\[\^?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,\d*)?\}|.",
    re.DOTALL,
)
_CLASSES = {"d": "1", "s": " ", "w": "a", "D": "a", "S": "a", "W": " ", "b": "", "B": ""}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}


def likely_texts(schema: dict[str, Any]) -> tuple[str, ...]:
    """Collect them.

    Args:
        schema: the JSON Schema of an answer.

    Returns:
        One text for each pattern, format and bound, and all ends of these, each once.
    """
    found: dict[str, None] = {}
    for text in _whole(schema):
        text = text[-LONGEST_TEXT:]
        # All its ends: an answer may have been cut off anywhere inside it.
        for start in range(len(text)):
            found.setdefault(text[start:])
            if len(found) >= MOST_TEXTS:
                return tuple(found)
    return tuple(found)


def _whole(schema: dict[str, Any]) -> Iterator[str]:
    for _, part in subschemas(schema):
        if isinstance(part.get("pattern"), str):
            yield from _samples(part["pattern"])
        for pattern in part.get("patternProperties", {}):
            yield from _samples(pattern)
        yield _FORMATS.get(str(part.get("format")), "")
        for keyword in _BOUNDS:
            value = part.get(keyword)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                yield format(Decimal(str(value)), "f")


def _samples(pattern: str) -> Iterator[str]:
    """What each branch of a pattern could match."""
    branch: list[str] = []
    for atom in _ATOM.finditer(pattern):
        text = atom[0]
        if text == "|":
            yield "".join(branch)
            branch = []
        elif atom[1] is not None:
            branch.extend(branch[-1:] * min(int(atom[1]) - 1, LONGEST_TEXT))
        elif text not in "^$()?*+":
            branch.append(_one_of(text))
    yield "".join(branch)


def _one_of(atom: str) -> str:
    """A character that an atom of a pattern matches."""
    if atom == ".":
        return "a"
    if len(atom) > 1 and atom[0] == "[":
        if atom[1] == "^":
            return next(char for char in "a1 A-~" if char not in atom)
        return _one_of(next(_ATOM.finditer(atom[1:-1]))[0]) if len(atom) > 2 else ""
    if atom[0] != "\\" or len(atom) == 1:
        return atom
    if len(atom) > 2:
        return chr(int(atom[2:], 16))
    return _CLASSES.get(atom[1], _CONTROLS.get(atom[1], atom[1]))
