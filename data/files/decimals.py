"""Numbers as they are written, for whatever judges them: decimal digits, not binary fractions.

JSON writes decimal numbers, Python holds the nearest binary ones. 19.99 is a multiple of 0.01, but
the floats next to them are not. Here numbers are what their digits say.

    >>> is_multiple(19.99, 0.01), 19.99 % 0.01 == 0
    (True, False)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

SURE_DIGITS = 15
"""Decimal digits that a float gives back as they were, whatever they are (C's ``DBL_DIG``)."""


class WrittenFloat(float):
    """A float that was written with digits it can not hold, and these digits.

    It is a float in all respects and JSON writers write it as one; judges and messages look at
    ``digits``.

    Attributes:
        digits: the number as it was written, such as ``0.10000000000000000001``.
    """

    __slots__ = ("digits",)
    digits: str

    def __new__(cls, digits: str) -> WrittenFloat:
        """From the digits."""
        number = super().__new__(cls, digits)
        number.digits = digits
        return number

    def __repr__(self) -> str:
        return self.digits

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        """What a copy is made of."""
        return (self.digits,)


def read_float(digits: str) -> float:
    """A float; a :class:`WrittenFloat` where it is not what was written.

    Raises:
        ValueError: the text is no number.
    """
    number = float(digits)
    if len(digits) <= SURE_DIGITS or number in (float("inf"), float("-inf")):
        return number
    return number if Decimal(digits) == Decimal(repr(number)) else WrittenFloat(digits)


def decimal_of(value: float) -> int | Decimal:
    """The number that a JSON writer writes for a value: what comes out is what counts."""
    return value if isinstance(value, int) else Decimal(float.__repr__(value))


def decimals_of(value: float) -> Iterator[int | Decimal]:
    """A number as it will be written and, where that is another one, as it was."""
    yield decimal_of(value)
    if isinstance(value, WrittenFloat):
        yield Decimal(value.digits)


def is_whole(value: float) -> bool:
    """Whether a number has no fraction, neither as it was written nor as it will be."""
    return all(
        isinstance(number, int) or number == number.to_integral_value()
        for number in decimals_of(value)
    )


def is_multiple(value: float, factor: float) -> bool:
    """Whether one number is a whole multiple of another, by their decimal digits.

    Args:
        value: the number.
        factor: what it may be a multiple of; not 0.
    """
    if isinstance(value, int) and isinstance(factor, int):
        return value % factor == 0
    if not math.isfinite(value):
        return False
    step = Fraction(decimal_of(factor))
    return all((Fraction(number) / step).denominator == 1 for number in decimals_of(value))


def as_integers(value: Any) -> Any:
    """A JSON value in which whole numbers are integers, so that ``==`` compares digits."""
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(float.__repr__(value)))
    if isinstance(value, list):
        return [as_integers(part) for part in value]
    if isinstance(value, dict):
        return {key: as_integers(part) for key, part in value.items()}
    return value
