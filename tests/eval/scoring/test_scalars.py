"""Numbers are compared by what is written, not by what a float can hold.

Run: pytest tests/eval/scoring/test_scalars.py
"""

from __future__ import annotations

from typing import Any

import pytest

from setaccio.data import ScoringRule
from setaccio.eval.scoring.scalars import compare_scalars


@pytest.mark.parametrize(
    ("gold", "prediction", "tolerance", "right"),
    [
        (20.0, 19.99, 0.01, True),
        (20.0, 19.98, 0.01, False),
        (1234567890, 1234567891, 0.0, False),
        (9007199254740993, 9007199254740992, 0.0, False),
        (9007199254740993, 9007199254740993, 0.0, True),
        (10**23, 1e23, 0.0, True),
        ("1/3", 0.333333333333, 0.0, True),
        (5, 5.0, 0.0, True),
    ],
)
def test_numbers_are_compared_by_their_digits(
    gold: Any, prediction: Any, tolerance: float, right: bool
):
    rule = ScoringRule(method="number", tolerance=tolerance)
    assert compare_scalars(rule, gold, prediction) == (float(right), right)


def test_exactly_the_same_number_written_otherwise():
    rule = ScoringRule(method="exact")
    assert compare_scalars(rule, [10**23, 1], [1e23, 1.0]) == (1.0, True)
