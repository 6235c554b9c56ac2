"""What the grammars of :mod:`setaccio.data.schema.grammar.exact_grammar` are made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from setaccio.data.files.json_text import dump_compact
from setaccio.data.schema.grammar.exact_numbers import literal, trouble_of
from setaccio.data.schema.walk import Lookup, schema_parts, types_of

_DEFINITIONS = ("$defs", "definitions")


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
            keyword, always = trouble_of(part, types_of(part))
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


def comma(index: int) -> str:
    """What stands before the item of a list in a rule."""
    return '"," ' if index else ""


def key_term(name: str) -> str:
    """The terminal of an object's key and the colon behind it."""
    return json.dumps(f"{dump_compact(name)}:", ensure_ascii=False)


def value_terms(value: Any) -> Iterator[str]:
    """The terminals that a value is written with."""
    if isinstance(value, dict):
        yield '"{"'
        for index, (name, inner) in enumerate(value.items()):
            yield f"{comma(index)}{key_term(name)}"
            yield from value_terms(inner)
        yield '"}"'
    elif isinstance(value, list):
        yield '"["'
        for index, inner in enumerate(value):
            yield from filter(None, [comma(index).strip()])
            yield from value_terms(inner)
        yield '"]"'
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"/{literal(value)}/"
    else:
        yield json.dumps(dump_compact(value), ensure_ascii=False)
