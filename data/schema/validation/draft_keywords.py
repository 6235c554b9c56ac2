"""JSON Schema keywords that are judged otherwise than by jsonschema, for its ``validators.extend``.

The library divides and compares floats: it finds that 19.99 is no multiple of 0.01, and that
10**23 is above a ``maximum`` of 1e23. Here numbers are judged in decimal arithmetic, as they will
be written and, where a float can not hold their digits, as they were written too. The library
searches with Python's ``re``; here :mod:`setaccio.data.schema.validation.patterns` does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from math import isnan
from typing import Any

from setaccio.data.files.decimals import as_integers, decimal_of, decimals_of, is_multiple
from setaccio.data.schema.validation.patterns import matches

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
    breaks, said = _BOUNDS[name]

    def check(validator: Any, bound: Any, instance: Any, _: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "number"):
            return
        if isinstance(instance, float) and isnan(instance):  # no JSON, but a program may ask
            return
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
    def check(validator: Any, factor: Any, instance: Any, _: Any) -> Iterator[Any]:
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


def _pattern(error: Error) -> Keyword:
    def check(validator: Any, wanted: Any, instance: Any, _: Any) -> Iterator[Any]:
        if validator.is_type(instance, "string") and not matches(wanted, instance):
            yield error(f"{instance!r} does not match {wanted!r}")

    return check


def _pattern_properties(validator: Any, rules: Any, instance: Any, _: Any) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    for wanted, rule in rules.items():
        for key, value in instance.items():
            if matches(wanted, key):
                yield from validator.descend(value, rule, path=key, schema_path=wanted)


def _additional_properties(original: Keyword) -> Keyword:
    def check(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        left = {
            key: value
            for key, value in instance.items()
            if key not in named and not any(matches(wanted, key) for wanted in patterns)
        }
        yield from original(validator, rule, left, {})

    return check


def draft_keywords(originals: dict[str, Keyword], error: Error) -> dict[str, Keyword]:
    """Those of a draft's keywords that judge numbers or search with patterns.

    Args:
        originals: the draft's own, by name.
        error: makes jsonschema's error of a message.
    """
    found: dict[str, Keyword] = {
        "pattern": _pattern(error),
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(originals["additionalProperties"]),
    }
    if "exclusiveMinimum" in originals:
        found |= {name: _bound(name, error) for name in _BOUNDS}
    else:
        found |= {name: _old_bound(name, error) for name in ("minimum", "maximum")}
    found |= {name: _multiple(error) for name in ("multipleOf", "divisibleBy") if name in originals}
    for name in ("const", "enum", "uniqueItems"):
        if name in originals:
            found[name] = _by_digits(originals[name])
    return found
