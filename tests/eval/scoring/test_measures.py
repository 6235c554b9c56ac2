"""Quantity, unit and name.

Run: pytest tests/eval/scoring/test_measures.py
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.eval.scoring.measures import (
    Measure,
    MeasureAgreement,
    compare_measures,
    parse_measure,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1 cup flour", ("1", "cup", "flour")),
        ("2½ c. flour, sifted", ("5/2", "cup", "flour sifted")),
        ("1.5 cups of sugar", ("3/2", "cup", "sugar")),
        ("500g beef", ("500", "gram", "beef")),
        ("1 (16 oz.) can beans", ("1 (16 ounce)", "can", "beans")),
        ("1 16-oz can beans", ("1 (16 ounce)", "can", "beans")),
        ("1 to 1 1/2 lb. stew meat", ("1-3/2", "pound", "stew meat")),
        ("2-3 cloves garlic", ("2-3", "clove", "garlic")),
        ("1 large can pineapple", ("1", "can", "large pineapple")),
        ("2 large onions", ("2", "", "large onions")),
        ("a pinch of salt", ("1", "pinch", "salt")),
        ("half a cup milk", ("1/2", "cup", "milk")),
        ("two eggs", ("2", "", "eggs")),
        ("1 T. sugar", ("1", "tablespoon", "sugar")),
        ("1 t. sugar", ("1", "teaspoon", "sugar")),
        ("salt", ("", "", "salt")),
        ("apple pie", ("", "", "apple pie")),
        ("2024-05-01", ("", "", "2024 05 01")),
        ("", ("", "", "")),
    ],
)
def test_parts(text: str, parts: tuple[str, str, str]):
    assert parse_measure(text) == Measure(*parts)


@pytest.mark.parametrize(
    ("gold", "prediction", "agreement"),
    [
        ("1 cup flour", "7 cup flour", (False, True, True)),
        ("1 cup flour", "1 tbsp flour", (True, False, True)),
        ("1 cup flour", "1 cup milk", (True, True, False)),
        ("1 cup flour", "flour", (False, False, True)),
        ("1 c. flour", "1 cup of Flour", (True, True, True)),
        ("1½ lb. beef", "1.5 pounds beef", (True, True, True)),
        ("1 (16 oz.) can beans", "1 (8 oz.) can beans", (False, True, True)),
    ],
)
def test_all_three_must_agree(gold: str, prediction: str, agreement: tuple[bool, bool, bool]):
    found = compare_measures(gold, prediction)
    assert found == MeasureAgreement(*agreement)
    assert found.all == (agreement == (True, True, True))


@given(st.text(max_size=30) | st.text(alphabet="12½/ .-(ozcupgTt)a ", max_size=25))
def test_any_text_agrees_with_itself(text: str):
    assert compare_measures(text, text).all


@given(
    st.integers(1, 99), st.integers(1, 99), st.sampled_from(["cup", "tsp.", "lb.", "cans", "g", ""])
)
def test_other_quantities_never_agree(one: int, other: int, unit: str):
    same = compare_measures(f"{one} {unit} dry peas", f"{other} {unit} dry peas").all
    assert same == (one == other)
