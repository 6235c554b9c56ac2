"""Where the values of a gold stand in its text, word for word.

Contract: only what is certain counts. A string is found as whole words, upper and lower case and
white space aside; a number by its plain decimal form. What is found so is evidence that a change
of the text must keep; what is not found is a label, or said in other words.

>>> evidence("Ada lives in Rome.", {"name": "Ada", "city": "Rome"}).found["/city"]
[(13, 17)]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from setaccio.data.schema.pointers import leaves
from setaccio.data.text.words import Words

Span = tuple[int, int]
_BREAK = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|\s*\n+\s*|(?<=[。！？])")


@dataclass(frozen=True)
class Evidence:
    """What of a gold stands in its text.

    Attributes:
        found: JSON pointer of a leaf to every place where its value stands, in order.
        missing: pointers of the leaves that stand nowhere; nulls, true and false are not looked
            for and are among them, nulls excepted.
    """

    found: dict[str, list[Span]]
    missing: tuple[str, ...]

    @property
    def spans(self) -> list[Span]:
        """All places, merged where they overlap, in order."""
        return merge_spans(span for spans in self.found.values() for span in spans)

    def below(self, pointer: str) -> list[Span]:
        """The places of a leaf, or of all leaves inside an object or array."""
        return merge_spans(
            span
            for name, spans in self.found.items()
            if name == pointer or name.startswith(pointer + "/")
            for span in spans
        )


def evidence(text: str, gold: Any) -> Evidence:
    """Find every leaf of a gold in its text."""
    found: dict[str, list[Span]] = {}
    missing: list[str] = []
    for pointer, value in leaves(gold):
        places = mentions(text, value)
        if places:
            found[pointer] = places
        elif value is not None and value != "":
            missing.append(pointer)
    return Evidence(found, tuple(missing))


def mentions(text: str, value: Any) -> list[Span]:
    """Every place where a value stands as whole words; ``(start, end)`` in code points."""
    pattern = _pattern(value)
    if pattern is None:
        return []
    words = Words(text) if isinstance(value, str) else None
    found: list[Span] = []
    place = pattern.search(text)
    while place:
        whole = words is None or _is_whole(words, value, place)
        if whole:
            found.append(place.span())
        place = pattern.search(text, place.end() if whole else place.start() + 1)
    return found


def _is_whole(words: Words, value: str, place: re.Match[str]) -> bool:
    """Whether a value stands as whole words here; an edge is asked for only where the value itself
    begins or ends with a letter or digit."""
    start, end = place.span()
    inner, outer = value.strip()[0].isalnum(), value.strip()[-1].isalnum()
    return words.is_whole(start if inner else end, end if outer else start)


def _pattern(value: Any) -> re.Pattern[str] | None:
    if isinstance(value, str) and value.split():
        return re.compile(r"\s+".join(map(re.escape, value.split())), re.IGNORECASE)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    digits = f"{value:.15g}" if isinstance(value, float) else str(value)
    return re.compile(rf"(?<![\w.,]){re.escape(digits)}(?:\.0+)?(?![\w]|[.,]\d)")


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap or touch, and sort them."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def overlaps(span: Span, others: Iterable[Span]) -> bool:
    """Whether a span shares a character with one of the others."""
    return any(start < span[1] and span[0] < end for start, end in others)


def sentence_spans(text: str, whole: Iterable[Span] = ()) -> list[Span]:
    """Cut a text into sentences and lines, the white space between them left out.

    Args:
        text: the text.
        whole: spans that are never cut.
    """
    kept = list(whole)
    cuts = [cut.span() for cut in _BREAK.finditer(text) if _begins(text, cut.end())]
    cuts = [cut for cut in cuts if not overlaps((cut[0], max(cut[1], cut[0] + 1)), kept)]
    return list(_between(text, cuts, (0, len(text))))


def clauses(text: str, sentence: Span, whole: Iterable[Span] = ()) -> list[Span]:
    """Cut a sentence behind its commas and semicolons; ``whole`` is never cut."""
    kept = list(whole)
    found = re.compile(r"(?<=[,;])\s+").finditer(text, *sentence)
    cuts = [cut.span() for cut in found if not overlaps(cut.span(), kept)]
    return list(_between(text, cuts, sentence))


def _begins(text: str, at: int) -> bool:
    """Whether a sentence can begin here: with no small letter, as behind "approx." """
    return not text[at : at + 1].islower()


def _between(text: str, cuts: list[Span], area: Span) -> Iterator[Span]:
    edges = [area[0], *(edge for cut in cuts for edge in cut), area[1]]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        piece = text[start:end]
        if piece.strip():
            first = start + len(piece) - len(piece.lstrip())
            yield first, start + len(piece.rstrip())
