"""Normalisation: what becomes the same, and what must not.

Run: pytest tests/eval/scoring/test_normalise.py
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.eval.scoring.normalise import normalise, parse_number


@pytest.mark.parametrize(
    "same",
    [
        ["½ c. milk", "1/2 cup milk", "1/2 c milk", "1 / 2 cups Milk", "1⁄2 c. milk"],
        ["3½ cups flour", "3 1/2 c. flour", "3 ½ cup flour"],
        ["2 Tbsp. butter", "2 tablespoons butter", "2 tbsp butter", "2-tablespoon butter"],
        ["1 tsp. salt", "1 teaspoon salt"],
        ["16 oz. can", "16-oz can", "16oz can", "16 ounces can"],
        ["2 lb. beef", "2 lbs beef", "2 pounds beef"],
        ["350°F", "350 degrees F", "350 º f", "350 Degrees Fahrenheit"],
        ["275° oven", "275 degree oven"],
        ["Nolan'S Pepper Steak", "nolan’s pepper steak", "Nolans Pepper-Steak"],
        ["café", "cafe\u0301", "CAFÉ"],
        ["1,000 kg", "1000kg"],
        ["1 large pkg. noodles", "1 large package noodles"],
        ["ﬁsh  and\tchips", "Fish and chips."],
    ],
)
def test_these_are_the_same(same: list[str]):
    assert len({normalise(text) for text in same}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1/2 cup", "12 cup"),
        ("3½", "31/2"),
        ("1.5", "15"),
        ("-5", "5"),
        ("5%", "5"),
        ("C#", "C"),
        ("C++", "C"),
        ("10:30", "1030"),
        ("salt", "malt"),
        ("?", "!"),
        ("café", "cafe"),
        ("2 tsp. salt", "2 tbsp. salt"),
    ],
)
def test_these_stay_different(one: str, other: str):
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize("text", ["Vitamin C", "Plan G", "12 in stock", "the oz", "L. Cohen"])
def test_units_are_units_only_after_a_number(text: str):
    without = ("unicode", "case", "numbers", "punctuation", "space")
    assert normalise(text) == normalise(text, without)


def test_units_are_a_step_that_can_be_left_out():
    steps = ("unicode", "case", "numbers", "punctuation", "space")
    assert normalise("5 c. milk", steps) == "5 c milk"
    assert normalise("5 c. milk") == "5 cup milk"


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet="1½/ .,'-°cCglbozTtsp", max_size=25))
def test_normalising_quantities_twice_changes_nothing(text: str):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (2.5, 2.5),
        ("1,000", 1000.0),
        ("½", 0.5),
        ("1 1/2", 1.5),
        ("3½", 3.5),
        ("-2.5", -2.5),
        ("−2", -2.0),
        (".5", 0.5),
        (True, None),
        (None, None),
        ("two", None),
        ("1/0", None),
        ("1 cup", None),
        ("9" * 200, None),
        (10**400, None),
    ],
)
def test_parse_number(value: object, number: float | None):
    assert parse_number(value) == number
