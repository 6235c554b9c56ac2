"""A schema as llguidance is given it: what it would refuse without need is said otherwise.

    >>> readable({"oneOf": [{"type": "integer"}, {"type": "integer", "format": "int64"}]})
    {'oneOf': [{'type': 'integer'}, {'type': 'integer'}]}
    >>> ranges = [{"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 10}]
    >>> list(readable({"oneOf": ranges}))
    ['anyOf']

Three things. Keywords that the draft ignores beside a ``$ref`` are left out. Formats of numbers,
which OpenAPI has, say nothing about texts. And ``oneOf`` whose options exclude each other is
``anyOf``: llguidance proves that for types and named values only, without regard to what stands
beside it; here (:mod:`setaccio.data.schema.grammar.disjoint`) all that must hold in the same place
counts.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any
from urllib.parse import quote, unquote

from setaccio.data.schema.dialects import without_siblings
from setaccio.data.schema.grammar.disjoint import Prover
from setaccio.data.schema.pointers import join, pointer_of
from setaccio.data.schema.walk import schema_parts, walk

NOT_DISJOINT = "its options can not be proven disjoint; if an answer may fit several, write anyOf"
"""Why a ``oneOf`` is refused."""

# https://spec.openapis.org/registry/format/: those for numbers alone.
_NUMBER_FORMATS = frozenset({"double", "double-int", "float"}) | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def readable(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that means the same and of which llguidance can read more.

    Args:
        schema: a valid JSON Schema.

    Returns:
        The schema itself where there is nothing to change.
    """
    schema = without_siblings(schema)
    disjoint = list(_disjoint_options(schema))
    if not disjoint and not any(part.get("format") in _NUMBER_FORMATS for _, part in walk(schema)):
        return schema
    changed = copy.deepcopy(schema)
    places = {pointer_of(keys): part for keys, part in walk(changed)}
    for part in places.values():
        if part.get("format") in _NUMBER_FORMATS:
            del part["format"]
    for pointer in sorted(disjoint, key=len, reverse=True):  # inner ones first, for references
        _lead(places.values(), f"{pointer}/oneOf/", f"{pointer}/{_rewrite(places[pointer])}/")
    return changed


def _rewrite(part: dict[str, Any]) -> str:
    """Write ``anyOf`` for ``oneOf``; returns where the options are now."""
    content = dict(part)
    options = content["oneOf"]
    part.clear()
    if "anyOf" not in content:  # in the same place, which gives the order of the answer's keys
        part |= {("anyOf" if key == "oneOf" else key): value for key, value in content.items()}
        return "anyOf"
    del content["oneOf"]
    part |= content | {"allOf": [*content.get("allOf", []), {"anyOf": options}]}
    return f"allOf/{len(part['allOf']) - 1}/anyOf"


def _lead(parts: Iterable[dict[str, Any]], old: str, new: str) -> None:
    """Let references into a place that has moved lead there."""
    for part in parts:
        target = unquote(str(part.get("$ref", ""))).removeprefix("#")
        if target.startswith(old):
            part["$ref"] = f"#{quote(new + target.removeprefix(old))}"


def _disjoint_options(schema: dict[str, Any]) -> Iterator[str]:
    """Pointers of the schemas whose ``oneOf`` has options that exclude each other."""
    if not any("oneOf" in part for _, part in walk(schema)):
        return
    prover = Prover(schema)
    targets = {id(prover.lookup(part["$ref"])) for _, part in walk(schema) if "$ref" in part}
    # Each with its pointer and what else its values have to fit.
    waiting: list[tuple[Any, str, list[Any]]] = [(schema, "", [])]
    while waiting:
        part, pointer, beside = waiting.pop()
        if not isinstance(part, dict):
            continue
        if id(part) in targets:  # used elsewhere too, with other things beside it
            beside = []
        if isinstance(part.get("oneOf"), list):
            rest = [*beside, _without(part, "oneOf")]
            if all(prover.exclude([*rest, *pair]) for pair in combinations(part["oneOf"], 2)):
                yield pointer
        for keys, inner in schema_parts(part):
            place = pointer
            for key in keys:
                place = join(place, key)
            waiting.append((inner, place, _beside(part, keys, beside)))


def _beside(part: dict[str, Any], keys: tuple[str | int, ...], beside: list[Any]) -> list[Any]:
    """What the values of a schema inside another one have to fit besides."""
    keyword = keys[0]
    if keyword not in ("allOf", "anyOf", "oneOf"):
        return []
    others = part[keyword] if keyword == "allOf" else []
    return [
        *beside,
        _without(part, str(keyword)),
        *(other for index, other in enumerate(others) if index != keys[1]),
    ]


def _without(part: dict[str, Any], keyword: str) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != keyword}
