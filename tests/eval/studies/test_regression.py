"""A run against an earlier one: pairing, noise, tolerance, and what is not comparable.

Run: pytest tests/eval/studies/test_regression.py
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from setaccio.data import Pair, Task
from setaccio.data.errors import DataError, UsageError
from setaccio.eval import Comparison
from setaccio.eval.arms.predictions import RecordedArm
from setaccio.eval.compare import compare
from setaccio.eval.studies.losses import paired_losses
from setaccio.eval.studies.regression import read_earlier, regression
from setaccio.eval.table import markdown

GOLD = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water."]}
OTHER = {"title": "Xyz", "ingredients": ["stone"], "directions": ["Run."]}
PAIRS = [Pair(f"p{n}", f"Boil water, {n}.", GOLD) for n in range(20)]


def run(
    task: Task,
    out: Path,
    right: int,
    pairs: Sequence[Pair] = PAIRS,
    name: str = "model",
    constraints: Sequence[str] = ("schema",),
) -> Comparison:
    """A run whose first so many documents are right."""
    rows = {
        pair.id: {"id": pair.id, "data": GOLD if at < right else OTHER}
        for at, pair in enumerate(pairs)
    }
    arms = [RecordedArm(name, constraint, rows, out) for constraint in constraints]
    return compare(arms, pairs, task, out=out)


def test_the_same_outputs_pass(recipe: Task, tmp_path: Path):
    run(recipe, tmp_path / "old", 18)
    found = regression(tmp_path / "old", run(recipe, tmp_path / "new", 18), tolerance=0.0)
    assert found.failed == []
    assert found.notes == ()
    assert {one.describe_loss() for one in found.differences} == {"none"}
    assert "No loss beyond 0" in found.describe()


def test_a_loss_beyond_the_tolerance_fails_and_says_where(recipe: Task, tmp_path: Path):
    run(recipe, tmp_path / "old", 20)
    now = run(recipe, tmp_path / "new", 19)
    found = regression(tmp_path / "old", now, tolerance=0.02)
    failed = {one.measure: one for one in found.failed}
    assert set(failed) == {"l3", "score"}
    assert failed["l3"].loss == pytest.approx(0.05)
    assert failed["l3"].noise  # one document of twenty: a loss, and no proof of one elsewhere
    assert "noise" in failed["l3"].describe_loss()
    assert "model L3 100% to 95.0%" in found.describe()
    assert regression(tmp_path / "old", now, tolerance=0.05).failed == []
    written = json.loads((tmp_path / "new/regression.json").read_text())
    assert written["tolerance"] == 0.05
    assert "No loss beyond" in (tmp_path / "new/regression.md").read_text()


def test_a_great_loss_is_no_noise_and_a_gain_is_no_loss(recipe: Task, tmp_path: Path):
    run(recipe, tmp_path / "old", 10)
    worse = regression(tmp_path / "old", run(recipe, tmp_path / "worse", 0))
    assert not any(one.noise for one in worse.failed)
    better = regression(tmp_path / "old", run(recipe, tmp_path / "better", 20))
    assert better.failed == []
    l3 = next(one for one in better.differences if one.measure == "l3")
    assert (l3.loss, l3.noise) == (-0.5, False)


def test_only_shared_documents_count(recipe: Task, tmp_path: Path):
    run(recipe, tmp_path / "old", 20)
    found = regression(tmp_path / "old", run(recipe, tmp_path / "new", 5, PAIRS[:5]))
    assert found.failed == []
    assert {one.documents for one in found.differences} == {5}
    assert "5 documents are in both runs, of 20 before and 5 now." in found.notes


def test_arms_are_paired_by_name_else_by_being_alone(recipe: Task, tmp_path: Path):
    run(recipe, tmp_path / "old", 20, name="v1", constraints=("schema", "none"))
    found = regression(tmp_path / "old", run(recipe, tmp_path / "new", 20, name="v2"))
    assert {(one.name, one.constraint) for one in found.differences} == {("v2", "schema")}
    assert "'v2' is compared with 'v1', the only one left." in found.notes
    unpaired = run(recipe, tmp_path / "free", 20, name="v2", constraints=("",))
    with pytest.raises(DataError, match=r"shares no arm with this run: v1 \(none\)"):
        regression(tmp_path / "old", unpaired)


def test_what_has_changed_is_said(recipe: Task, tmp_path: Path):
    run(recipe, tmp_path / "old", 20)
    config = json.loads((tmp_path / "old/config.json").read_text())
    changed = {**config, "normalisation": "of another time"}
    (tmp_path / "old/config.json").write_text(json.dumps(changed))
    other = recipe.model_copy(update={"instruction": "Extract it all."})
    found = regression(tmp_path / "old", run(other, tmp_path / "new", 20))
    assert any("task has changed" in note for note in found.notes)
    assert any("normalisation of another time" in note for note in found.notes)


def test_what_is_no_run_is_refused(recipe: Task, tmp_path: Path):
    now = run(recipe, tmp_path / "new", 20)
    with pytest.raises(UsageError, match=r"nowhere: is no finished run .*setaccio eval --out"):
        read_earlier(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="tolerance of 2 is out of range"):
        regression(tmp_path / "new", now, tolerance=2)
    (tmp_path / "scores.jsonl").write_text('{"arm": "x"}\n')
    with pytest.raises(DataError, match=r"scores\.jsonl:1: is no score"):
        read_earlier(tmp_path)
    run(recipe, tmp_path / "others", 2, [Pair("z", "Text.", GOLD)])
    with pytest.raises(DataError, match="no document of that run is in this one"):
        regression(tmp_path / "others", now)


def test_pairing_makes_the_noise_smaller():
    """The documents differ far more than the runs do; the pairs do not show that."""
    generator = np.random.default_rng(3)
    hard = generator.uniform(0, 0.9, 60)
    old = {
        str(n): dict.fromkeys(("l1", "l2", "l3", "score"), value) for n, value in enumerate(hard)
    }
    new = {id: {name: value - 0.02 for name, value in one.items()} for id, one in old.items()}
    score = paired_losses("m", "schema", old, new)[-1]
    assert score.low == pytest.approx(0.02)
    assert not score.noise
    assert score.to_dict()["loss"] == pytest.approx(0.02)
    mixed = {
        id: {name: value + 0.1 * (-1) ** int(id) for name, value in one.items()}
        for id, one in old.items()
    }
    undecided = paired_losses("m", "schema", old, mixed)[-1]
    assert undecided.low < 0 < undecided.high
    assert undecided.noise


def test_a_cell_can_hold_a_bar():
    assert markdown([["a|b", "n"], ["x", "1"]]) == "| a\\|b | n |\n| :-- | --: |\n| x | 1 |\n"
