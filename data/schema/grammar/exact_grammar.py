"""A schema's grammar where llguidance's own reading of it would be wrong about numbers.

    >>> exact_grammar({"type": "integer", "maximum": 10}) is None  # nothing to mend
    True

The grammar is in llguidance's variant of Lark. Only the way from the root to the numbers at fault
(objects, arrays, alternatives and references) is written out, with keys in the order in which
llguidance emits them; every other part stays JSON Schema, in ``%json``.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from setaccio.data.errors import SchemaError
from setaccio.data.files.json_text import dump_compact
from setaccio.data.schema.grammar.exact_numbers import Troubled, literal, number_term, range_of
from setaccio.data.schema.grammar.readable import NOT_DISJOINT, readable
from setaccio.data.schema.keywords import ASSERTIONS, refusal_message
from setaccio.data.schema.validation.validators import make_validator
from setaccio.data.schema.walk import (
    TYPES,
    Keys,
    Lookup,
    path_of,
    reference_lookup,
    schema_parts,
    types_of,
    walk,
)

COMPACT_JSON = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}

_COMBINING = ("$ref", "allOf", "anyOf", "oneOf")
_OBJECT = frozenset({"properties", "required", "additionalProperties"})
_ARRAY = frozenset({"items", "prefixItems", "additionalItems", "minItems", "maxItems"})
_OBJECT_TOO = frozenset({"patternProperties", "minProperties", "maxProperties"})
_CHARACTER = r'(\\(["\\\/bfnrt]|u[a-fA-F0-9]{4})|[^"\\\x00-\x1F\x7F])'


class _UnwritableError(Exception):
    """A part that the grammar can not be written for: its path, and why."""


def exact_grammar(schema: dict[str, Any]) -> str | None:
    """Write the grammar of a schema in which numbers would be misread.

    Args:
        schema: a valid JSON Schema.

    Returns:
        The grammar; None where llguidance reads the schema as it is meant.

    Raises:
        SchemaError: numbers would be misread in a place that can not be written out.
    """
    schema = readable(schema)
    lookup = reference_lookup(schema)
    for grave in (False, True):
        troubled = Troubled(schema, lookup, grave)
        if not troubled.numbers:
            return None
        try:
            return _Writer(schema, lookup, troubled).grammar()
        except _UnwritableError as error:
            # A number that the model hardly writes is no reason to refuse the schema.
            if grave:
                raise SchemaError(refusal_message([str(error)])) from error
    return None


class _Writer:
    """Writes the rules of one grammar."""

    def __init__(self, schema: dict[str, Any], lookup: Lookup, troubled: Troubled) -> None:
        self._schema = schema
        self._lookup = lookup
        self._troubled = troubled
        self._paths: dict[int, Keys] = {}
        for keys, part in walk(schema):
            self._paths.setdefault(id(part), keys)
        self._validator = make_validator(schema)
        self._names: dict[Any, str] = {}
        self._lines: list[str] = []

    def grammar(self) -> str:
        """The whole grammar."""
        start = self._rule(self._schema)
        return "\n".join([f"start: {start}", *self._lines, ""])

    def _fault(self, part: dict[str, Any], keyword: str, why: str) -> _UnwritableError:
        return _UnwritableError(f"{path_of(self._paths.get(id(part), ()))}.{keyword} ({why})")

    def _add(self, body: str) -> str:
        """A new rule."""
        self._lines.append(f"r{len(self._lines)}: {body}")
        return f"r{len(self._lines) - 1}"

    def _rule(self, part: Any) -> str:
        """The rule for the values of a schema."""
        key = id(part) if isinstance(part, dict) else repr(part)
        if key not in self._names:
            place = len(self._lines)
            self._names[key] = f"r{place}"
            self._lines.append("")  # a schema may lead back to itself
            self._lines[place] = f"r{place}: {' | '.join(self._ways(part))}"
        return self._names[key]

    def _ways(self, part: Any) -> Iterator[str]:
        """The alternatives for the values of a schema."""
        if id(part) not in self._troubled.holders:
            yield self._json(part)
            return
        for key in ("const", "enum"):
            if key in part:
                yield from self._values(part, key)
                return
        combining = [key for key in _COMBINING if key in part]
        if combining:
            yield from self._combined(part, combining)
            return
        own, types = set(), types_of(part)
        if id(part) in self._troubled.numbers:
            own |= {"number", "integer"} & types
            yield self._number(part, whole="number" not in types)
        for kind, keywords, write in (
            ("object", _OBJECT, self._object),
            ("array", _ARRAY, self._array),
        ):
            inner = (value for keys, value in schema_parts(part) if keys[0] in keywords)
            if kind in types and any(id(each) in self._troubled.holders for each in inner):
                own.add(kind)
                yield write(part)
        others = [kind for kind in TYPES if kind in types - own]
        if "integer" in types - own:
            others.append("integer")
        if others:
            yield self._json({**part, "type": others})

    def _json(self, part: Any) -> str:
        """A schema that llguidance reads."""
        if part is False:
            return f"%json {json.dumps({'enum': []})}"
        content = {} if part is True else self._alone(part)
        if "$schema" in self._schema:
            content["$schema"] = self._schema["$schema"]
        return f"%json {json.dumps({**content, 'x-guidance': COMPACT_JSON})}"

    def _alone(self, part: dict[str, Any]) -> dict[str, Any]:
        """A copy of a part that brings along what it refers to."""
        targets: dict[str, str] = {}

        def moved(original: Any) -> Any:
            copied = copy.deepcopy(original)
            for _, each in walk(copied):
                for key in ("$defs", "definitions", "$id", "id"):
                    each.pop(key, None)
                if isinstance(each.get("$ref"), str):
                    name = targets.setdefault(each["$ref"], f"d{len(targets)}")
                    each["$ref"] = f"#/$defs/{name}"
            return copied

        whole: dict[str, Any] = moved(part)
        definitions: dict[str, Any] = {}
        while len(definitions) < len(targets):
            for reference, name in list(targets.items())[len(definitions) :]:
                definitions[name] = moved(self._lookup(reference))
        return {**whole, "$defs": definitions} if definitions else whole

    def _values(self, part: dict[str, Any], key: str) -> Iterator[str]:
        """The values that are named, where the other keywords let them be."""
        judge = self._validator.evolve(schema=part)
        named = part[key] if key == "enum" else [part[key]]
        kept = [value for value in named if judge.is_valid(value)]
        if not kept:
            raise self._fault(part, key, "none of its values fits what stands beside it")
        for value in kept:
            yield " ".join(_value_terms(value))

    def _combined(self, part: dict[str, Any], combining: list[str]) -> Iterator[str]:
        keyword = combining[0]
        beside = set(part) & ASSERTIONS - {keyword}
        parts = [self._lookup(part["$ref"])] if keyword == "$ref" else part[keyword]
        if beside or (keyword == "allOf" and len(parts) > 1):
            raise self._fault(part, keyword, _BEYOND)
        if keyword == "oneOf":  # where it is proved to be anyOf, it has become that
            raise self._fault(part, keyword, NOT_DISJOINT)
        for inner in parts:
            if inner is not False:
                yield self._rule(inner)

    def _number(self, part: dict[str, Any], whole: bool) -> str:
        try:
            term = number_term(range_of(part, whole=whole))
        except ValueError as error:
            raise self._fault(part, self._troubled.numbers[id(part)], str(error)) from error
        self._lines.append(f"N{len(self._lines)}: {term}")
        return f"N{len(self._lines) - 1}"

    def _object(self, part: dict[str, Any]) -> str:
        unknown = sorted(_OBJECT_TOO & set(part))
        if unknown:
            raise self._fault(part, unknown[0], _BEYOND)
        properties, required = part.get("properties", {}), part.get("required", [])
        other = part.get("additionalProperties", True)
        names = list(dict.fromkeys([*properties, *required]))
        items: list[tuple[str, bool]] = []
        for name in names:
            rule = properties.get(name, other)
            if rule is False and name in required:
                raise self._fault(part, "required", f"{name!r} may not be there")
            if rule is not False:
                items.append((self._add(f"{_key_term(name)} {self._rule(rule)}"), name in required))
        if other is not False:
            pair = self._add(f'{self._other_key(names)} ":" {self._rule(other)}')
            items.append((self._add(f'{pair} ("," {pair})*'), False))
        return f'"{{" {self._sequence(items)} "}}"'

    def _other_key(self, names: list[str]) -> str:
        taken = " | ".join(json.dumps(dump_compact(name), ensure_ascii=False) for name in names)
        but = f" & ~({taken})" if taken else ""
        self._lines.append(f'K{len(self._lines)}: /"{_CHARACTER}*"/{but}')
        return f"K{len(self._lines) - 1}"

    def _sequence(self, items: list[tuple[str, bool]]) -> str:
        """Items in their order, those that are not required left out at will."""
        first = after = self._add('""')
        for item, needed in reversed(items):
            first = self._add(f"{item} {after}" if needed else f"{item} {after} | {first}")
            after = self._add(f'"," {item} {after}' if needed else f'("," {item})? {after}')
        return first

    def _array(self, part: dict[str, Any]) -> str:
        front, rest = self._items(part)
        least, most = int(part.get("minItems", 0)), part.get("maxItems")
        if rest is False:
            most = min(len(front), len(front) if most is None else int(most))
        tail = "" if rest is False else self._rule(rest)
        # What may follow so many items, from the last on.
        place = len(front) if front else 1
        follows = self._tail(tail, least - place, None if most is None else int(most) - place)
        for index in reversed(range(place)):
            if most is not None and index >= int(most):
                follows = self._add('""')
                continue
            item = self._rule(front[index]) if front else tail
            body = f"{_comma(index)}{item} {follows}"
            follows = self._add(body if index < least else f"({body})?")
        return f'"[" {follows} "]"'

    def _tail(self, item: str, least: int, most: int | None) -> str:
        if not item or (most is not None and most <= 0):
            return self._add('""')
        return self._add(f'("," {item}){{{max(least, 0)},{"" if most is None else most}}}')

    def _items(self, part: dict[str, Any]) -> tuple[list[Any], Any]:
        """The schemas of the first items, and of those behind them, as llguidance takes them."""
        items = part.get("items", True)
        if isinstance(items, list):
            return items, part.get("additionalItems", True)
        named = str(self._schema.get("$schema", "2020-12"))
        old = "additionalItems" in part or "2020-12" not in named
        return ([] if old else part.get("prefixItems", [])), items


_BEYOND = "it can not be combined with numbers that a 64-bit float does not hold"


def _comma(index: int) -> str:
    """What stands before the item of a list in a rule."""
    return '"," ' if index else ""


def _key_term(name: str) -> str:
    """The terminal of an object's key and the colon behind it."""
    return json.dumps(f"{dump_compact(name)}:", ensure_ascii=False)


def _value_terms(value: Any) -> Iterator[str]:
    """The terminals that a value is written with."""
    if isinstance(value, dict):
        yield '"{"'
        for index, (name, inner) in enumerate(value.items()):
            yield f"{_comma(index)}{_key_term(name)}"
            yield from _value_terms(inner)
        yield '"}"'
    elif isinstance(value, list):
        yield '"["'
        for index, inner in enumerate(value):
            yield from filter(None, [_comma(index).strip()])
            yield from _value_terms(inner)
        yield '"]"'
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"/{literal(value)}/"
    else:
        yield json.dumps(dump_compact(value), ensure_ascii=False)
