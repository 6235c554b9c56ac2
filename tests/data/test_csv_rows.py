"""Cells of CSV files and the limit on their length. Run: pytest tests/data/test_csv_rows.py"""

from __future__ import annotations

import csv
import io

import pytest

from setaccio.data.csv_rows import read_csv
from setaccio.data.errors import DataError
from setaccio.data.records import Problem

LONG = "x" * 200


def test_header_and_rows_with_their_lines():
    header, rows = read_csv(io.StringIO('a;b\n"1\n2";3\n\n4;5\n'), "file", delimiter=";")
    assert header == ["a", "b"]
    assert list(rows) == [(2, ["1\n2", "3"]), (5, ["4", "5"])]
    assert read_csv(io.StringIO(""), "file")[0] == []


def test_readers_with_different_limits_take_turns():
    before = csv.field_size_limit()
    text = "a\n" + f"{LONG}\nshort\n" * 2
    (_, few), (_, many) = (read_csv(io.StringIO(text), "f", longest=n) for n in (100, 1000))
    for _ in range(2):
        refused, taken = next(few), next(many)
        assert isinstance(refused, Problem) and "not CSV" in refused.message
        assert taken[1] == [LONG]
        assert next(few)[1] == next(many)[1] == ["short"]
        assert csv.field_size_limit() == before


def test_a_first_row_that_is_no_csv_is_refused_by_name():
    with pytest.raises(DataError, match=r"^file:1: not CSV"):
        read_csv(io.StringIO('"a" b\n1\n'), "file", strict=True)
    with pytest.raises(DataError, match=r"^file:1: not CSV"):
        read_csv(io.StringIO(f"{LONG}\n"), "file", longest=100)
