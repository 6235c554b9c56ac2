"""Reading recipe files: both forms, and every way in which a row can be unusable.

Run: pytest tests/data/recipes/test_recipenlg.py
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from setaccio.data.errors import DataError, UsageError
from setaccio.data.recipes.recipenlg import RecipeRow, read_recipenlg, recipenlg_pairs
from setaccio.data.records import Problem

SMALL = ["id", "title", "ingredients", "directions"]
FULL = ["", "title", "ingredients", "directions", "link", "source", "NER"]
ITEMS = json.dumps(["1 c. milk", "2 eggs, beaten"])
STEPS = json.dumps(["Mix milk and eggs.", 'Bake in a 9"\npan at 350\u00b0.'])


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def test_small_form(tmp_path):
    path = write(tmp_path / "a.csv", [SMALL, ["50", " Custard  Pie ", ITEMS, STEPS]])
    assert list(read_recipenlg(path)) == [
        RecipeRow(
            "50",
            2,
            "Custard Pie",
            ("1 c. milk", "2 eggs, beaten"),
            ("Mix milk and eggs.", 'Bake in a 9" pan at 350°.'),
        )
    ]


def test_full_form(tmp_path):
    row = ["7", "Pie", ITEMS, STEPS, "www.example.org", "Gathered", '["milk", "eggs"]']
    (read,) = read_recipenlg(write(tmp_path / "a.csv", [FULL, row]))
    assert isinstance(read, RecipeRow)
    assert (read.id, read.title) == ("7", "Pie")


def test_rows_without_an_id_are_numbered(tmp_path):
    path = write(tmp_path / "a.csv", [SMALL[1:], ["A", ITEMS, STEPS], ["B", ITEMS, STEPS]])
    assert [row.id for row in read_recipenlg(path)] == ["0", "1"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["1", "", ITEMS, STEPS], "the title is empty"),
        (["1", "A", "[]", STEPS], "ingredients: the list is empty"),
        (["1", "A", ITEMS, '["Mix.", " "]'], "directions: entry 2 is empty"),
        (["1", "A", "['milk']", STEPS], "ingredients: not a JSON list"),
        (["1", "A", ITEMS, '{"a": 1}'], "directions: not a JSON list of strings"),
        (["1", "A", "[1, 2]", STEPS], "ingredients: not a JSON list of strings"),
        (["1", "A", ITEMS], "3 cells where the header has 4"),
    ],
)
def test_bad_rows_are_named_and_the_others_come_out(tmp_path, row, reason):
    good = ["2", "B", ITEMS, '["Mix."]']
    path = write(tmp_path / "bad.csv", [SMALL, row, good])
    bad, other = read_recipenlg(path)
    assert isinstance(bad, Problem)
    assert isinstance(other, RecipeRow)
    assert (bad.line, other.title) == (2, "B")
    assert reason in bad.message
    with pytest.raises(DataError, match=r"bad\.csv:2"):
        list(read_recipenlg(path, strict=True))


def test_lines_are_counted_over_line_breaks_in_cells(tmp_path):
    steps = '["Mix.",\n\n "Bake."]'
    path = write(tmp_path / "a.csv", [SMALL, ["1", "A", ITEMS, steps], ["2", "", ITEMS, STEPS]])
    first, second = read_recipenlg(path)
    assert isinstance(first, RecipeRow)
    assert first.directions == ("Mix.", "Bake.")
    assert second.line == 5


def test_a_row_that_is_not_utf8_spoils_only_itself(tmp_path):
    path = write(tmp_path / "a.csv", [SMALL, ["1", "A", ITEMS, STEPS]])
    with path.open("ab") as stream:
        stream.write(b'2,Cr\xe8me,"[""a""]","[""Mix.""]"\r\n3,C,"[""a""]","[""Mix.""]"\r\n')
    rows = list(read_recipenlg(path))
    assert [type(row) for row in rows] == [RecipeRow, Problem, RecipeRow]
    assert "UTF-8" in rows[1].message


def test_an_endless_cell_is_a_problem(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        ",".join(SMALL) + '\n1,"' + "x" * 140_000 + '\n2,B,"[""a""]","[""Mix.""]"\n',
        encoding="utf-8",
    )
    rows = list(read_recipenlg(path))
    assert isinstance(rows[0], Problem)
    assert "not CSV" in rows[0].message


def test_another_kind_of_file_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", [["name", "title"], ["a", "b"]])
    with pytest.raises(DataError, match="no column ingredients or directions"):
        list(read_recipenlg(path))
    with pytest.raises(UsageError, match="no such file"):
        list(read_recipenlg(tmp_path / "absent.csv"))


def test_reading_streams(tmp_path):
    path = write(tmp_path / "a.csv", [SMALL, *([["1", "A", ITEMS, STEPS]] * 5000)])
    rows = read_recipenlg(path)
    next(rows)
    with path.open("a", encoding="utf-8") as stream:
        stream.write('late,Late,"[""a""]","[""Mix.""]"\n')
    assert [row.id for row in rows][-1] == "late"


def test_pairs_are_grounded_and_stable(tmp_path):
    path = write(tmp_path / "a.csv", [SMALL, *([[str(n), "Custard", ITEMS, STEPS] for n in "abc"])])
    rows = [row for row in read_recipenlg(path) if isinstance(row, RecipeRow)]
    pairs = list(recipenlg_pairs(rows, seed=1))
    assert [pair.id for pair in pairs] == ["recipenlg-a", "recipenlg-b", "recipenlg-c"]
    assert list(recipenlg_pairs(rows[1:2], seed=1)) == pairs[1:2]
    assert len({pair.text for pair in pairs}) == 3
    for pair in pairs:
        assert pair.gold["title"].casefold() == "custard"
        assert len(pair.gold["ingredients"]) == 2
