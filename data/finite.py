"""Schemas that no finite value fits, since they require themselves.

    >>> node = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    >>> endless_parts(node, lambda _: node)
    ['$']

A schema has a finite value if it allows a scalar, an empty array or object, or if the parts that it
demands have one: the least fixed point of that, over all that can be reached from the root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from setaccio.data.patterns import matches

Lookup = Callable[[str], Any]


def endless_parts(schema: dict[str, Any], lookup: Lookup) -> list[str]:
    """Find them.

    Args:
        schema: a valid JSON Schema.
        lookup: gives what a reference leads to.

    Returns:
        Paths of the schemas that no finite value fits, outer ones first.
    """
    places = _reachable(schema, lookup)
    finite: set[int] = set()
    before = -1
    while len(finite) > before:
        before = len(finite)
        # Inner parts come behind outer ones: from the last on, few rounds are needed.
        for _, part in reversed(places):
            if id(part) not in finite and _has_value(part, lookup, finite):
                finite.add(id(part))
    return [path for path, part in places if id(part) not in finite]


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


def _has_value(part: Any, lookup: Lookup, finite: set[int]) -> bool:
    """Whether a schema has a finite value, as far as those in ``finite`` are known to."""

    def known(inner: Any) -> bool:
        return not isinstance(inner, dict) or id(inner) in finite

    if "enum" in part or "const" in part:
        return True
    if isinstance(part.get("$ref"), str) and not known(lookup(part["$ref"])):
        return False
    if not all(map(known, part.get("allOf", ()))):
        return False
    if not all(any(map(known, part[key])) for key in ("anyOf", "oneOf") if part.get(key)):
        return False
    types = part.get("type", "string")
    types = {types} if isinstance(types, str) else set(types)
    return (
        bool(types - {"array", "object"})
        or ("object" in types and all(map(known, _demanded_values(part))))
        or ("array" in types and all(map(known, _demanded_items(part))))
    )


def _demanded_values(part: dict[str, Any]) -> Iterator[Any]:
    properties, patterns = part.get("properties", {}), part.get("patternProperties", {})
    for name in part.get("required", ()):
        fitting = [inner for pattern, inner in patterns.items() if _matches(pattern, name)]
        fitting += [properties[name]] if name in properties else []
        yield from fitting or [part.get("additionalProperties")]


def _matches(pattern: str, name: str) -> bool:
    try:
        return matches(pattern, name)
    except ValueError:  # of another dialect: what it matches is not known
        return False


def _demanded_items(part: dict[str, Any]) -> list[Any]:
    rows = (part.get(key) for key in ("prefixItems", "items"))
    tuple_ = next((row for row in rows if isinstance(row, list)), [])
    rest = part.get("additionalItems") if isinstance(part.get("items"), list) else part.get("items")
    least = int(part.get("minItems", 0))
    return [*tuple_[:least], *([rest] if least > len(tuple_) else [])]
