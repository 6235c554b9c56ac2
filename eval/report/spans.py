"""Where a value stands in its document, in the units that JavaScript counts.

An output may say so itself: ``spans`` in its row maps the JSON Pointer of a leaf to ``{"start",
"end"}`` or ``[start, end]`` in code points. For any other leaf the text is searched: as written,
then with letters of any case; a value that comes twice is found at two places where there are two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from setaccio.data.task.task import Json

Span = tuple[int, int]


def declared_span(value: Json, text: str) -> Span | None:
    """A span as a row declares it, if it is one within the text."""
    if isinstance(value, dict):
        value = [value.get("start"), value.get("end")]
    if not (isinstance(value, list) and len(value) == 2):
        return None
    start, end = value
    if not all(isinstance(edge, int) and not isinstance(edge, bool) for edge in value):
        return None
    return (start, end) if 0 <= start < end <= len(text) else None


class Finder:
    """Searches one text for values, a place further on each time the same value is asked for."""

    def __init__(self, text: str) -> None:
        lower = text.lower()
        # Letters whose small form is longer would shift everything behind them.
        self._texts = [text, lower] if len(lower) == len(text) else [text]
        self._next: dict[str, int] = {}

    def find(self, value: Any) -> Span | None:
        """Where a string or number stands; None for other values, and when it stands nowhere."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        needle = str(value).strip()
        if not needle:
            return None
        for text, wanted in zip(self._texts, (needle, needle.lower()), strict=False):
            for start in (self._next.get(wanted, 0), 0):
                at = _find_word(text, wanted, start)
                if at >= 0:
                    self._next[wanted] = at + len(wanted)
                    return at, at + len(wanted)
        return None


def _find_word(text: str, needle: str, start: int) -> int:
    """First place at which ``needle`` is not part of a longer word or number; -1 if none."""
    at = text.find(needle, start)
    while at >= 0:
        end = at + len(needle)
        before = at > 0 and needle[0].isalnum() and text[at - 1].isalnum()
        after = end < len(text) and needle[-1].isalnum() and text[end].isalnum()
        if not before and not after:
            return at
        at = text.find(needle, at + 1)
    return -1


def utf16_offsets(text: str) -> Callable[[Span], Span]:
    """A function from a span in code points to the same span in UTF-16 units."""
    if not text or max(text) <= "\uffff":
        return lambda span: span
    units: Iterable[int] = (2 if character > "\uffff" else 1 for character in text)
    offsets = [0, *accumulate(units)]
    return lambda span: (offsets[span[0]], offsets[span[1]])
