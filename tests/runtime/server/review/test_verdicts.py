"""What a person said survives whatever happens, and is a file of pairs at any moment.

Run: pytest tests/runtime/server/review/test_verdicts.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from review_parts import ANSWERS, DOCUMENTS, result_row

from setaccio.data.errors import UsageError
from setaccio.data.records import load_pairs
from setaccio.runtime.server.review.rows import document_hash
from setaccio.runtime.server.review.verdicts import Verdicts

GOLD = {**ANSWERS["c"], "ingredients": ["carrots", "salt"]}


def _row(name: str) -> dict[str, Any]:
    return {**result_row(name, 0.5), "text": DOCUMENTS[name]}


def _document(name: str) -> str:
    return document_hash(name, DOCUMENTS[name])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_verdicts_are_pairs_with_their_provenance(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Verdicts(path) as verdicts:
        assert verdicts.keep(_row("a"), ANSWERS["a"]) == "accepted"
        assert verdicts.keep(_row("c"), GOLD) == "corrected"
        pairs = load_pairs(path)[0]  # while the review goes on
    assert [(pair.id, pair.text, pair.gold) for pair in pairs] == [
        ("a", DOCUMENTS["a"], ANSWERS["a"]),
        ("c", DOCUMENTS["c"], GOLD),
    ]
    line = _lines(path)[1]
    assert (line["verdict"], line["task"]) == ("corrected", "recipe")
    assert line["from_model"] == "mine.gguf"
    assert (line["key"], line["run"]) == (_row("c")["key"], _row("c")["key"][:8])
    assert line["data"] == ANSWERS["c"]
    assert line["seen_by_person"] is True
    assert [*tmp_path.iterdir()] == [path]


def test_a_second_start_knows_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    first = Verdicts(path)
    first.keep(_row("a"), ANSWERS["a"])
    first.skip(_row("b"))
    first.skip(_row("c"))
    first.skip(_row("b"))
    first.close()
    with Verdicts(path) as second:
        assert [*second.decided] == [_document("a")]
        assert [*second.skipped] == [_document("c"), _document("b")]
        second.keep(_row("b"), ANSWERS["b"])
        second.keep(_row("c"), GOLD)
    with Verdicts(path) as third:
        assert not third.skipped
        assert len(third.decided) == 3
        third.keep({**_row("c"), "key": "ff" * 16, "model": "newer.gguf"}, ANSWERS["c"])
    assert [(line["id"], line["from_model"]) for line in _lines(path)] == [
        ("a", "mine.gguf"),
        ("b", "mine.gguf"),
        ("c", "newer.gguf"),
    ]


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_asked_again_and_mended(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "c.jsonl"
    with Verdicts(path) as verdicts:
        verdicts.keep(_row("a"), ANSWERS["a"])
        whole = path.read_bytes()
        verdicts.keep(_row("b"), ANSWERS["b"])
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    with Verdicts(path) as verdicts:
        assert [*verdicts.decided] == [_document("a")]
        verdicts.keep(_row("b"), ANSWERS["b"])
    assert [line["id"] for line in _lines(path)] == ["a", "b"]


def test_whoever_thinks_again_leaves_one_pair(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    other = '{"id":"x","text":"Tea","gold":{}}\n'
    path.write_text(other)
    with Verdicts(path) as verdicts:
        verdicts.keep(_row("c"), ANSWERS["c"])
        verdicts.keep(_row("a"), ANSWERS["a"])
        verdicts.keep(_row("c"), GOLD)
        verdicts.keep(_row("c"), ANSWERS["c"])
        grown = path.read_bytes()
        assert len(grown.splitlines()) == 5
    assert [(line["id"], line["gold"]) for line in _lines(path)] == [
        ("x", {}),
        ("a", ANSWERS["a"]),
        ("c", ANSWERS["c"]),
    ]
    path.write_bytes(grown)  # as a kill would have left it
    with Verdicts(path):
        assert [line["id"] for line in _lines(path)] == ["x", "a", "c"]
    assert path.read_text().startswith(other)


def test_one_review_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Verdicts(path), pytest.raises(UsageError, match=r"c.jsonl: another review writes it"):
        Verdicts(path)
    with Verdicts(path):
        pass


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(UsageError, match="no JSON object"):
        Verdicts(path)
    with pytest.raises(UsageError, match="no such folder"):
        Verdicts(tmp_path / "gone" / "c.jsonl")
    assert [*tmp_path.iterdir()] == [path]
