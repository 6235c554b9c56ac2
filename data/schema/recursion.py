"""Schemas that no value fits that could be written, since they require themselves or go too deep.

    >>> node = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    >>> endless_parts(node, lambda _: node)
    ['$']

A schema has a finite value if it allows a scalar, an empty array or object, or if the parts that
it demands have one: the least fixed point of that, over all that can be reached from the root. The
same gives the depth of the flattest value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from setaccio.data.schema.validation.patterns import surely_matches

Lookup = Callable[[str], Any]
_Depths = dict[int, float]

MOST_LED = 60
"""References and combinations that may lead into one another for one value."""


def endless_parts(schema: dict[str, Any], lookup: Lookup) -> list[str]:
    """Find the schemas that no finite value fits.

    Args:
        schema: a valid JSON Schema.
        lookup: gives what a reference leads to.

    Returns:
        Their paths, outer ones first.
    """
    places = _reachable(schema, lookup)
    depths = _depths(places, lookup)
    return [path for path, part in places if id(part) not in depths]


def least_depth(schema: dict[str, Any], lookup: Lookup) -> float:
    """Objects and arrays inside one another in the flattest value that fits a schema."""
    return _depths(_reachable(schema, lookup), lookup).get(id(schema), math.inf)


def _depths(places: list[tuple[str, dict[str, Any]]], lookup: Lookup) -> _Depths:
    """The depth of the flattest value of each schema that has a finite one."""
    depths: _Depths = {}
    changed = True
    while changed:
        changed = False
        # Inner parts come behind outer ones: from the last on, few rounds are needed.
        for _, part in reversed(places):
            depth = _depth(part, lookup, depths)
            if depth < depths.get(id(part), math.inf):
                depths[id(part)] = depth
                changed = True
    return depths


def long_chain(schema: dict[str, Any], lookup: Lookup) -> str:
    """The path of a schema from which too many references lead into one another; empty if none."""
    lengths: dict[int, int] = {}
    for path, part in _reachable(schema, lookup):
        waiting = [(part, False)]  # with whether what it leads to has been counted
        open_: set[int] = set()
        while waiting:
            each, counted = waiting.pop()
            inner = [way for way in _led_to(each, lookup) if isinstance(way, dict)]
            if counted:
                open_.discard(id(each))
                known = (lengths.get(id(way), 0) for way in inner)
                lengths[id(each)] = 1 + max(known, default=-1)
            elif id(each) not in lengths and id(each) not in open_:
                open_.add(id(each))  # a circle is not followed
                waiting.append((each, True))
                waiting += ((way, False) for way in inner)
        if lengths[id(part)] > MOST_LED:
            return path
    return ""


def _led_to(part: dict[str, Any], lookup: Lookup) -> Iterator[Any]:
    """The schemas that a value has to fit, or may, because it has to fit this one."""
    if isinstance(part.get("$ref"), str):
        yield lookup(part["$ref"])
    for key in ("allOf", "anyOf", "oneOf"):
        yield from part.get(key, ())


def _reachable(schema: dict[str, Any], lookup: Lookup) -> list[tuple[str, dict[str, Any]]]:
    """Every schema that a value may have to fit, with its path, outer ones first."""
    found: dict[int, tuple[str, dict[str, Any]]] = {}
    waiting: list[tuple[str, Any]] = [("$", schema)]
    while waiting:
        path, part = waiting.pop()
        if not isinstance(part, dict) or id(part) in found:
            continue
        found[id(part)] = path, part
        if isinstance(part.get("$ref"), str):
            waiting.append((path, lookup(part["$ref"])))
        waiting += ((path + end, inner) for end, inner in _inner(part))
    return list(found.values())


def _inner(part: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("properties", "patternProperties"):
        if isinstance(part.get(key), dict):
            yield from ((f".{key}.{name}", inner) for name, inner in part[key].items())
    for key in ("allOf", "anyOf", "oneOf", "prefixItems", "items"):
        if isinstance(part.get(key), list):
            yield from ((f".{key}[{index}]", inner) for index, inner in enumerate(part[key]))
    for key in ("items", "additionalItems", "additionalProperties"):
        yield f".{key}", part.get(key)


def _depth(part: dict[str, Any], lookup: Lookup, depths: _Depths) -> float:
    """The depth of a schema's flattest value, as far as those of others are known."""

    def known(inner: Any) -> float:
        return depths.get(id(inner), math.inf) if isinstance(inner, dict) else 0

    def around(inner: Iterator[Any] | list[Any]) -> float:
        return 1 + max(map(known, inner), default=0)

    if "enum" in part or "const" in part:
        return 0  # or a little more; what is named is written out in the schema
    needed = [known(lookup(part["$ref"]))] if isinstance(part.get("$ref"), str) else []
    needed += map(known, part.get("allOf", ()))
    needed += (min(map(known, part[key])) for key in ("anyOf", "oneOf") if part.get(key))
    types = part.get("type", "string")
    types = {types} if isinstance(types, str) else set(types)
    own = [0.0] if types - {"array", "object"} else []
    own += [around(_demanded_values(part))] if "object" in types else []
    own += [around(_demanded_items(part))] if "array" in types else []
    return max([*needed, min(own, default=math.inf)])


def _demanded_values(part: dict[str, Any]) -> Iterator[Any]:
    properties, patterns = part.get("properties", {}), part.get("patternProperties", {})
    for name in part.get("required", ()):
        fitting = [inner for pattern, inner in patterns.items() if surely_matches(pattern, name)]
        fitting += [properties[name]] if name in properties else []
        yield from fitting or [part.get("additionalProperties")]


def _demanded_items(part: dict[str, Any]) -> list[Any]:
    rows = (part.get(key) for key in ("prefixItems", "items"))
    tuple_ = next((row for row in rows if isinstance(row, list)), [])
    rest = part.get("additionalItems") if isinstance(part.get("items"), list) else part.get("items")
    least = int(part.get("minItems", 0))
    return [*tuple_[:least], *([rest] if least > len(tuple_) else [])]
