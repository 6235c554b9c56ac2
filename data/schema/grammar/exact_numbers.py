"""Where llguidance would count wrongly, and what its grammar has to say instead.

llguidance 1.9 holds numbers as 64-bit floats and integers (its ``numeric.rs``): a ``const`` of
2**53 + 1 becomes 2**53, the least 64-bit integer is an error, and 0.07 has seventeen digits.
:class:`Troubled` finds such keywords; :func:`number_term` writes the numbers that they allow in
the syntax of llguidance's grammars, digit by digit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple

from setaccio.data.files.decimals import SURE_DIGITS, decimal_of
from setaccio.data.schema.grammar.number_regex import FRACTION, WHOLE, at_least, at_most, multiples
from setaccio.data.schema.pointers import leaves
from setaccio.data.schema.walk import Lookup, schema_parts, types_of

EXACT = 2**53
"""Integers up to here are floats."""

MOST_VALUES = 64
"""Multiples within bounds that are written one by one."""

MOST_PLAIN = 32
"""Characters of a named number that may be written without an exponent."""

MOST_DIGITS = 100
"""Digits of a bound, on either side of the point, that an expression is made of."""

_NUMBERS = frozenset({"integer", "number"})
_DEFINITIONS = ("$defs", "definitions")
_BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


class Range(NamedTuple):
    """What a schema's keywords say about a number.

    Attributes:
        whole: integers only.
        lower: least number; None where there is none.
        above: whether the least number itself is too small.
        upper: greatest number; None where there is none.
        below: whether the greatest number itself is too large.
        step: what the number is a multiple of; None where that is left open.
    """

    whole: bool
    lower: Decimal | None
    above: bool
    upper: Decimal | None
    below: bool
    step: Fraction | None

    @property
    def multiples(self) -> range | None:
        """How many steps the multiples are from nought; None where they have no end."""
        if self.step is None or self.lower is None or self.upper is None:
            return None
        first, last = Fraction(self.lower) / self.step, Fraction(self.upper) / self.step
        least = math.floor(first) + 1 if self.above else math.ceil(first)
        most = math.ceil(last) - 1 if self.below else math.floor(last)
        return range(least, most + 1)


def range_of(schema: dict[str, Any], *, whole: bool) -> Range:
    """Read the number keywords of a schema.

    Args:
        schema: a valid schema.
        whole: its numbers are integers.
    """
    lower, above = _bound(schema, "minimum", "exclusiveMinimum", 1)
    upper, below = _bound(schema, "maximum", "exclusiveMaximum", -1)
    step: Fraction | None = None
    if "multipleOf" in schema:
        step = abs(Fraction(decimal_of(schema["multipleOf"])))
        if whole:  # the least number that is whole and a multiple
            step = Fraction(step.numerator)
    return Range(whole, lower, above, upper, below, step)


def _bound(
    schema: dict[str, Any], bound: str, strict: str, way: int
) -> tuple[Decimal | None, bool]:
    """The tighter of an inclusive and an exclusive bound, and whether it is the exclusive one."""
    found = [(Decimal(decimal_of(schema[bound])), False)] if bound in schema else []
    if schema.get(strict) is True and found:  # as draft 4 has it
        return found[0][0], True
    if strict in schema and not isinstance(schema[strict], bool):
        found.append((Decimal(decimal_of(schema[strict])), True))
    return max(found, key=lambda each: (way * Fraction(each[0]), each[1]), default=(None, False))


class Troubled:
    """The parts of a schema in which numbers would be misread, and those that hold them.

    Attributes:
        numbers: the keyword at fault by the id of its part.
        holders: ids of these parts and of every part that leads to one.
    """

    def __init__(self, schema: dict[str, Any], lookup: Lookup, grave: bool) -> None:
        self.numbers: dict[int, str] = {}
        users: dict[int, set[int]] = {}
        waiting: list[Any] = [schema]
        seen: set[int] = set()
        while waiting:
            part = waiting.pop()
            if not isinstance(part, dict) or id(part) in seen:
                continue
            seen.add(id(part))
            keyword, always = _trouble_of(part, types_of(part))
            if keyword and (always or not grave):
                self.numbers[id(part)] = keyword
            for inner in _inside(part, lookup):
                users.setdefault(id(inner), set()).add(id(part))
                waiting.append(inner)
        self.holders: set[int] = set()
        found = set(self.numbers)
        while found:
            self.holders |= found
            found = {user for each in found for user in users.get(each, ())} - self.holders


def _inside(part: dict[str, Any], lookup: Lookup) -> Iterator[Any]:
    """The parts that a value or something in it has to fit."""
    yield from (inner for keys, inner in schema_parts(part) if keys[0] not in _DEFINITIONS)
    if isinstance(part.get("$ref"), str):
        yield lookup(part["$ref"])


def _trouble_of(schema: dict[str, Any], types: frozenset[str]) -> tuple[str, bool]:
    """The keyword of a schema that llguidance would read wrongly, empty where there is none; and
    whether every answer suffers, or only a number that the model hardly writes."""
    for key in ("const", "enum"):
        named = list(_numbers_in(schema.get(key)))
        if any(map(_is_misread, named)):
            return key, True
        if any(map(_has_exponent, named)):
            return key, False
    if not types & _NUMBERS:
        return "", False
    for key in _BOUNDS:
        bound = schema.get(key)
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            if abs(bound) > EXACT:
                return key, True
            if _is_misread(bound):
                return key, False
    if "const" in schema or "enum" in schema:
        return "", False
    numbers = range_of(schema, whole="number" not in types)
    if numbers.step is not None and not _counts(schema["multipleOf"], numbers):
        return "multipleOf", True
    if numbers.step is not None and _wants_all_digits(numbers.step):
        return "multipleOf", False
    return ("exclusiveMinimum", False) if _is_narrow(numbers) else ("", False)


def _numbers_in(value: Any) -> Iterator[float]:
    for _, leaf in leaves(value):
        if isinstance(leaf, int | float) and not isinstance(leaf, bool):
            yield leaf


def _is_misread(number: float) -> bool:
    """Whether llguidance takes a number for another one."""
    if isinstance(number, float):  # its reader of JSON is sure of so many digits only
        return len(decimal_of(number).as_tuple().digits) > SURE_DIGITS  # type: ignore[union-attr]
    if -(2**63) < number < 2**63:
        return int(float(number)) != number
    try:
        return Decimal(repr(float(number))) != number or number == -(2**63)
    except OverflowError:
        return True


def _has_exponent(number: float) -> bool:
    """Whether JSON writers write an exponent, which llguidance does not."""
    return isinstance(number, float) and "e" in float.__repr__(number)


def _counts(factor: float, numbers: Range) -> bool:
    """Whether llguidance finds the multiples of a factor; its own arithmetic, step by step."""
    if abs(factor) > 2**32 - 1:
        return False
    value, exponent = abs(float(factor)), 0
    while value % 1 and exponent < 400:
        value, exponent = value * 10, exponent + 1
    found = Fraction(int(value), 10**exponent)
    if value > 2**32 - 1 or found != abs(Fraction(decimal_of(factor))):
        return False
    known = numbers.multiples
    if known is None or numbers.lower is None or numbers.upper is None:
        return True
    step = value / 10.0**exponent
    low, high = float(numbers.lower), float(numbers.upper)
    first, last = math.ceil(low / step) * step, math.floor(high / step) * step
    first += step if numbers.above and first == low else 0
    last -= step if numbers.below and last == high else 0
    if numbers.whole:
        first, last = math.ceil(first), math.floor(last)
    return bool(known) == (first <= last)


def _wants_all_digits(step: Fraction) -> bool:
    """Whether llguidance lets 0.50 pass as a multiple of 0.25, but not 0.5, as JSON writes it."""
    _, digits, exponent = _as_decimal(step).as_tuple()
    return int(exponent) < -1 and "".join(map(str, digits)).rstrip("0") not in ("1", "5")


def _is_narrow(numbers: Range) -> bool:
    """Whether llguidance loses an exclusive bound: both lie between the same whole numbers."""
    if numbers.whole or numbers.lower is None or numbers.upper is None:
        return False
    signs = {math.copysign(1, bound) for bound in (numbers.lower, numbers.upper) if bound}
    same = math.trunc(numbers.lower) == math.trunc(numbers.upper)
    return same and len(signs) < 2 and (numbers.above or numbers.below)


def number_term(numbers: Range) -> str:
    """The numbers of a range as a terminal of a grammar.

    Raises:
        ValueError: they can not be told by their digits, or there are none; it says why.
    """
    for bound in (numbers.lower, numbers.upper):
        if bound is not None and len(f"{bound:f}") > MOST_DIGITS:
            raise ValueError(f"a number of more than {MOST_DIGITS} digits")
    known = numbers.multiples
    if known is not None and len(known) <= MOST_VALUES and numbers.step is not None:
        if not known:
            raise ValueError("no multiple lies within the bounds")
        return " | ".join(f"/{_padded(numbers.step * count, numbers.step)}/" for count in known)
    parts = [f"-?{WHOLE}" if numbers.whole else f"-?{WHOLE}{FRACTION}"]
    if numbers.lower is not None:
        parts.append(at_least(numbers.lower, whole=numbers.whole, strict=numbers.above))
    if numbers.upper is not None:
        parts.append(at_most(numbers.upper, whole=numbers.whole, strict=numbers.below))
    if numbers.step is not None:
        step = _as_decimal(numbers.step)
        found = multiples(step)
        if found is None:
            raise ValueError(f"multiples of {step:f} do not show in a few digits")
        parts.append(found)
    _refuse_empty(numbers)
    return " & ".join(f"/{part}/" for part in parts)


def _refuse_empty(numbers: Range) -> None:
    low, high = numbers.lower, numbers.upper
    if low is None or high is None:
        return
    if numbers.whole:
        low = Decimal(math.floor(low) + 1 if numbers.above else math.ceil(low))
        high = Decimal(math.ceil(high) - 1 if numbers.below else math.floor(high))
    if low > high or (low == high and not numbers.whole and (numbers.above or numbers.below)):
        raise ValueError("no number lies within the bounds")


def literal(value: float) -> str:
    """The forms of one number: as JSON writers have it, and without an exponent where that is
    short; a whole one also with ``.0`` behind it."""
    plain = f"{Decimal(decimal_of(value)):f}"
    forms = {plain.removesuffix(".0"), plain} if len(plain) <= MOST_PLAIN else set()
    forms.add(str(value) if isinstance(value, int) else float.__repr__(value))
    if "." not in plain and abs(value) <= EXACT:
        forms.add(f"{plain}.0")
    return "|".join(map(re.escape, sorted(forms)))


def _padded(number: Fraction, step: Fraction) -> str:
    """One multiple, with as many digits behind the point as the step has, or fewer."""
    places = max(0, -int(_as_decimal(step).as_tuple().exponent))
    front, _, digits = f"{_as_decimal(number):.{places}f}".partition(".")
    kept = digits.rstrip("0")
    zeros = f"0{{0,{len(digits) - len(kept)}}}" if kept != digits else ""
    return rf"{front}\.{kept}{zeros}" if kept else rf"{front}(\.0{{1,{max(places, 1)}}})?"


def _as_decimal(number: Fraction) -> Decimal:
    """A number of finitely many decimal digits, all of them."""
    with localcontext(prec=10_000):
        return Decimal(number.numerator) / Decimal(number.denominator)
