"""What holds of the scores of any two values.

Run: pytest tests/eval/scoring/test_score_properties.py
"""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Task, load_task
from setaccio.eval import score_document
from setaccio.eval.scoring.counts import Leaves, leaf_pointers

RECIPE = load_task("recipe")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
recipes = st.fixed_dictionaries(
    {
        "title": st.text(max_size=12),
        "ingredients": st.lists(st.text(alphabet="ab12 ½.", max_size=8), max_size=5),
        "directions": st.lists(st.text(max_size=12), max_size=4),
    }
)


@given(recipes)
def test_gold_against_itself_is_perfect(gold: dict[str, Any]):
    score = score_document(RECIPE, gold, copy.deepcopy(gold))
    assert (score.score, score.l3) == (1.0, True)
    assert score.leaves == Leaves(correct=score.leaves.correct)


@given(recipes, recipes, st.integers())
def test_the_order_of_an_unordered_list_does_not_matter(
    gold: dict[str, Any], found: dict[str, Any], seed: int
):
    mixed = copy.deepcopy(found)
    random.Random(seed).shuffle(mixed["ingredients"])
    one = score_document(RECIPE, gold, found).fields["ingredients"]
    other = score_document(RECIPE, gold, mixed).fields["ingredients"]
    assert one.score == other.score
    assert one.similarity == pytest.approx(other.similarity)


@given(recipes, json_values)
def test_scores_stay_between_zero_and_one(gold: dict[str, Any], value: Any):
    score = score_document(RECIPE, gold, value)
    assert 0.0 <= score.score <= 1.0
    for field in score.fields.values():
        assert 0.0 <= field.score <= 1.0
        assert 0.0 <= field.similarity <= 1.0
    assert score.l2 <= score.l1
    assert score.l3 <= score.l2


@given(recipes, json_values)
def test_every_leaf_of_both_sides_is_counted_once(gold: dict[str, Any], value: Any):
    outcomes = score_document(RECIPE, gold, value).outcomes
    ours = [leaf.gold for leaf in outcomes if leaf.gold is not None]
    theirs = {at for leaf in outcomes for at in leaf.predictions}
    assert len(ours) == len(set(ours))
    assert set(ours) <= set(leaf_pointers(gold))
    assert theirs <= set(leaf_pointers(value))
    failed = score_document(RECIPE, gold, None)
    assert failed.leaves == Leaves(omitted=len(leaf_pointers(gold)))


@given(json_values)
def test_any_value_equals_itself_without_a_schema(value: Any):
    task = Task.from_schema({"type": "object"})
    score = score_document(task, {"value": value}, {"value": copy.deepcopy(value)})
    assert score.score == 1.0
    assert score.leaves == Leaves(correct=score.leaves.correct)
