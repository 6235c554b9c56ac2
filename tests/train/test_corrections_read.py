"""Corrections become pairs to learn from and pairs to be measured on.

Run: pytest tests/train/test_corrections_read.py
"""

import json

import pytest
from train_parts import SCHEMA, make_pairs, write_jsonl

from setaccio.cli.train.corrections import read_corrections
from setaccio.data.errors import DataError
from setaccio.data.records import parse_pair
from setaccio.data.task.task import Task

PERSON = Task.from_schema({"title": "person", **SCHEMA})


def lines(count, seed=0, **more):
    """Corrections of documents that are all different."""
    rows = make_pairs(count, seed)
    return [
        {**row, "id": f"c{seed}-{n}", "text": f"{row['text']} ({seed}, {n})", **more}
        for n, row in enumerate(rows)
    ]


@pytest.fixture
def read(tmp_path):
    def call(rows, test=(), share=0.2, **more):
        file = write_jsonl(tmp_path / "c.jsonl", rows)
        return read_corrections(file, PERSON, test, share, **more)

    return call


def ids(rows):
    return {row["id"] for row in rows}


def test_the_parts_are_those_of_the_ids_however_the_file_grows(read):
    first = read(lines(60))
    assert not ids(first.learned) & ids(first.held_out) and not first.notes
    assert len(first.learned) + len(first.held_out) == 60
    more = read([*lines(30, 1), *lines(60)])
    assert ids(first.held_out) < ids(more.held_out) and ids(first.learned) < ids(more.learned)


def test_what_a_line_says_of_its_origin_stays(read):
    found = read(lines(60, task="person", from_model="a + b", data={"name": "X"}))
    assert {row["from_model"] for row in found.learned + found.held_out} == {"a + b"}
    assert found.learned[0]["data"] == {"name": "X"}
    assert [pair.id for pair in found.pairs()] == [r["id"] for r in found.learned + found.held_out]


def test_the_last_correction_counts_and_its_document_never_changes_sides(read):
    rows = lines(60)
    before = read(rows)
    gold = {"name": "Y", "city": "Z"}
    again = [{**row, "id": f"again-{row['id']}", "gold": gold} for row in rows]
    after = read([*rows, *again])
    assert {row["text"] for row in after.held_out} == {row["text"] for row in before.held_out}
    assert all(row["gold"] == gold for row in after.learned + after.held_out)
    assert after.notes == ["60 lines were corrected again; the last counts."]


def test_a_line_without_an_id_gets_one_of_its_text(read):
    rows = [{key: value for key, value in row.items() if key != "id"} for row in lines(60)]
    one, two = read(rows), read(rows[::-1])
    assert ids(one.held_out) == ids(two.held_out)
    assert all(row["id"].startswith("correction-") for row in one.learned)


def test_documents_of_the_test_part_are_left_out_by_id_or_text(read):
    rows = lines(60)
    test = [parse_pair({**rows[0], "text": "Another."}, ""), parse_pair({**rows[1], "id": "x"}, "")]
    found = read(rows, test)
    assert not {"c0-0", "c0-1"} & ids(found.learned + found.held_out)
    assert "2 corrections are of documents of the test part" in found.notes[0]


def test_other_tasks_are_left_out_and_alone_refused(read):
    other = lines(3, 1, task="invoice")
    own = lines(60, task="person")
    found = read([*own, *other, {**lines(1, 2)[0], "schema": {"type": "object"}}])
    assert len(found.learned) + len(found.held_out) == 60
    assert "4 corrections of another task (a schema of their own, invoice)" in found.notes[0]
    with pytest.raises(DataError, match="all 3 corrections are of another task than person: inv"):
        read(other)
    with pytest.raises(DataError, match=r"no correction fits the schema of person.*another task\?"):
        read([{**row, "gold": {"total": 3}} for row in lines(9)])


def test_bad_lines_and_gold_are_refused_or_left_out(read):
    rows = lines(60)
    with pytest.raises(DataError, match=r"gold of 1 corrections breaks .*c0-0.*--skip-bad"):
        read([{**rows[0], "gold": {"name": 3}}, *rows[1:]])
    with pytest.raises(DataError, match=r'c\.jsonl:1: no "gold" object in this line.*--skip-bad'):
        read([{"id": "a", "text": "b"}, *rows])
    found = read(
        [{"id": "a", "text": "b"}, {**rows[0], "gold": {"name": 3}}, *rows[1:]], skip_bad=True
    )
    assert len(found.learned) + len(found.held_out) == 59 and len(found.notes) == 2


def test_too_few_to_hold_out_says_how_many_are_needed(read):
    with pytest.raises(DataError, match=r"fewer than 5 .*\(about 38 in all\).*--held-out"):
        read(lines(8))
    assert len(read(lines(20), share=0.6).held_out) >= 5
    assert json.dumps(read(lines(20), share=0.6)) == json.dumps(read(lines(20), share=0.6))
