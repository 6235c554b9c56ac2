"""Run with: pytest tests/data/test_records.py."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from setaccio.data import Pair, Problem, load_pairs, write_pairs
from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Document, atomic_write, read_documents


def test_bad_lines_become_problems_and_the_others_still_come() -> None:
    lines = [
        b'\xef\xbb\xbf{"id": 1, "text": "one"}\n',
        b"\n",
        b"{broken\n",
        b'{"text": "\xff"}\n',
        b'{"text": 3}\n',
        b'{"text": ' + b"9" * 5000 + b"}\n",
        b'{"text": "last"}',
    ]
    items = list(read_documents(io.BytesIO(b"".join(lines)), "notes.jsonl"))
    assert items[0] == Document("1", "one")
    assert items[-1] == Document("notes.jsonl:7", "last")
    problems = [item for item in items if isinstance(item, Problem)]
    assert [problem.line for problem in problems] == [3, 4, 5, 6]
    assert str(problems[0]).startswith("notes.jsonl:3: not JSON")
    assert "not UTF-8" in problems[1].message


def test_pairs_survive_a_round_trip(tmp_path: Path) -> None:
    pairs = [Pair("a", "½ cup\nof é", {"x": ["°", None]}), Pair("b", "", {})]
    assert write_pairs(tmp_path / "p.jsonl", pairs) == 2
    assert load_pairs(tmp_path / "p.jsonl") == (pairs, [])


def test_bad_pairs_are_refused_or_returned(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"text": "t", "gold": {}}\n{"text": "t", "gold": 1}\n')
    with pytest.raises(DataError, match=r"p\.jsonl:2: no \"gold\" object"):
        load_pairs(path)
    pairs, problems = load_pairs(path, skip_bad=True)
    assert (len(pairs), len(problems)) == (1, 1)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError, match="no usable pair"):
        load_pairs(tmp_path / "empty.jsonl")
    with pytest.raises(UsageError, match=r"gone\.jsonl"):
        load_pairs(tmp_path / "gone.jsonl")


def test_a_failed_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before")

    def fail() -> None:
        with atomic_write(path) as stream:
            stream.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]
