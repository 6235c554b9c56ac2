"""Where in the document does each value of an answer stand?

    >>> ground("Beat 2 eggs with ½ cup of Sugar.", {"eggs": 2, "sugar": "1/2 cup of sugar"})
    {'/eggs': Span(start=5, end=6, how='exact', score=1.0),
     '/sugar': Span(start=17, end=31, how='normalised', score=1.0)}

A string is looked for as it stands, then folded (:mod:`setaccio.data.text.folding`), then by
likeness (rapidfuzz's partial alignment, accents aside, from :data:`LEAST_LIKENESS` on; every number
in the value must stand in the passage as well, so that ``250 g flour`` is never grounded in ``200 g
flour``). A number is looked for by its value, in whichever way the text writes it. Of several
places the first one behind the list's preceding item is taken, otherwise the first; whole words win
over parts of words. Offsets count Unicode code points, as Python's strings do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from rapidfuzz import fuzz

from setaccio.data.schema.pointers import join, leaves
from setaccio.data.text.folding import Bare, Folded, fold
from setaccio.data.text.numerals import Numeral, numerals, to_fraction
from setaccio.data.text.words import LEAST_COVERED, Words, is_joined

How = Literal["exact", "normalised", "fuzzy"]

LEAST_LIKENESS = 0.8
"""Likeness (0 to 1) from which a passage counts as the source of a value."""

_FIRST_LOOK = 0.6
"""Likeness of a passage as long as the value from which its surroundings are tried as well."""

SHORTEST_FUZZY = 4
"""Letters and other characters, accents aside, below which likeness says nothing."""

_ALMOST = 0.9999


@dataclass(frozen=True)
class Span:
    """A passage of the document.

    Attributes:
        start: offset of its first character, in code points.
        end: offset behind its last one.
        how: ``exact``, ``normalised`` or ``fuzzy``.
        score: 1 for whole words; for a value inside longer words the share of them that it makes
            up; for ``fuzzy`` the likeness.
    """

    start: int
    end: int
    how: How
    score: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """The fields as a plain dictionary, the score rounded to four digits."""
        return {
            "start": self.start,
            "end": self.end,
            "how": self.how,
            "score": round(self.score, 4),
        }


def is_groundable(value: Any) -> bool:
    """Whether a leaf is a number or a string with something to be seen in it."""
    if isinstance(value, bool) or value is None:
        return False
    return bool(fold(value)) if isinstance(value, str) else isinstance(value, (int, float))


def _find_all(text: str, value: str) -> Iterator[int]:
    at = text.find(value)
    while at >= 0:
        yield at
        at = text.find(value, at + 1)


def _best(found: Iterator[tuple[int, int, float]], how: How, after: int) -> Span | None:
    """Whole words before parts, then what stands behind ``after``, then the first.

    Args:
        found: start, end and score of each place.
        how: how it was found.
        after: offset behind which it is expected.
    """
    best = min(found, key=lambda place: (-place[2], place[0] < after, place[0]), default=None)
    return Span(best[0], best[1], how, best[2]) if best else None


class SourceText:
    """A document that values are looked for in; prepare it once for all of them.

    Args:
        text: the document.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._words = Words(text)

    @functools.cached_property
    def _folded(self) -> Folded:
        return Folded(self.text)

    @functools.cached_property
    def _bare(self) -> Bare:
        return Bare(self._folded)

    @functools.cached_property
    def _numerals(self) -> dict[Fraction, list[Numeral]]:
        found: dict[Fraction, list[Numeral]] = {}
        for numeral in numerals(self.text):
            for value in numeral.values:
                found.setdefault(value, []).append(numeral)
        return found

    def find(self, value: str | float, after: int = 0) -> Span | None:
        """Find one leaf.

        Args:
            value: a string or number.
            after: offset behind which it is expected.

        Returns:
            The passage, or None where there is none.
        """
        if not is_groundable(value):
            return None
        if not isinstance(value, str):
            return self._number(str(value), after)
        exact = _best(self._exact(value), "exact", after)
        if exact and exact.score == 1.0:
            return exact
        number = self._number(value, after) if value.strip()[:1].isdecimal() else None
        if number:
            return number
        folded = _best(self._normalised(fold(value)), "normalised", after)
        if folded and folded.score == 1.0:
            return folded
        return exact or folded or self._fuzzy(fold(value), after)

    def _number(self, written: str, after: int) -> Span | None:
        value = to_fraction(written.strip())
        if value is None:
            return None
        plain = written.strip().removesuffix(".0")
        found = self._numerals.get(value, [])
        in_digits = [numeral for numeral in found if not numeral.word]
        spans = (
            Span(n.start, n.end, "exact" if self.text[n.start : n.end] == plain else "normalised")
            for n in in_digits or found
        )
        # A number is the same number however it is written, but the same writing comes first.
        return min(spans, key=lambda s: (s.start < after, s.how, s.start), default=None)

    def _exact(self, value: str) -> Iterator[tuple[int, int, float]]:
        for at in _find_all(self.text, value):
            end = at + len(value)
            yield at, end, self._words.covered(at, end)

    def _normalised(self, value: str) -> Iterator[tuple[int, int, float]]:
        folded = self._folded
        for at in _find_all(folded.text, value):
            if folded.is_whole(at, at + len(value)):
                start, end = folded.original(at, at + len(value))
                yield start, end, self._words.covered(start, end)

    def _fuzzy(self, value: str, after: int) -> Span | None:
        """The passage most like a folded value. Accents do not count: neither whether a passage is
        found nor how long that takes depends on them."""
        bare = Bare(Folded(value)).text
        if len(bare) < SHORTEST_FUZZY:
            return None
        begin = self._bare.behind(after)
        for offset in (begin, 0) if 0 < begin < len(self._bare.text) else (0,):
            found = self._alike(bare, offset)
            if found:
                start, end = self._bare.folded(*found[:2])
                score = found[2]
                if score == 1.0:  # the accents are all that differs
                    likeness = fuzz.ratio(value, self._folded.text[start:end]) / 100
                    score = min(max(likeness, LEAST_LIKENESS), _ALMOST)
                return Span(*self._folded.original(start, end), "fuzzy", score)
        return None

    def _alike(self, value: str, offset: int) -> tuple[int, int, float] | None:
        text = self._bare.text[offset:]
        if not text:
            return None
        found = fuzz.partial_ratio_alignment(value, text, score_cutoff=100 * _FIRST_LOOK)
        if found is None or found.dest_start == found.dest_end:
            return None
        start, end = self._whole_words(offset + found.dest_start, offset + found.dest_end)
        start, end, score = self._widen(value, start, end)
        passage = self._bare.text[start:end]
        if score < LEAST_LIKENESS or not _same_numbers(value, passage):
            return None
        start = self._first_like(start, end, offset)
        return start, start + len(passage), score

    def _first_like(self, start: int, end: int, offset: int) -> int:
        """Where the same passage stands first: equal ones are equally alike."""
        text = self._bare.text
        for at in _find_all(text[:end], text[start:end]):
            edges = at, at + end - start
            if at >= offset and not any(is_joined(text, e) or self._bare.splits(e) for e in edges):
                return at
        return start

    def _widen(self, value: str, start: int, end: int) -> tuple[int, int, float]:
        """Take in or leave out words at the ends of a passage as long as it becomes more alike."""
        text = self._bare.text
        best = start, end, fuzz.ratio(value, text[start:end]) / 100
        while True:
            start, end, score = best
            inner_left, inner_right = text.find(" ", start, end), text.rfind(" ", start, end)
            edges = [(start, self._word_end(end)), (self._word_start(start), end)]
            if inner_left >= 0:
                edges += [(inner_left + 1, end), (start, inner_right)]
            for left, right in edges:
                likeness = fuzz.ratio(value, text[left:right]) / 100
                if likeness > best[2]:
                    best = left, right, likeness
            if best[2] <= score:
                return best

    def _word_end(self, end: int) -> int:
        following = self._bare.text.find(" ", end + 1)
        return following if following >= 0 else len(self._bare.text)

    def _word_start(self, start: int) -> int:
        return self._bare.text.rfind(" ", 0, max(0, start - 1)) + 1

    def _whole_words(self, start: int, end: int) -> tuple[int, int]:
        """Widen a passage to whole words, blanks at its ends left out."""
        text = self._bare.text
        while end > start + 1 and text[end - 1] == " ":
            end -= 1
        while start < end - 1 and text[start] == " ":
            start += 1
        # Each edge for itself: where one falls inside a character, the other is right all the same.
        while is_joined(text, start) or self._bare.splits(start):
            start -= 1
        while is_joined(text, end) or self._bare.splits(end):
            end += 1
        return start, end


def _same_numbers(value: str, passage: str) -> bool:
    """Whether every number of a value stands in a passage."""
    there = {number for numeral in numerals(passage) for number in numeral.values}
    return all(n.word or n.values & there for n in numerals(value))


def ground(text: str, data: Any) -> dict[str, Span]:
    """Find the passage of each string and number of an answer.

    Args:
        text: the document.
        data: the answer, any JSON value.

    Returns:
        JSON pointer to passage; leaves that are not grounded are absent.
    """
    spans: dict[str, Span] = {}
    _ground(SourceText(text), data, "", 0, spans)
    return spans


def _ground(
    source: SourceText, value: Any, pointer: str, after: int, spans: dict[str, Span]
) -> int:
    """Ground a part of the answer; returns the offset behind the last passage found for it."""
    furthest = after
    if isinstance(value, dict):
        for key, part in value.items():
            furthest = max(furthest, _ground(source, part, join(pointer, key), after, spans))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            furthest = _ground(source, part, join(pointer, index), furthest, spans)
    else:
        span = source.find(value, after)
        if span:
            spans[pointer] = span
            return span.end
    return furthest


def ungrounded(data: Any, spans: Mapping[str, Span]) -> list[str]:
    """Pointers of the leaves that could be grounded and are not.

    Args:
        data: the answer.
        spans: from :func:`ground`. A value that is only a small part of longer words, as ``ham``
            in ``champion``, counts as not grounded.
    """
    return [
        pointer
        for pointer, value in leaves(data)
        if is_groundable(value)
        and not (pointer in spans and (spans[pointer].score >= LEAST_COVERED))
    ]
