"""JSON Schema's number keywords in decimal arithmetic, for jsonschema's ``validators.extend``.

The library divides and compares floats: it finds that 19.99 is no multiple of 0.01, and that
10**23 is above a ``maximum`` of 1e23. Each keyword here judges a value as it will be written and,
where a float can not hold its digits, as it was written too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from math import isnan
from typing import Any

from setaccio.data.schema.validation.decimals import (
    as_integers,
    decimal_of,
    decimals_of,
    is_multiple,
)

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]
Error = Callable[[str], Any]

_Compare = Callable[[Any, Any], bool]
_BOUNDS: dict[str, tuple[_Compare, str]] = {
    "minimum": (operator.lt, "less than the minimum of"),
    "maximum": (operator.gt, "greater than the maximum of"),
    "exclusiveMinimum": (operator.le, "less than or equal to the minimum of"),
    "exclusiveMaximum": (operator.ge, "greater than or equal to the maximum of"),
}


def _bound(name: str, error: Error) -> Keyword:
    def check(validator: Any, bound: Any, instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if not validator.is_type(instance, "number"):
            return
        if isinstance(instance, float) and isnan(instance):  # no JSON, but a program may ask
            return
        breaks, said = _BOUNDS[name]
        if any(breaks(number, decimal_of(bound)) for number in decimals_of(instance)):
            yield error(f"{instance!r} is {said} {bound!r}")

    return check


def _old_bound(name: str, error: Error) -> Keyword:
    """As in the drafts 3 and 4, where ``exclusiveMinimum: true`` stands beside ``minimum``."""
    exclusive = f"exclusive{name.capitalize()}"
    inclusive, strict = _bound(name, error), _bound(exclusive, error)

    def check(validator: Any, bound: Any, instance: Any, schema: Any) -> Iterator[Any]:
        judge = strict if schema.get(exclusive, False) else inclusive
        yield from judge(validator, bound, instance, schema)

    return check


def _multiple(error: Error) -> Keyword:
    def check(validator: Any, factor: Any, instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if validator.is_type(instance, "number") and not is_multiple(instance, factor):
            yield error(f"{instance!r} is not a multiple of {factor!r}")

    return check


def _by_digits(original: Keyword) -> Keyword:
    """A keyword that compares values, so that 1e23 is 10**23."""

    def check(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(instance, str):
            wanted, instance = as_integers(wanted), as_integers(instance)
        yield from original(validator, wanted, instance, schema)

    return check


def number_keywords(keywords: dict[str, Keyword], error: Error) -> dict[str, Keyword]:
    """Those of a draft's keywords that numbers are judged by, in decimal arithmetic.

    Args:
        keywords: the draft's own, by name.
        error: makes jsonschema's error of a message.
    """
    old = "exclusiveMinimum" not in keywords
    found: dict[str, Keyword] = {}
    for name in ("minimum", "maximum"):
        found[name] = _old_bound(name, error) if old else _bound(name, error)
    if not old:
        found |= {name: _bound(name, error) for name in ("exclusiveMinimum", "exclusiveMaximum")}
    for name in ("multipleOf", "divisibleBy"):
        if name in keywords:
            found[name] = _multiple(error)
    for name in ("const", "enum", "uniqueItems"):
        if name in keywords:
            found[name] = _by_digits(keywords[name])
    return found
