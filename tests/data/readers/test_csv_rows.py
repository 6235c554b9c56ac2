"""Cells of CSV files and the limit on their length.

Run: pytest tests/data/readers/test_csv_rows.py
"""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data.errors import DataError
from setaccio.data.readers.csv_rows import read_csv
from setaccio.data.records import Problem


def test_header_and_rows_with_their_lines():
    header, rows = read_csv(io.StringIO('a;b\n"1\n2";3\n\n4;5\n'), "file", delimiter=";")
    assert header == ["a", "b"]
    assert list(rows) == [(2, ["1\n2", "3"]), (5, ["4", "5"])]
    assert read_csv(io.StringIO(""), "file")[0] == []


def test_the_limit_of_the_process_stays():
    before = csv.field_size_limit()
    _, rows = read_csv(io.StringIO("a\n" + "x" * (before + 1) + "\nshort\n"), "f")
    assert next(rows)[1] == ["x" * (before + 1)]
    assert csv.field_size_limit() == before
    assert next(rows)[1] == ["short"]


def test_a_first_row_that_is_no_csv_is_refused_by_name():
    with pytest.raises(DataError, match=r"^file:1: not CSV"):
        read_csv(io.StringIO('"a" b\n1\n'), "file")


def parse(text: str) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    _, rows = read_csv(io.StringIO(text, newline=""), "f")
    found = list(rows)
    problems = [item for item in found if isinstance(item, Problem)]
    return [item for item in found if not isinstance(item, Problem)], problems


def written(rows: list[list[str]], line_end: str = "\n") -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator=line_end).writerows(rows)
    return stream.getvalue()


any_cell = st.text('ab" ,\n;é', max_size=8)
plain = st.text("abé;", min_size=1, max_size=6)
# What a writer puts between quotation marks where it must, on one line.
one_line = st.builds(lambda first, rest: first + rest, st.sampled_from("aé"), st.text('b ,";'))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(any_cell, min_size=3, max_size=3), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_a_writer_wrote_comes_back(rows: list[list[str]], end: str) -> None:
    found, problems = parse(written([["x", "y", "z"], *rows], end))
    assert [cells for _, cells in found] == rows
    assert all(problem.lines == 0 for problem in problems)  # doubts, and nothing is lost


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(one_line, plain, st.booleans()), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
)
def test_marks_that_nothing_closes_cost_their_own_rows(
    rows: list[tuple[str, str, bool]], end: str
) -> None:
    lines = []
    for first, second, broken in rows:
        line = written([[first, second]], "")
        broken = broken and not line.startswith('"')
        lines.append((f'"{line}' if broken else line, None if broken else [first, second]))
    text = end.join(["x,y", *(line for line, _ in lines), ""])
    found, problems = parse(text)
    wanted = [(number, cells) for number, (_, cells) in enumerate(lines, 2) if cells]
    assert found == wanted
    broken_at = [number for number, (_, cells) in enumerate(lines, 2) if not cells]
    assert [problem.line for problem in problems] == broken_at
    assert sum(problem.lines for problem in problems) == len(broken_at)


@pytest.mark.parametrize(
    ("lines", "kept", "lost"),
    [
        (['"a,1', "b,2", 'c 6"2,3', "d,4"], [3, 4, 5], [2]),  # a mark inside a later cell
        (['"a,1', "b,2", '"c, c",3', "d,4"], [3, 4, 5], [2]),
        (["a,1", 'b,"2', "c,3", "d,4"], [2, 4, 5], [3]),  # in the last column
        (['"a,1', '"b,2', '"c,3'], [], [2, 3, 4]),
        (['"a,1', "b,2,", "c,3", "d,4"], [4, 5], [2, 3]),  # and another bad row behind it
        (
            ['"a, a,1', "b, b", "c, c", "d, d", "e, e"],
            [3, 4, 5, 6],
            [2],
        ),  # a blank behind each comma
        (["a,1", '"Dear Sir,', "thank you for it", 'Bye" x,1', "b,2"], [2, 6], [3]),
        (['"Dear Sir,', "thank you", 'Bye",1,2', "b,2"], [5], [2]),  # one row with a cell too many
    ],
)
def test_one_bad_row_costs_one_row(lines: list[str], kept: list[int], lost: list[int]) -> None:
    found, problems = parse("\n".join(["x,y", *lines]))
    assert [line for line, _ in found] == kept
    assert [problem.line for problem in problems] == lost


def test_lost_lines_are_counted() -> None:
    _, (problem,) = parse('x,y\n"Dear Sir,\nthank you\nBye",1,2\nb,2\n')
    assert str(problem) == "f:2: 3 cells where the header has 2, lines 2 to 4"
    assert problem.lines == 3


def test_a_good_row_that_may_be_several_is_doubted() -> None:
    found, problems = parse('x,y\n"a,1\nb,2\nc,3\nruler of 6",4\n')
    assert found == [(2, ["a,1\nb,2\nc,3\nruler of 6", "4"])]
    assert "one row takes the lines 2 to 5, each of which looks like a row" in str(problems[0])
    assert problems[0].lines == 0


def test_a_mark_at_the_end_of_each_line_is_read_in_one_go() -> None:
    # From every line, the row would go on to the end of the file.
    lines = 30_000
    found, problems = parse("x,y\n" + 'a","b\n' * lines)
    assert not found
    assert len(problems) == lines
    found, _ = parse("x,y\n" + '"a\n' + "b,c\n" * lines)
    assert len(found) == lines
