"""The words of a page in reading order: columns one after the other, the cells of a row on a line.

Contract: ``arrange(words)`` yields lines; a line is cells, a cell is words. Geometry decides, not
the order in which a program drew the page: the values of a form are often drawn behind all labels.

A vertical gap that stays open through several lines divides either columns of prose, which are read
one after the other, or cells of a table, which are read row by row. Prose is told by lines that
fill their column with several words, or by lines that stand beside none of the other side.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import NamedTuple
from unicodedata import bidirectional

from setaccio.data.text.places import Box

SAME_LINE = 0.45
"""Share of the letters' height by which baselines of one line may differ."""
CELL_GAP = 0.9
"""Gap between words, as a share of their height, from which they are in different cells."""
LEAST_LINES = 3
"""Lines on either side that make columns."""
FULL, LEAST_WORDS = 0.6, 3.5
"""Lines of prose fill this share of their column, at least every second one, with so many words."""
SEVERAL = 3
"""Words of a cell from which it may be a line of a column; it saves looking at every table."""
UNALIGNED = 0.4
"""Share of the lines that stand beside one of the other side, below which these are columns."""
PARAGRAPH = 1.8
"""Distance of baselines, in heights, that makes a new paragraph."""


class Word(NamedTuple):
    """A word on a page.

    Attributes:
        text: its letters.
        box: where it stands.
        base: distance of its baseline from the top of the page.
        hyphen: it ends with a hyphen that only the line's end put there.
    """

    text: str
    box: Box
    base: float
    hyphen: bool = False

    @property
    def height(self) -> float:
        """Height of its box in points, never 0."""
        return max(self.box[3] - self.box[1], 0.1)


Line = list[Word]
Cells = list[Line]


def arrange(words: list[Word]) -> Iterator[Cells]:
    """Put the words of a page, or of a column, in reading order.

    Yields:
        Lines; an empty one where a paragraph ends.
    """
    lines = _lines(words)
    at, last = 0, None
    while at < len(lines):
        found = _columns(lines, at)
        line = lines[at]
        if last is not None and line[0].base - last > PARAGRAPH * median(w.height for w in line):
            yield []
        if found is None:
            yield _cells(line)
            last, at = line[0].base, at + 1
            continue
        end, edge = found
        band = [word for each in lines[at:end] for word in each]
        yield from arrange([word for word in band if word.box[2] <= edge])
        yield []
        yield from arrange([word for word in band if word.box[2] > edge])
        last, at = lines[end - 1][0].base, end


def _lines(words: list[Word]) -> list[Line]:
    """Words that share a baseline, from left to right."""
    lines: list[Line] = []
    for word in sorted(words, key=lambda word: word.base):
        line = lines[-1] if lines else None
        if line and word.base - line[0].base <= SAME_LINE * min(word.height, line[0].height):
            line.append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.box[0]) for line in lines]


def _is_leftward(line: Line) -> bool:
    letters = [bidirectional(letter) for word in line for letter in word.text]
    leftward = sum(each in ("R", "AL") for each in letters)
    return leftward > sum(each == "L" for each in letters)


def _cells(line: Line) -> Cells:
    cells: Cells = [[line[0]]]
    for before, word in pairwise(line):
        if word.box[0] - before.box[2] > CELL_GAP * min(word.height, before.height):
            cells.append([word])
        else:
            cells[-1].append(word)
    if _is_leftward(line):
        cells = [cell[::-1] for cell in cells[::-1]]
    return cells


def _columns(lines: list[Line], at: int) -> tuple[int, float] | None:
    """Whether columns begin with a line: the line behind them, and where the first one ends."""
    best: tuple[int, float] | None = None
    for before, behind in _gaps(lines[at : at + LEAST_LINES]):
        end, left, right = _reach(lines, at, before, behind)
        if (best is None or end > best[0]) and _is_prose(lines[at:end], left, right):
            best = end, left
    return best


def _gaps(lines: list[Line]) -> list[tuple[float, float]]:
    """Vertical gaps through a few lines that have cells of several words on both sides."""
    extents = sorted(
        (min(word.box[0] for word in cell), max(word.box[2] for word in cell), len(cell))
        for line in lines
        for cell in _cells(line)
    )
    blocks: list[tuple[float, float, int]] = []
    for left, right, words in extents:
        if blocks and left <= blocks[-1][1]:
            begin, edge, most = blocks.pop()
            blocks.append((begin, max(edge, right), max(most, words)))
        else:
            blocks.append((left, right, words))
    return [
        (before[1], behind[0])
        for before, behind in pairwise(blocks)
        if min(before[2], behind[2]) >= SEVERAL
    ]


def _reach(lines: list[Line], at: int, left: float, right: float) -> tuple[int, float, float]:
    """How far down a gap stays open: the line behind it, and the gap's edges there."""
    end, least = at, 0.5 * lines[at][0].height
    for index in range(at, len(lines)):
        inside = [word for word in lines[index] if word.box[2] > left and word.box[0] < right]
        middle = (left + right) / 2
        new_left = max([left, *(w.box[2] for w in inside if w.box[2] <= middle)])
        new_right = min([right, *(w.box[0] for w in inside if w.box[0] >= middle)])
        crossed = any(w.box[0] < middle < w.box[2] for w in inside)
        if crossed or new_right - new_left < least:
            break
        before = lines[index - 1][0] if index > at else None
        alone = all(w.box[2] <= new_left for w in lines[index]) or all(
            w.box[0] >= new_right for w in lines[index]
        )
        # What follows columns at a distance, on one side only, is no part of them.
        if before and alone and lines[index][0].base - before.base > PARAGRAPH * before.height:
            later = lines[index + 1 : index + 3]
            if not any(_sides(each, new_left, new_right) == (True, True) for each in later):
                break
        left, right, end = new_left, new_right, index + 1
    return end, left, right


def _sides(line: Line, left: float, right: float) -> tuple[bool, bool]:
    return any(w.box[2] <= left for w in line), any(w.box[0] >= right for w in line)


def _is_prose(lines: list[Line], left: float, right: float) -> bool:
    """Whether a gap divides columns that are read one after the other."""
    sides: tuple[list[Line], list[Line]] = ([], [])
    for line in lines:
        for side, words in zip(
            sides,
            ([w for w in line if w.box[2] <= left], [w for w in line if w.box[0] >= right]),
            strict=True,
        ):
            if words:
                side.append(words)
    fewest = min(map(len, sides))
    if fewest < LEAST_LINES:
        return False
    both = sum(_sides(line, left, right) == (True, True) for line in lines)
    return both < UNALIGNED * fewest or all(map(_is_full, sides))


def _is_full(side: list[Line]) -> bool:
    begin = min(line[0].box[0] for line in side)
    width = max(word.box[2] for line in side for word in line) - begin
    filled = [max(w.box[2] for w in line) - line[0].box[0] >= FULL * width for line in side]
    words = sum(map(len, side)) / len(side)
    return sum(filled) >= len(side) / 2 and words >= LEAST_WORDS
