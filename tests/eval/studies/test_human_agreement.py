"""Agreement of the document-level rule with people.

Run: pytest tests/eval/studies/test_human_agreement.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Pair, Task
from setaccio.data.errors import DataError, UsageError
from setaccio.eval import score_predictions
from setaccio.eval.studies.human_agreement import (
    HumanAgreement,
    agreement,
    agreements,
    read_verdicts,
    verdict_rows,
    write_agreement,
)

GOLD: dict[str, Any] = {"title": "Tea", "ingredients": ["water"], "directions": ["Brew."]}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def agree_with_people(file: Path, task: Task, aliases: dict[str, str] | None = None):
    return agreements(score_predictions(file, None, task, aliases), read_verdicts(file))


def test_the_numbers_by_hand():
    found = HumanAgreement(both_yes=45, only_rule=15, only_person=25, both_no=15)
    assert (found.documents, found.accuracy, found.majority) == (100, 0.6, 0.7)
    assert found.balanced_accuracy == pytest.approx((45 / 70 + 15 / 30) / 2)
    chance = 0.7 * 0.6 + 0.3 * 0.4
    assert found.kappa == pytest.approx((0.6 - chance) / (1 - chance))


def test_always_yes_is_worth_nothing_beyond_the_majority():
    found = agreement([True] * 10, [True] * 9 + [False])
    assert (found.accuracy, found.majority) == (0.9, 0.9)
    assert (found.balanced_accuracy, found.kappa) == (0.5, 0.0)
    assert agreement([True], [True]).kappa == 0.0
    assert "majority guess 90.0%" in found.words()


verdicts = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


@given(verdicts)
def test_agreement_is_in_range(both: list[tuple[bool, bool]]):
    found = agreement([one for one, _ in both], [two for _, two in both])
    assert found.documents == len(both)
    assert 0 <= found.balanced_accuracy <= 1
    assert -1 <= found.kappa <= 1
    assert found.majority >= 0.5


def test_rows_with_verdicts(tmp_path: Path, recipe: Task):
    other = {"title": "Tea", "ingredients": ["water"], "steps": ["Brew."]}
    lines = [
        {"model": "a", "id": 1, "gold": GOLD, "data": other, "human_semantic_ok": True},
        {"model": "b", "id": 1, "gold": GOLD, "raw": "No.", "human_semantic_ok": False},
        {"model": "b", "id": 2, "gold": GOLD, "data": GOLD, "human_semantic_ok": False},
    ]
    found = agree_with_people(write(tmp_path / "x.jsonl", *lines), recipe, {"steps": "directions"})
    assert found["all"] == HumanAgreement(both_yes=1, only_rule=1, only_person=0, both_no=1)
    assert found["b"] == HumanAgreement(0, 1, 0, 1)
    assert found["all"].to_dict()["both_yes"] == 1


def test_unusable_rows_are_refused(tmp_path: Path, recipe: Task):
    with pytest.raises(UsageError, match="can not be read"):
        agree_with_people(tmp_path / "none.jsonl", recipe)
    row = {"id": 1, "data": GOLD}
    assert read_verdicts(write(tmp_path / "x.jsonl", row)) == {}
    judged = {**row, "human_semantic_ok": True}
    with pytest.raises(DataError, match="no gold object for id '1'"):
        agree_with_people(write(tmp_path / "x.jsonl", judged), recipe)
    unclear = {**row, "gold": GOLD, "human_semantic_ok": "yes"}
    with pytest.raises(DataError, match="id '1' is not true or false"):
        agree_with_people(write(tmp_path / "x.jsonl", unclear), recipe)
    with pytest.raises(UsageError, match="1 verdicts of the rule against 2"):
        agreement([True], [True, False])


def test_outputs_that_nobody_judged_are_left_out(tmp_path: Path, recipe: Task):
    lines = [
        {"id": "a", "data": GOLD, "human_semantic_ok": True},
        {"id": "b", "data": GOLD, "human_semantic_ok": None},
        {"id": "c", "raw": "", "human_semantic_ok": False},
    ]
    file = write(tmp_path / "x.jsonl", *lines)
    pairs = [Pair(name, "Brew tea.", GOLD) for name in "abc"]
    comparison = score_predictions(file, pairs, recipe)
    found = agreements(comparison, read_verdicts(file))
    assert found == {"all": HumanAgreement(1, 0, 0, 1)}
    assert agreements(comparison, {}) == {}
    assert verdict_rows(found)[1:] == [
        ["all", "2", "1", "1", "100%", "1.00", "1.00"],
        ["majority guess", "2", "1", "2", "50.0%", "0.50", "0.00"],
    ]
    write_agreement(tmp_path, found)
    assert json.loads((tmp_path / "agreement.json").read_text())["all"]["kappa"] == 1.0
    assert "| majority guess | 2 |" in (tmp_path / "agreement.md").read_text()


def test_agreement_with_the_people_of_the_reference_experiment(
    recipe: Task, reference_outputs: Path
):
    found = agree_with_people(reference_outputs, recipe, {"steps": "directions"})
    whole = found["all"]
    assert (whole.documents, whole.majority) == (150, 0.9)
    assert whole.accuracy >= 0.94
    assert whole.balanced_accuracy >= 0.70
    assert whole.kappa >= 0.54
    accepted = {name: one.both_yes + one.only_person for name, one in found.items()}
    assert accepted == {"all": 135, "Qwen2.5": 38, "Phi3": 48, "Mistral": 49}
