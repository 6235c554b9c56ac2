"""ANLS* against the package that defines it.

Run: pytest tests/eval/scoring/test_anls.py
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Task
from setaccio.eval import score_document
from setaccio.eval.scoring.anls import anls_star

official = pytest.importorskip("anls_star", reason="anls-star is not installed").anls_score

GOLD: dict[str, Any] = {"title": "Tea", "ingredients": ["1 cup water"], "directions": ["Brew."]}

texts = st.text(alphabet="abc AB1.", max_size=8)
leaves = texts | st.none() | st.booleans() | st.integers(0, 30) | st.sampled_from([0.5, 1.0])
lists = st.lists(leaves, max_size=4)
rows = st.lists(st.fixed_dictionaries({"name": texts, "price": st.integers(0, 9)}), max_size=3)
objects = st.dictionaries(
    st.sampled_from("abc"), leaves | lists | rows | st.dictionaries(st.sampled_from("xy"), leaves)
)


@given(objects, objects)
def test_equals_the_package(gold: dict[str, Any], prediction: dict[str, Any]):
    assert anls_star(gold, prediction) == pytest.approx(official(gold, prediction))


@pytest.mark.parametrize(
    ("gold", "prediction"),
    [
        (GOLD, GOLD),
        (GOLD, {**GOLD, "ingredients": ["7 cup water", "salt"]}),
        (GOLD, {"title": "Tea"}),
        (GOLD, ["Tea"]),
        (GOLD, "Tea"),
        ({"a": None}, {"a": ""}),
        ({"a": []}, {"a": None}),
        ({"a": 1}, {"a": True}),
        ({}, {}),
        ({}, {"a": None}),
    ],
)
def test_equals_the_package_where_it_is_odd(gold: Any, prediction: Any):
    assert anls_star(gold, prediction) == pytest.approx(official(gold, prediction))


def test_failed_documents_score_zero(recipe: Task):
    assert score_document(recipe, GOLD, GOLD).anls == 1.0
    assert score_document(recipe, GOLD, None).anls == 0.0
    assert score_document(recipe, GOLD, GOLD, complete=False).anls == 0.0
    wrong = score_document(recipe, GOLD, {**GOLD, "ingredients": ["7 cup water"]})
    assert wrong.anls == pytest.approx((1 + 10 / 11 + 1) / 3)
