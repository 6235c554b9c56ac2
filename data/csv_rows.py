"""The cells of a CSV file, row by row, for every reader of such files.

Contract: ``read_csv(stream, source)`` gives the header and an iterator of ``(line, cells)``, in
which a row that is no CSV is a :class:`Problem` in its own place. Blank rows are left out. Python
keeps one limit on the length of a cell for the whole process; here it holds while a row is read
and not longer, so that readers with different limits can take turns.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from setaccio.data.errors import DataError
from setaccio.data.records import Problem

LONGEST = min(sys.maxsize, 2**31 - 1)
"""Characters of a cell: as many as Python's reader can be told to accept."""

Cells = tuple[int, list[str]]


def read_csv(
    stream: IO[str],
    source: str,
    *,
    delimiter: str = ",",
    strict: bool = False,
    longest: int = LONGEST,
) -> tuple[list[str], Iterator[Cells | Problem]]:
    """Read the header, and the rows below it when they are asked for.

    Args:
        stream: text that was opened with ``newline=""``.
        source: what problems should name.
        delimiter: one character.
        strict: a quotation mark in the wrong place is a problem, not text.
        longest: characters of a cell; a row with a longer one is a problem.

    Returns:
        The cells of the first row, none where the file is empty, and ``(line, cells)`` of the
        others; the line is the one at which the row begins, from 1.

    Raises:
        DataError: the first row is no CSV.
    """
    reader = csv.reader(stream, delimiter=delimiter, strict=strict)
    try:
        with _cells_up_to(longest):
            header = next(reader, [])
    except csv.Error as error:
        raise DataError(f"{source}:1: not CSV ({error}). Repair it.") from error
    return header, _rows(reader, source, longest)


def _rows(reader: Any, source: str, longest: int) -> Iterator[Cells | Problem]:
    while True:
        line = reader.line_num + 1
        try:
            with _cells_up_to(longest):
                cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Problem(source, line, f"not CSV ({error})")
            continue
        if cells:
            yield line, cells


@contextmanager
def _cells_up_to(characters: int) -> Iterator[None]:
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)
