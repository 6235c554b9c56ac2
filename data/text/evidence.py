"""Where a value stands in a text: the one answer for data checks, augmentation, runtime and report.

    >>> ground("Beat 2 eggs with ½ cup of Sugar.", {"eggs": 2, "sugar": "1/2 cup of sugar"})
    {'/eggs': Span(start=5, end=6, how='exact', score=1.0),
     '/sugar': Span(start=17, end=31, how='normalised', score=1.0)}

A string is searched as it stands, then folded (:mod:`setaccio.data.text.folding`), then by likeness
(:mod:`setaccio.data.text.fuzzy`). A number is searched by its value, in whichever way the text
writes it (:mod:`setaccio.data.text.numerals`). Of several places the first one behind the list's
preceding item is taken, otherwise the first; whole words win over parts of words. Offsets count
Unicode code points, as Python's strings do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from setaccio.data.schema.pointers import is_within, join, leaves
from setaccio.data.text.folding import Folded, fold
from setaccio.data.text.fuzzy import FuzzySearch, find_all
from setaccio.data.text.numerals import Numeral, numerals, to_fraction
from setaccio.data.text.sentences import Passage, merge_passages
from setaccio.data.text.words import LEAST_COVERED, Words

How = Literal["exact", "normalised", "fuzzy"]


@dataclass(frozen=True)
class Span:
    """A passage of the document.

    Attributes:
        start: offset of its first character, in code points.
        end: offset behind its last one.
        how: ``exact``, ``normalised`` or ``fuzzy``.
        score: 1 for whole words; for a value inside longer words the share of them that it makes
            up; for ``fuzzy`` the likeness.
        source: where it stands in the file that the text was read from, as
            :meth:`setaccio.data.text.places.SourceMap.locate` says; empty for a plain text.
    """

    start: int
    end: int
    how: How
    score: float = 1.0
    source: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_evidence(self) -> bool:
        """Whether the value is said here, and is not a small part of longer words, as ``ham`` is
        in ``champion``."""
        return self.score >= LEAST_COVERED

    def to_dict(self) -> dict[str, Any]:
        """The fields as a plain dictionary, the score rounded to four digits."""
        return {
            "start": self.start,
            "end": self.end,
            "how": self.how,
            "score": round(self.score, 4),
            **self.source,
        }


def is_groundable(value: Any) -> bool:
    """Whether a leaf is a number or a string with something to be seen in it."""
    if isinstance(value, bool) or value is None:
        return False
    return bool(fold(value)) if isinstance(value, str) else isinstance(value, (int, float))


class SourceText:
    """A document in which values are searched; prepare it once for all of them.

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
    def _fuzzy(self) -> FuzzySearch:
        return FuzzySearch(self._folded)

    @functools.cached_property
    def _numerals(self) -> dict[Fraction, list[Numeral]]:
        found: dict[Fraction, list[Numeral]] = {}
        for numeral in numerals(self.text):
            for value in numeral.values:
                found.setdefault(value, []).append(numeral)
        return found

    def find(self, value: Any, after: int = 0) -> Span | None:
        """Find one leaf.

        Args:
            value: the leaf; only a string or number stands anywhere.
            after: offset behind which it is expected.

        Returns:
            The passage, or None where there is none.
        """
        if not is_groundable(value):
            return None
        if not isinstance(value, str):
            return self._number(str(value), after)
        exact = self._best(self._exact(value), "exact", after)
        if exact and exact.score == 1.0:
            return exact
        number = self._number(value, after) if value.strip()[:1].isdecimal() else None
        if number:
            return number
        folded = self._best(self._normalised(fold(value)), "normalised", after)
        if folded and folded.score == 1.0:
            return folded
        if exact or folded:
            return exact or folded
        alike = self._fuzzy.find(fold(value), after)
        return Span(alike[0], alike[1], "fuzzy", alike[2]) if alike else None

    def mentions(self, value: Any) -> list[Passage]:
        """Every place where a leaf stands as whole words, in order; likeness does not count."""
        if not is_groundable(value):
            return []
        written = str(value)
        found: set[Passage] = set()
        if not isinstance(value, str) or written.strip()[:1].isdecimal():
            found.update((n.start, n.end) for n in self._written(written))
        if isinstance(value, str):
            places = {*self._exact(value), *self._normalised(fold(value))}
            found.update(place for place in places if self._words.is_whole(*place))
        return sorted(found)

    def ground(self, data: Any) -> dict[str, Span]:
        """Find each string and number of an answer; as :func:`ground`."""
        spans: dict[str, Span] = {}
        self._ground(data, "", 0, spans)
        return spans

    def _ground(self, value: Any, pointer: str, after: int, spans: dict[str, Span]) -> int:
        """Ground a part of the answer; returns the offset behind the last passage found for it."""
        furthest = after
        if isinstance(value, dict):
            for key, part in value.items():
                furthest = max(furthest, self._ground(part, join(pointer, key), after, spans))
        elif isinstance(value, list):
            for index, part in enumerate(value):
                furthest = self._ground(part, join(pointer, index), furthest, spans)
        else:
            span = self.find(value, after)
            if span:
                spans[pointer] = span
                return span.end
        return furthest

    def _written(self, written: str) -> list[Numeral]:
        """Where a number stands: in digits or, where it nowhere does, in letters."""
        value = to_fraction(written.strip())
        found = [] if value is None else self._numerals.get(value, [])
        return [numeral for numeral in found if not numeral.word] or found

    def _number(self, written: str, after: int) -> Span | None:
        plain = written.strip().removesuffix(".0")
        spans = (
            Span(n.start, n.end, "exact" if self.text[n.start : n.end] == plain else "normalised")
            for n in self._written(written)
        )
        # A number is the same number however it is written, but the same writing comes first.
        return min(spans, key=lambda s: (s.start < after, s.how, s.start), default=None)

    def _best(self, places: Iterable[Passage], how: How, after: int) -> Span | None:
        """Whole words before parts, then what stands behind ``after``, then the first."""
        spans = (Span(*place, how, self._words.covered(*place)) for place in places)
        return min(spans, key=lambda s: (-s.score, s.start < after, s.start), default=None)

    def _exact(self, value: str) -> Iterator[Passage]:
        return ((at, at + len(value)) for at in find_all(self.text, value))

    def _normalised(self, value: str) -> Iterator[Passage]:
        folded = self._folded
        for at in find_all(folded.text, value):
            if folded.is_whole(at, at + len(value)):
                yield folded.original(at, at + len(value))


def ground(text: str, data: Any) -> dict[str, Span]:
    """Find the passage of each string and number of an answer.

    Args:
        text: the document.
        data: the answer, any JSON value.

    Returns:
        JSON pointer to passage; leaves that are not grounded are absent.
    """
    return SourceText(text).ground(data)


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
        if is_groundable(value) and not (pointer in spans and spans[pointer].is_evidence)
    ]


@dataclass(frozen=True)
class Evidence:
    """Every place of every value of a gold: what a change of the text must keep.

    Attributes:
        found: JSON pointer of a leaf to the places where its value stands as whole words, in order.
        missing: pointers of the leaves without one: labels, and what is said in other words; true
            and false are among them, nulls and empty strings are not.
    """

    found: dict[str, list[Passage]]
    missing: tuple[str, ...]

    @property
    def passages(self) -> list[Passage]:
        """All places, merged where they overlap, in order."""
        return merge_passages(place for places in self.found.values() for place in places)

    def below(self, pointer: str) -> list[Passage]:
        """The places of a leaf, or of all leaves inside an object or array."""
        return merge_passages(
            place
            for name, places in self.found.items()
            if is_within(name, pointer)
            for place in places
        )


def evidence(text: str, gold: Any) -> Evidence:
    """Find every place of every leaf of a gold in its text.

    >>> evidence("Ada lives in Rome.", {"name": "Ada", "city": "Rome"}).found["/city"]
    [(13, 17)]
    """
    source = SourceText(text)
    found: dict[str, list[Passage]] = {}
    missing: list[str] = []
    for pointer, value in leaves(gold):
        if places := source.mentions(value):
            found[pointer] = places
        elif value is not None and value != "":
            missing.append(pointer)
    return Evidence(found, tuple(missing))
