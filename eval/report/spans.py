"""Where a value stands in its document, in the units that JavaScript counts.

An output may say so itself: ``spans`` in its row maps the JSON Pointer of a leaf to ``{"start",
"end"}`` or ``[start, end]`` in code points. Any other leaf is searched as the runtime does
(:mod:`setaccio.data.text.evidence`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from setaccio.data.task.task import Json
from setaccio.data.text.evidence import SourceText
from setaccio.data.text.sentences import Passage


def declared_span(value: Json, text: str) -> Passage | None:
    """A span as a row declares it, if it is one within the text."""
    if isinstance(value, dict):
        value = [value.get("start"), value.get("end")]
    if not (isinstance(value, list) and len(value) == 2):
        return None
    start, end = value
    if not all(isinstance(edge, int) and not isinstance(edge, bool) for edge in value):
        return None
    return (start, end) if 0 <= start < end <= len(text) else None


def leaf_passages(source: SourceText, value: Any, declared: Json = None) -> dict[str, Passage]:
    """Where the leaves of a value stand, by JSON pointer.

    Args:
        source: the document.
        value: gold or an answer.
        declared: the ``spans`` of an output's row. What they say of a leaf counts, and a leaf that
            they place nowhere is not searched.
    """
    found = {
        pointer: (span.start, span.end)
        for pointer, span in source.ground(value).items()
        if span.is_evidence
    }
    for pointer, said in declared.items() if isinstance(declared, dict) else ():
        if place := declared_span(said, source.text):
            found[pointer] = place
        else:
            found.pop(pointer, None)
    return found


def utf16_offsets(text: str) -> Callable[[Passage], Passage]:
    """A function from a span in code points to the same span in UTF-16 units."""
    if not text or max(text) <= "\uffff":
        return lambda span: span
    units: Iterable[int] = (2 if character > "\uffff" else 1 for character in text)
    offsets = [0, *accumulate(units)]
    return lambda span: (offsets[span[0]], offsets[span[1]])
