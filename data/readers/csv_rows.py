"""The cells of a CSV file, row by row, for every reader of such files.

Python's ``csv`` splits the cells; what a row is after a mark too many, neither it nor pyarrow says.

Contract: ``read_csv(stream, source)`` gives the header and an iterator of ``(line, cells)``, in
which a row that is no CSV, or has not as many cells as the header, is a :class:`Problem` in its own
place. Blank rows are left out.

A quotation mark that nothing closes makes one cell of all that follows, up to the next mark or the
end of the file. Where most of the lines that a bad row took could be rows themselves, only its
first line is given up, and reading goes on at the second. No line is read more than a few times.

Python keeps one limit on the length of a cell for the whole process; it is lifted only while a row
is read.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from setaccio.data.errors import DataError
from setaccio.data.records import Problem

_LONGEST = min(sys.maxsize, 2**31 - 1)
"""Characters of a cell: as many as Python's reader can be told to accept."""

_DOUBTFUL = 4
"""Lines of one good row from which on it is said when each of them could be a row itself."""

_MOST, _NEARLY_ALL = 0.75, 0.9
"""Share of a bad row's lines that must look like rows, and where blanks follow the commas, which
they do in running text, be as wide as the header."""

_UNCLOSED = "not CSV (nothing closes its quotation mark)"
Cells = tuple[int, list[str]]


def read_csv(
    stream: Iterable[str], source: str, *, delimiter: str = ","
) -> tuple[list[str], Iterator[Cells | Problem]]:
    """Read the header, and the rows below it when they are asked for.

    Args:
        stream: lines of text, as from a file that was opened with ``newline=""``.
        source: what problems should name.
        delimiter: one character.

    Returns:
        The cells of the first row, none where the file is empty, and ``(line, cells)`` of the
        others, each as long as the header; the line is the one at which the row begins, from 1.
        Before a row whose lines look like rows there is a problem that says so.

    Raises:
        DataError: the first row is no CSV.
    """
    lines = _Lines(iter(stream))
    # Strictly: text behind a closing quotation mark shows that the mark is none.
    rows = _Rows(csv.reader(lines, delimiter=delimiter, strict=True), lines, source, delimiter)
    header = rows.read_header()
    return header, rows.read(header)


class _Lines:
    """Lines that can be put back. A row takes them; ``taken`` are those of the present one."""

    def __init__(self, stream: Iterator[str]) -> None:
        self._stream = stream
        self._again: list[str] = []
        self.number = 0
        self.taken: list[str] = []
        self.one_at_a_time = False
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.ended = True
        if self.one_at_a_time and self.taken:
            raise StopIteration
        line = self._again.pop() if self._again else next(self._stream)
        self.ended = False
        self.number += 1
        self.taken.append(line)
        return line

    def begin(self, *, alone: bool) -> None:
        """Begin a row, which takes one line only where it stands ``alone``."""
        self.taken, self.one_at_a_time = [], alone

    def give_back(self) -> None:
        """Put back all lines of the present row but its first."""
        rest = self.taken[1:]
        self._again += reversed(rest)
        self.number -= len(rest)


@dataclass
class _Rows:
    reader: Any
    lines: _Lines
    source: str
    delimiter: str
    width: int = 0
    blanks: bool = False  # whether cells of the file begin with blanks

    def read_header(self) -> list[str]:
        self.lines.begin(alone=False)
        cells, fault = self._next()
        # Text that is left open at the end of the file could be all of it.
        if fault:
            raise DataError(f"{self.source}:1: {fault}. Repair it.")
        return cells or []

    def read(self, header: list[str]) -> Iterator[Cells | Problem]:
        self.width = len(header)
        self.blanks = _has_blanks(header)
        alone_to = 0
        while True:
            begin = self.lines.number + 1
            self.lines.begin(alone=begin <= alone_to)
            cells, fault = self._next()
            taken = self.lines.taken
            if cells is None and not fault:
                return
            if cells and not fault and len(cells) != self.width:
                fault = f"{len(cells)} cells where the header has {self.width}"
            if fault and len(taken) > 1 and self._has_rows(taken):
                self.lines.give_back()
                # What could close the mark stands in the last line: the others are read each by
                # itself, so that no line is looked through again from each one before it.
                alone_to = begin + len(taken) - 2
                yield Problem(self.source, begin, _UNCLOSED)
            elif fault:
                where = f", lines {begin} to {self.lines.number}" if len(taken) > 1 else ""
                yield Problem(self.source, begin, fault + where, lines=max(len(taken), 1))
            elif cells:
                if len(taken) == 1:
                    self.blanks = self.blanks or _has_blanks(cells)
                elif len(taken) >= _DOUBTFUL and all(map(self._is_row, taken)):
                    said = (
                        f"one row takes the lines {begin} to {self.lines.number}, each of which "
                        "looks like a row. If the first has a quotation mark too many, repair it"
                    )
                    yield Problem(self.source, begin, said, lines=0)
                yield begin, cells

    def _next(self) -> tuple[list[str] | None, str]:
        """The cells of the next row, or None at the end, and what is wrong with them."""
        try:
            with _cells_of_any_length():
                cells = next(self.reader)
        except StopIteration:
            return None, ""
        except csv.Error as error:
            unclosed = self.lines.ended and self.lines.taken
            return None, _UNCLOSED if unclosed else f"not CSV ({error})"
        # The reader asks for a line more only where a quotation mark is still open.
        return cells, _UNCLOSED if self.lines.ended else ""

    def _has_rows(self, lines: list[str]) -> bool:
        """Whether what was taken for one row is rather a mark too many and the rows behind it."""
        if sum(map(self._is_row, lines)) >= _MOST * len(lines):
            return True
        behind = lines[1:]
        wide = sum(any(len(each) == self.width for each in self._readings(line)) for line in behind)
        return len(lines) >= _DOUBTFUL and wide >= _NEARLY_ALL * len(behind)

    def _is_row(self, line: str) -> bool:
        """Whether a line could be a row. In running text, too, there are commas, but blanks follow
        them."""
        return any(
            len(cells) == self.width and (self.blanks or not _has_blanks(cells))
            for cells in self._readings(line)
        )

    def _readings(self, line: str) -> Iterator[list[str]]:
        """The cells of a line by itself, and with its quotation marks as text."""
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            reader = csv.reader([line], delimiter=self.delimiter, quoting=quoting)
            with suppress(csv.Error), _cells_of_any_length():
                yield next(reader, [])


def _has_blanks(cells: Iterable[str]) -> bool:
    return any(cell[:1] == " " for cell in cells)


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
