"""Documents longer than the context: cut at sentence boundaries, and one answer from the parts.

    >>> chunks = split_text(text, limit=1500, count=lambda part: len(encode_text(model, part)))
    >>> answers = [extract(chunk.text) for chunk in chunks]  # data, confidence, spans of each
    >>> merge([Part(chunk, *answer) for chunk, answer in zip(chunks, answers)]).data

Neighbouring chunks overlap, so that what one sentence says of the one before it is not lost. The
merge knows the overlap: an item that both chunks found there is one item, while one that the
document itself repeats elsewhere stays repeated.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

from setaccio.data.pointers import join, leaves
from setaccio.data.task import dump_compact
from setaccio.runtime.folding import fold
from setaccio.runtime.grounding import Span

OVERLAP = 8
"""A chunk begins with the last sentences of the one before, up to one part in this many."""

# A full stop, and what may close behind it; CJK needs no blank after it. Blank lines end too.
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)\s+|[。！？]+[」』”’）]*\s*|\s*\n\s*")
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:\w|\d+|mr|mrs|ms|dr|prof|st|vs|no|nr|fig|approx|ca|bzw|z\.b|d\.h|e\.g|i\.e|"
    r"min|max|tsp|tbsp|oz|lb|lbs|pkg|tel)\.\s+$",
    re.IGNORECASE,
)


class Chunk(NamedTuple):
    """A passage of the document: ``text`` stands at ``start`` to ``end`` (code points) of it."""

    text: str
    start: int
    end: int


def sentences(text: str) -> list[tuple[int, int]]:
    """Cut a text into sentences, blanks included, so that nothing lies between two of them.

    Args:
        text: any text.

    Returns:
        ``(start, end)`` offsets in order; the first starts at 0 and the last ends at the end.
    """
    found: list[tuple[int, int]] = []
    start = 0
    for end in _END.finditer(text):
        one_line = "\n" not in end[0]
        if one_line and _ABBREVIATION.search(text, max(start, end.start() - 12), end.end()):
            continue
        if end.end() > start:
            found.append((start, end.end()))
            start = end.end()
    if start < len(text):
        found.append((start, len(text)))
    return found


def _halve(text: str, start: int, end: int) -> int:
    """Where to cut a sentence that is too long: at a blank near its middle, else between letters.

    A letter and its combining marks are not parted.
    """
    middle = (start + end) // 2
    blank = max(text.rfind(" ", start + 1, middle), text.rfind("\n", start + 1, middle))
    if blank > start + (end - start) // 4:
        return blank + 1
    while middle < end - 1 and unicodedata.combining(text[middle]):
        middle += 1
    return middle


def _fitting(
    text: str, limit: int, count: Callable[[str], int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Sentences that fit the limit each, and their sizes; longer ones are halved until they do."""
    pieces: list[tuple[int, int]] = []
    sizes: list[int] = []
    waiting = sentences(text)[::-1]
    while waiting:
        start, end = waiting.pop()
        size = count(text[start:end])
        if size > limit and end - start > 1:
            cut = _halve(text, start, end)
            waiting += [(cut, end), (start, cut)]
            continue
        if size > limit:
            raise ValueError(f"one character has {size} tokens, but a chunk may have {limit}")
        pieces.append((start, end))
        sizes.append(size)
    return pieces, sizes


def split_text(
    text: str, limit: int, count: Callable[[str], int], *, overlap: int | None = None
) -> list[Chunk]:
    """Cut a document into chunks that fit a token budget.

    Args:
        text: the document.
        limit: most tokens of a chunk.
        count: tokens of a text.
        overlap: most tokens that a chunk repeats of the one before, in whole sentences; by default
            one part in :data:`OVERLAP` of the limit.

    Returns:
        Chunks in order, which together cover the whole text; a single one where it fits.

    Raises:
        ValueError: the limit is too small for a single character.
    """
    if limit < 1:
        raise ValueError(f"a chunk of {limit} tokens holds nothing")
    if count(text) <= limit:
        return [Chunk(text, 0, len(text))]
    pieces, sizes = _fitting(text, limit, count)
    overlap = limit // OVERLAP if overlap is None else overlap
    # Tokens up to the beginning of each piece: the size of a run is a difference of two.
    before = [0, *accumulate(sizes)]
    chunks: list[Chunk] = []
    first = new = 0
    while new < len(pieces):
        last = max(new + 1, bisect_right(before, before[first] + limit) - 1)
        # Tokens of a whole are not always the sum of its parts'.
        while count(text[pieces[first][0] : pieces[last - 1][1]]) > limit:
            if last > new + 1:
                last -= 1
            else:
                first += 1
        start, end = pieces[first][0], pieces[last - 1][1]
        chunks.append(Chunk(text[start:end], start, end))
        new = first = last
        while first - 1 > _index_of(pieces, start) and before[new] - before[first - 1] <= overlap:
            first -= 1
    return chunks


def _index_of(pieces: Sequence[tuple[int, int]], start: int) -> int:
    return bisect_right(pieces, (start, -1))


@dataclass(frozen=True)
class Part:
    """What came out of one chunk.

    Attributes:
        chunk: where it stands in the document.
        data: the answer; None where there is none.
        confidence: JSON pointer of a leaf to its confidence.
        spans: JSON pointer of a leaf to its passage, offsets within the chunk.
    """

    chunk: Chunk
    data: Any
    confidence: Mapping[str, float] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """One answer from several.

    Attributes:
        data: the answer; None where no part has one.
        confidence: JSON pointer of a leaf of ``data`` to its confidence.
        spans: JSON pointer of a leaf of ``data`` to its passage, offsets within the document.
    """

    data: Any
    confidence: dict[str, float]
    spans: dict[str, Span]


class _Value(NamedTuple):
    part: int
    pointer: str
    value: Any


class _Merger:
    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.confidence: dict[str, float] = {}
        self.spans: dict[str, Span] = {}

    def merge(self, values: list[_Value], target: str) -> Any:
        """Merge what several parts say of one place."""
        values = [value for value in values if value.value is not None]
        if not values:
            return None
        kind = type(values[0].value)
        if kind is dict:
            return self._objects([v for v in values if isinstance(v.value, dict)], target)
        if kind is list:
            return self._arrays([v for v in values if isinstance(v.value, list)], target)
        return self._copy(max(values, key=self._confidence_of), target)

    def _confidence_of(self, value: _Value) -> float:
        # max takes the first of equals: without confidences that is the first part's value.
        return self.parts[value.part].confidence.get(value.pointer, -1.0)

    def _objects(self, values: list[_Value], target: str) -> dict[str, Any]:
        keys = dict.fromkeys(key for value in values for key in value.value)
        return {
            key: self.merge(
                [
                    _Value(v.part, join(v.pointer, key), v.value[key])
                    for v in values
                    if key in v.value
                ],
                join(target, key),
            )
            for key in keys
        }

    def _arrays(self, values: list[_Value], target: str) -> list[Any]:
        merged: list[Any] = []
        seen: dict[str, list[_Value]] = {}
        for array in values:
            for index, item in enumerate(array.value):
                value = _Value(array.part, join(array.pointer, index), item)
                name = _name(item)
                known = seen.setdefault(name, [])
                twin = next((i for i, t in enumerate(known) if self._is_same(t, value)), None)
                if twin is not None:
                    known[twin] = value  # the next part's may be this one again
                    continue
                known.append(value)
                merged.append(self._copy(value, join(target, len(merged))))
        return merged

    def _is_same(self, one: _Value, other: _Value) -> bool:
        """Whether equal items of two parts are one item, which both found in the overlap."""
        if one.part == other.part:
            return False  # what one answer repeats, it means to repeat
        first, second = self._passage(one), self._passage(other)
        if first is None or second is None:
            return True
        return first[0] < second[1] and second[0] < first[1]

    def _passage(self, value: _Value) -> tuple[int, int] | None:
        part = self.parts[value.part]
        found = [
            part.spans[pointer]
            for pointer, _ in leaves(value.value, value.pointer)
            if pointer in part.spans
        ]
        if not found:
            return None
        begin = part.chunk.start
        return begin + min(s.start for s in found), begin + max(s.end for s in found)

    def _copy(self, value: _Value, target: str) -> Any:
        """Take a value over as it is, with what is known of its leaves."""
        part = self.parts[value.part]
        for pointer, _ in leaves(value.value, value.pointer):
            now = target + pointer[len(value.pointer) :]
            if pointer in part.confidence:
                self.confidence[now] = part.confidence[pointer]
            if pointer in part.spans:
                span, begin = part.spans[pointer], part.chunk.start
                self.spans[now] = Span(begin + span.start, begin + span.end, span.how, span.score)
        return value.value


def _name(item: Any) -> str:
    """Equal for items that differ in case, blanks or Unicode forms only."""
    return fold(dump_compact(item))


def merge(parts: Sequence[Part]) -> Merged:
    """Merge the answers of a document's chunks.

    Objects are merged key by key. Of scalars the one with the highest confidence wins, the first
    where confidences are absent or equal; null never wins over a value. Arrays are concatenated;
    an item that equals one of another chunk (case, blanks and Unicode forms aside) is left out
    unless spans show that the two stand in different places of the document.

    Args:
        parts: in the order of the chunks.
    """
    merger = _Merger(parts)
    values = [_Value(index, "", part.data) for index, part in enumerate(parts)]
    data = merger.merge(values, "")
    return Merged(data, merger.confidence, merger.spans)
