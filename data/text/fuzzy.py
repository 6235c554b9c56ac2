"""Fuzzy search: the passage of a text that is most like a value.

A first alignment comes from rapidfuzz (partial ratio); its edges are moved to words, and words at
its ends are taken in or left out as long as the likeness grows. Accents do not count, and every
number in the value must be in the passage as well, so that ``250 g flour`` is never found in
``200 g flour``.
"""

from __future__ import annotations

from collections.abc import Iterator

from rapidfuzz import fuzz

from setaccio.data.text.folding import Bare, Folded
from setaccio.data.text.numerals import numerals
from setaccio.data.text.words import is_joined

LEAST_LIKENESS = 0.8
"""Likeness (0 to 1) from which a passage counts as the source of a value."""

_FIRST_LOOK = 0.6
"""Likeness of a passage as long as the value from which its surroundings are tried as well."""

SHORTEST_FUZZY = 4
"""Characters, accents not counted, below which likeness says nothing."""

_ALMOST = 0.9999


def find_all(text: str, value: str) -> Iterator[int]:
    """Every offset at which a value starts, overlapping ones included."""
    at = text.find(value)
    while at >= 0:
        yield at
        at = text.find(value, at + 1)


class FuzzySearch:
    """Searches one folded text.

    Args:
        folded: the text.
    """

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        self._bare = Bare(folded)
        self._text = self._bare.text

    def find(self, value: str, after: int) -> tuple[int, int, float] | None:
        """The passage most like a folded value.

        Args:
            value: the value, folded.
            after: offset in the original text; what stands behind it is tried first.

        Returns:
            Start and end in the original text, and the likeness; None below
            :data:`LEAST_LIKENESS`. Accents change neither whether a passage is found nor how long
            that takes.
        """
        bare = Bare(Folded(value)).text
        if len(bare) < SHORTEST_FUZZY:
            return None
        begin = self._bare.behind(after)
        for offset in (begin, 0) if 0 < begin < len(self._text) else (0,):
            found = self._alike(bare, offset)
            if found:
                start, end = self._bare.folded(*found[:2])
                score = found[2]
                if score == 1.0:  # the accents are all that differs
                    likeness = fuzz.ratio(value, self._folded.text[start:end]) / 100
                    score = min(max(likeness, LEAST_LIKENESS), _ALMOST)
                return *self._folded.original(start, end), score
        return None

    def _alike(self, value: str, offset: int) -> tuple[int, int, float] | None:
        text = self._text[offset:]
        if not text:
            return None
        found = fuzz.partial_ratio_alignment(value, text, score_cutoff=100 * _FIRST_LOOK)
        if found is None or found.dest_start == found.dest_end:
            return None
        start, end = self._whole_words(offset + found.dest_start, offset + found.dest_end)
        start, end, score = self._widen(value, start, end)
        passage = self._text[start:end]
        if score < LEAST_LIKENESS or not _same_numbers(value, passage):
            return None
        start = self._first_like(start, end, offset)
        return start, start + len(passage), score

    def _first_like(self, start: int, end: int, offset: int) -> int:
        """Where the same passage stands first: equal ones are equally alike."""
        for at in find_all(self._text[:end], self._text[start:end]):
            if at >= offset and not any(map(self._cuts, (at, at + end - start))):
                return at
        return start

    def _cuts(self, edge: int) -> bool:
        """Whether an edge takes a word or a character in two."""
        return is_joined(self._text, edge) or self._bare.splits(edge)

    def _widen(self, value: str, start: int, end: int) -> tuple[int, int, float]:
        """Take in or leave out words at the ends of a passage as long as it becomes more alike."""
        text = self._text
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
        following = self._text.find(" ", end + 1)
        return following if following >= 0 else len(self._text)

    def _word_start(self, start: int) -> int:
        return self._text.rfind(" ", 0, max(0, start - 1)) + 1

    def _whole_words(self, start: int, end: int) -> tuple[int, int]:
        """Widen a passage to whole words, blanks at its ends left out."""
        while end > start + 1 and self._text[end - 1] == " ":
            end -= 1
        while start < end - 1 and self._text[start] == " ":
            start += 1
        # Each edge for itself: where one falls inside a character, the other is right all the same.
        while self._cuts(start):
            start -= 1
        while self._cuts(end):
            end += 1
        return start, end


def _same_numbers(value: str, passage: str) -> bool:
    """Whether every number of a value stands in a passage."""
    there = {number for numeral in numerals(passage) for number in numeral.values}
    return all(n.word or n.values & there for n in numerals(value))
