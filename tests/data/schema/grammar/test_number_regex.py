"""Expressions for ranges of numbers match exactly the numbers in them.

Run: pytest tests/data/schema/grammar/test_number_regex.py
"""

from __future__ import annotations

import re
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.schema.grammar.number_regex import at_least, at_most, multiples

SMALL = st.decimals(-30, 30, places=2)
LARGE = st.integers(-(10**40), 10**40).map(Decimal)
NUMBERS = st.one_of(SMALL, LARGE, st.decimals(-1, 1, places=6))


def forms(number: Decimal) -> list[str]:
    """A number as JSON may write it, without an exponent."""
    text = f"{number.copy_abs():f}"
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    signs = ["-"] if number < 0 else ["", "-"] if number == 0 else [""]
    return [sign + end for sign in signs for end in (text, plain)]


def neighbours(bound: Decimal) -> list[Decimal]:
    with localcontext(prec=100):
        return [
            bound + way * size
            for way in (-1, 0, 1)
            for size in map(Decimal, ("1e-7", "0.1", 1, 10))
        ]


@given(NUMBERS, NUMBERS, st.booleans(), st.booleans())
def test_bounds(bound: Decimal, other: Decimal, whole: bool, strict: bool):
    least = re.compile(at_least(bound, whole=whole, strict=strict))
    most = re.compile(at_most(bound, whole=whole, strict=strict))
    for number in (other, bound.copy_negate(), other.to_integral_value(), *neighbours(bound)):
        for text in forms(number):
            if whole and ("." in text):
                assert not least.fullmatch(text)
                assert not most.fullmatch(text)
                continue
            above = number > bound if strict else number >= bound
            below = number < bound if strict else number <= bound
            assert bool(least.fullmatch(text)) == above, (text, least.pattern)
            assert bool(most.fullmatch(text)) == below, (text, most.pattern)


@given(
    st.sampled_from([1, 2, 4, 5, 8, 25, 125, 10, 100, 20]),
    st.integers(-4, 3),
    st.integers(-(10**6), 10**6),
    st.integers(1, 10**7),
)
def test_multiples(factor: int, places: int, count: int, off: int):
    step = Decimal(factor).scaleb(places)
    pattern = multiples(step)
    if pattern is None:
        assert places < 0 < factor  # endings that lie on both sides of the point
        return
    expression = re.compile(pattern)
    for number in (step * count, step * count + step * Decimal(off) / 10**7):
        for text in forms(number):
            assert bool(expression.fullmatch(text)) == (number % step == 0), (text, pattern)


@pytest.mark.parametrize("step", ["3", "0.07", "7e10", "1e-500", "2.5"])
def test_multiples_that_do_not_show(step: str):
    assert multiples(Decimal(step)) is None
