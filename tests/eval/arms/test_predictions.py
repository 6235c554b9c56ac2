"""Outputs made elsewhere.

Run: pytest tests/eval/arms/test_predictions.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from setaccio.data import Pair, Task
from setaccio.data.errors import DataError, UsageError
from setaccio.eval import markdown_table, score_predictions

GOLD = {"title": "Tea", "ingredients": ["water", "leaves"], "directions": ["Brew."]}
OTHER_NAMES = {"title": "Tea", "ingredients": ["leaves", "water"], "steps": ["Brew."]}
ALIASES = {"steps": "directions"}
PAIRS = [Pair(name, "Brew leaves in water.", GOLD) for name in ("a", "b", "c")]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_raw_and_data_are_scored_alike_and_missing_ones_fail(tmp_path: Path, recipe: Task):
    raw = f"```json\n{json.dumps(OTHER_NAMES)}\n```"
    file = write(tmp_path / "x.jsonl", {"id": "a", "raw": raw}, {"id": "b", "data": OTHER_NAMES})
    (arm,) = score_predictions(file, PAIRS, recipe, ALIASES).arms
    assert [score.status for score in arm.scores] == ["ok", "ok", "missing"]
    assert [score.score for score in arm.scores] == [1.0, 1.0, 0.0]
    assert [score.l1_strict for score in arm.scores] == [False, True, False]
    assert arm.name == "x"


@pytest.mark.parametrize(
    "form",
    [
        "%s<|im_end|>",
        "%s\n```\nThat is all.",
        "Here it is:\n%s",
        "```\n%s\n```\n```\nx\n```",
        "%s %s",
    ],
)
def test_the_first_value_counts_whatever_stands_around_it(tmp_path: Path, recipe: Task, form: str):
    row = {"id": "a", "raw": form.replace("%s", json.dumps(OTHER_NAMES, indent=2))}
    (arm,) = score_predictions(write(tmp_path / "x.jsonl", row), PAIRS[:1], recipe, ALIASES).arms
    (score,) = arm.scores
    assert (score.l1, score.l1_strict, score.l2, score.score) == (True, False, True, 1.0)


def test_keys_are_not_guessed(tmp_path: Path, recipe: Task):
    file = write(tmp_path / "x.jsonl", {"id": "a", "data": OTHER_NAMES})
    (arm,) = score_predictions(file, PAIRS[:1], recipe).arms
    assert arm.scores[0].status == "invalid_schema"
    assert not arm.scores[0].l2


def test_models_become_rows_of_one_table(tmp_path: Path, recipe: Task):
    rows = [
        {"id": 1, "model": "one", "gold": GOLD, "data": GOLD, "seconds": 0.5},
        {"id": 1, "model": "two", "gold": GOLD, "raw": "I can not do that."},
    ]
    table = markdown_table(score_predictions(write(tmp_path / "x.jsonl", *rows), None, recipe))
    lines = table.splitlines()
    assert lines[2].split(" | ")[:5] == ["| one", "-", "100%", "100%", "100%"]
    assert lines[2].endswith("| 0.50 | 1 |")
    assert lines[3].split(" | ")[:5] == ["| two", "-", "0%", "0%", "0%"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "z", "data": GOLD}], "no gold for 1 of its ids, such as 'z'"),
        ([{"id": "a", "data": GOLD}] * 2, "x.jsonl:2: id 'a' comes twice"),
        ([{"id": "a"}], "x.jsonl:1: a prediction is"),
        ([{"id": "a", "raw": GOLD}], "x.jsonl:1: raw is no text"),
        ([], "no prediction in it"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, recipe: Task, rows: list[Any], message: str):
    with pytest.raises(DataError, match=message):
        score_predictions(write(tmp_path / "x.jsonl", *rows), PAIRS, recipe)


def test_broken_line_and_missing_file(tmp_path: Path, recipe: Task):
    broken = tmp_path / "x.jsonl"
    broken.write_text('{"id": "a", "data"', encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.jsonl:1: not JSON"):
        score_predictions(broken, PAIRS, recipe)
    with pytest.raises(UsageError, match="can not be read"):
        score_predictions(tmp_path / "none.jsonl", PAIRS, recipe)
    with pytest.raises(DataError, match="no gold object for id 'a'"):
        score_predictions(write(broken, {"id": "a", "data": GOLD}), None, recipe)


# The reference experiment's own table: outputs of 50 that people found semantically right.
PUBLISHED_L3 = {"Qwen2.5": 43, "Phi3": 48, "Mistral": 49}


def test_the_reference_experiment_is_reproduced(recipe: Task, reference_outputs: Path):
    scored = score_predictions(reference_outputs, None, recipe, ALIASES)
    arms = {arm.name: arm for arm in scored.arms}
    counts = {
        name: (sum(s.l1 for s in arm.scores), sum(s.l2 for s in arm.scores), len(arm.scores))
        for name, arm in arms.items()
    }
    # One of Qwen's answers is broken at first and whole when it is said again: lenient L1 finds it.
    assert counts == {"Qwen2.5": (45, 45, 50), "Phi3": (50, 50, 50), "Mistral": (50, 50, 50)}
    for name, arm in arms.items():
        assert abs(sum(s.l3 for s in arm.scores) - PUBLISHED_L3[name]) / len(arm.scores) <= 0.05
