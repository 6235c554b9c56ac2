"""Paired differences: the interval, the exact test, and what counts as noise.

Run: pytest tests/eval/stats/test_paired.py
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Task
from setaccio.data.errors import UsageError
from setaccio.eval import (
    ArmResult,
    Comparison,
    markdown_table,
    rich_table,
    score_document,
    summarise,
)
from setaccio.eval.result import compare_arms, pairs_of_arms
from setaccio.eval.stats.paired import mcnemar

GOLD: dict[str, Any] = {
    "title": "Tea",
    "ingredients": ["1 cup water", "2 tsp. leaves"],
    "directions": ["Brew."],
}
HALF: dict[str, Any] = {**GOLD, "ingredients": ["1 cup water"]}


def arm(task: Task, name: str, constraint: str, values: list[Any]) -> ArmResult:
    scores = tuple(
        score_document(task, GOLD, value, id=str(at), status="ok" if value else "invalid_json")
        for at, value in enumerate(values)
    )
    return ArmResult(name, name, constraint, None, "", summarise(scores), scores)


def test_a_real_difference_has_an_interval_and_a_test(recipe: Task):
    free = arm(recipe, "m", "none", [None] * 8 + [GOLD] * 12)
    bound = arm(recipe, "m", "schema", [HALF] * 8 + [GOLD] * 12)
    found = {one.metric: one for one in compare_arms(free, bound)}
    assert list(found) == [
        "L1", "L2", "L3", "exact", "score", "ANLS*",
        "title right", "ingredients F1", "directions F1",
    ]  # fmt: skip
    l1 = found["L1"]
    assert (l1.first, l1.second, l1.difference) == (0.6, 1.0, pytest.approx(0.4))
    assert (l1.before, l1.after, l1.documents) == ("m free", "m schema", 20)
    assert (l1.won, l1.lost, l1.p_value) == (8, 0, pytest.approx(2 / 2**8))
    # The normal approximation of the mean of 8 ones and 12 zeros: 0.4 +- 1.96 * 0.11.
    assert (l1.low, l1.high) == (pytest.approx(0.19, abs=0.06), pytest.approx(0.61, abs=0.06))
    assert not l1.is_noise
    assert l1.words().startswith("L1: 60.0% to 100%, +40.0 points [+")
    assert l1.words().endswith("p = 0.008")
    # Micro F1: 8 x 0 of 2 against 8 x 1 of 2 gold items, and 12 x 2 of 2.
    f1 = found["ingredients F1"]
    assert f1.first == pytest.approx(2 * 24 / (40 + 24)) == free.summary.fields["ingredients"].f1
    assert f1.second == pytest.approx(2 * 32 / (40 + 32)) == bound.summary.fields["ingredients"].f1
    assert f1.p_value is None


def test_a_difference_inside_the_noise_is_said_to_be_that(recipe: Task):
    one = arm(recipe, "one", "none", [None, GOLD, None, GOLD, GOLD])
    two = arm(recipe, "two", "none", [GOLD, None, GOLD, GOLD, GOLD])
    l1 = compare_arms(one, two)[0]
    assert (l1.won, l1.lost, l1.p_value) == (2, 1, 1.0)
    assert l1.is_noise
    assert l1.words().endswith(": inside the noise")
    assert l1.short().endswith(" noise")
    same = compare_arms(one, one)[0]
    assert (same.short(), same.words()) == ("none", "L1: 60.0% to 60.0%, no difference")


def test_few_documents_are_noise_whatever_the_interval_says(recipe: Task):
    none = arm(recipe, "one", "none", [None] * 4)
    all_of = arm(recipe, "two", "none", [GOLD] * 4)
    l1 = compare_arms(none, all_of)[0]
    assert (l1.low, l1.high, l1.p_value) == (1.0, 1.0, 0.125)
    assert l1.is_noise


def test_only_the_same_documents_are_compared(recipe: Task):
    with pytest.raises(UsageError, match="one free and two free were not measured on the same"):
        compare_arms(arm(recipe, "one", "none", [GOLD]), arm(recipe, "two", "none", [GOLD] * 2))


def test_one_thing_at_a_time_changes(recipe: Task):
    arms = [
        arm(recipe, name, constraint, [GOLD])
        for name in ("base", "tuned")
        for constraint in ("none", "schema")
    ]
    labels = [(one.label, two.label) for one, two in pairs_of_arms(arms)]
    assert labels == [
        ("base free", "base schema"),
        ("base free", "tuned free"),
        ("tuned free", "tuned schema"),
        ("base schema", "tuned schema"),
    ]


def test_comparison_and_tables_hold_the_differences(recipe: Task):
    arms = (
        arm(recipe, "m", "none", [None] * 9 + [GOLD] * 3),
        arm(recipe, "m", "schema", [GOLD] * 12),
    )
    comparison = Comparison(recipe, arms)
    stored = comparison.to_dict()
    assert [one["metric"] for one in stored["differences"]][:3] == ["L1", "L2", "L3"]
    assert stored["differences"][0]["is_noise"] is False
    assert (stored["normalisation"], stored["normalisation_steps"][0]) == ("1", "unicode")
    written = markdown_table(comparison)
    assert "| m free | m schema | +75.0 [" in written
    assert "m free to m schema: L1 +75.0 [" in str(rich_table(comparison).caption)
    alone = Comparison(recipe, arms[:1])
    assert alone.to_dict()["differences"] == []
    assert "| from |" not in markdown_table(alone)
    assert rich_table(alone).caption is None


def test_details_say_what_measures_agree(recipe: Task):
    comparison = Comparison(recipe, (arm(recipe, "m", "none", [GOLD, HALF, None]),))
    written = markdown_table(comparison)
    assert "ANLS*" in written
    assert (
        "| ingredients quantity | ingredients unit | ingredients name | ingredients strict |"
        in (written)
    )
    assert "title strict" not in written
    assert "| 50.0% | 50.0% | 50.0% | 50.0% |" in written
    assert "ok 2, invalid_json 1" in written


pairs = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


@given(pairs)
def test_mcnemar_does_not_care_for_the_direction(both: list[tuple[bool, bool]]):
    first, second = [one for one, _ in both], [two for _, two in both]
    won, lost, p_value = mcnemar(first, second)
    assert mcnemar(second, first) == (lost, won, p_value)
    assert 0 < p_value <= 1
    assert won - lost == sum(second) - sum(first)
