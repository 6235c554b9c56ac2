"""Which rows come first, and which can not be reviewed.

Run: pytest tests/runtime/server/review
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from review_parts import ANSWERS, DOCUMENTS, result_row, review_folder, write_lines

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Document, Problem
from setaccio.runtime.server.review.rows import (
    NO_TEXT,
    OTHER_TASK,
    OTHER_TEXT,
    REPLACED,
    ReviewRows,
    read_texts,
)


def _order(path: Path, task: str | None = None) -> list[str]:
    with ReviewRows(path, DOCUMENTS, task) as rows:
        return [place.id for place in rows.places]


def test_without_a_budget_status_and_confidence_order(tmp_path: Path) -> None:
    results, _ = review_folder(tmp_path)
    assert _order(results) == ["d", "c", "a", "b"]


def test_a_budget_orders_by_risk(tmp_path: Path) -> None:
    risks = {"a": (0.2, True), "b": (0.1, False), "c": (0.6, True), "d": (1.0, True)}
    lines = [result_row(n, 0.9, risk=risk, review=must) for n, (risk, must) in risks.items()]
    with ReviewRows(write_lines(tmp_path / "r.jsonl", lines), DOCUMENTS) as rows:
        assert [place.id for place in rows.places] == ["d", "c", "a", "b"]
        assert [place.must for place in rows.places] == [True, True, True, False]
        assert rows.budgeted


def test_a_budget_that_speaks_of_some_rows_does_not_excuse_the_others(tmp_path: Path) -> None:
    lines = [result_row("a", 0.9, risk=0.1, review=False), result_row("b", 0.9)]
    with ReviewRows(write_lines(tmp_path / "r.jsonl", lines), DOCUMENTS) as rows:
        assert [place.id for place in rows.places] == ["b", "a"]
        assert not rows.budgeted


def test_a_risk_that_is_no_chance_is_none(tmp_path: Path) -> None:
    lines = [result_row("a", 0.5, risk=10**400), result_row("b", 0.4, risk=-1.0)]
    assert _order(write_lines(tmp_path / "r.jsonl", [*lines, result_row("c", 0.3, risk=0.1)])) == [
        "c",
        "b",
        "a",
    ]


def test_the_risk_of_kept_pairs_is_no_budget(tmp_path: Path) -> None:
    pair = {"id": "a", "text": DOCUMENTS["a"], "gold": ANSWERS["a"], "risk": 0.3}
    with ReviewRows(write_lines(tmp_path / "corrections.jsonl", [pair]), {}) as rows:
        assert not rows.budgeted


def test_labelled_pairs_are_rows_and_carry_their_text(tmp_path: Path) -> None:
    pairs: list[dict[str, Any]] = [
        {"id": n, "text": DOCUMENTS[n], "gold": ANSWERS[n], "ungrounded": bad}
        for n, bad in (("a", []), ("c", ["/ingredients/2"]))
    ]
    with ReviewRows(write_lines(tmp_path / "pairs.jsonl", pairs), {}) as rows:
        assert [place.id for place in rows.places] == ["c", "a"]
        found = rows.read(rows.places[0])
        assert found["data"] == ANSWERS["c"]
        assert found["spans"]["/title"]["end"] == 4
        assert "/ingredients/2" not in found["spans"]


def test_rows_that_can_not_be_reviewed_are_counted(tmp_path: Path) -> None:
    lines = [result_row("a", 0.5), result_row("b", 0.5), result_row("c", 0.5)]
    lines.append({**result_row("c", 0.4), "id": "e", "task": "booking"})
    path = write_lines(tmp_path / "r.jsonl", lines)
    texts = {**DOCUMENTS, "a": DOCUMENTS["b"], "b": None}
    with ReviewRows(path, texts, "recipe") as rows:
        assert [place.id for place in rows.places] == ["c"]
        assert rows.left_out == {OTHER_TEXT: 1, NO_TEXT: 1, OTHER_TASK: 1}


def test_of_several_rows_of_a_text_the_last_counts(tmp_path: Path) -> None:
    failed = {**result_row("a", 0.5), "status": "error", "data": None, "spans": {}}
    newer = result_row("a", 0.6, model="newer.gguf")
    path = write_lines(tmp_path / "r.jsonl", [failed, result_row("b", 0.5), newer])
    with ReviewRows(path, DOCUMENTS) as rows:
        assert [place.id for place in rows.places] == ["b", "a"]
        assert rows.read(rows.places[1])["model"] == "newer.gguf"
        assert rows.left_out == {REPLACED: 1}


def test_an_id_of_two_texts_stands_for_none() -> None:
    problems: list[Problem] = []
    texts = [Document("a", "one"), Document("b", "x"), Document("b", "x"), Document("a", "two")]
    bad = Problem("c", 0, "no text")
    assert read_texts([*texts, bad], problems) == {"a": None, "b": "x"}
    assert problems == [bad]


def test_a_torn_end_and_foreign_lines_are_said(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [result_row("a", 0.5), {"other": 1}])
    with path.open("a") as stream:
        stream.write('{"id":"b","status":"o')
    with ReviewRows(path, DOCUMENTS) as rows:
        assert [place.id for place in rows.places] == ["a"]
        assert [problem.line for problem in rows.problems] == [2, 3]


def test_what_is_no_file_of_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone"):
        ReviewRows(tmp_path / "gone", {})
    for content in ("", "hello\n", '{"a": 1}\n', "[]\n"):
        path = tmp_path / "r.jsonl"
        path.write_text(content)
        with pytest.raises(DataError, match="no row of results"):
            ReviewRows(path, {})


def test_several_tasks_are_one_at_a_time(tmp_path: Path) -> None:
    lines = [result_row("a", 0.5), {**result_row("b", 0.5), "task": "booking"}]
    path = write_lines(tmp_path / "r.jsonl", lines)
    with pytest.raises(DataError, match=r"2 tasks .booking, recipe.*--task"):
        ReviewRows(path, DOCUMENTS)
    assert _order(path, "booking") == ["b"]
    with pytest.raises(DataError, match="are of the task booking, recipe, not order"):
        ReviewRows(path, DOCUMENTS, "order")
