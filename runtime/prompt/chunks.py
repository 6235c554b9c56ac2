"""Documents longer than the context, cut at sentence boundaries.

    >>> chunks = split_text(text, limit=1500, count=lambda part: len(encode_text(model, part)))

Neighbouring chunks overlap, so that what one sentence says of the one before it is not lost.
:mod:`setaccio.runtime.result.merging` makes one answer from those of the chunks, and knows the
overlap.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

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


def sentence_bounds(text: str) -> list[tuple[int, int]]:
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
    waiting = sentence_bounds(text)[::-1]
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
