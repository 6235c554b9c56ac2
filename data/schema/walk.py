"""The parts of a JSON Schema: a walk through them, their paths, their types, their references."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from setaccio.data.schema.validation.validators import validator_class

TYPES = ("null", "boolean", "number", "string", "array", "object")

Keys = tuple[str | int, ...]
Lookup = Callable[[str], Any]

_MAPS = frozenset(
    "properties patternProperties $defs definitions dependencies dependentSchemas".split()  # noqa: SIM905
)
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_SINGLES = frozenset(
    """
    additionalItems additionalProperties contains else if items not propertyNames then
    unevaluatedItems unevaluatedProperties
    """.split()  # noqa: SIM905
)


def schema_parts(schema: Any) -> Iterator[tuple[Keys, Any]]:
    """The schemas right inside a schema.

    Yields:
        ``(keys, part)``: the keys and indices that lead to the part.
    """
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, dict):
            for name, part in value.items():
                yield (key, name), part
        elif key in _LISTS and isinstance(value, list):
            for index, part in enumerate(value):
                yield (key, index), part
        elif key in _SINGLES:
            yield (key,), value


def walk(schema: Any, keys: Keys = ()) -> Iterator[tuple[Keys, dict[str, Any]]]:
    """Walk a schema and every schema inside it, outer ones first.

    Yields:
        ``(keys, schema)``: the keys and indices that lead to the schema.
    """
    if not isinstance(schema, dict):
        return
    yield keys, schema
    for more, part in schema_parts(schema):
        yield from walk(part, (*keys, *more))


def path_of(keys: Keys) -> str:
    """The place of a schema as messages write it, as in ``$.properties.title``."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


def subschemas(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """As :func:`walk`, with paths in place of keys."""
    return ((path_of(keys), part) for keys, part in walk(schema))


def types_of(schema: dict[str, Any]) -> frozenset[str]:
    """The types that a schema names; all of them where it names none."""
    named = schema.get("type", TYPES)
    return frozenset({named} if isinstance(named, str) else named)


def resolver_of(schema: dict[str, Any]) -> Any:
    """The ``referencing`` resolver of the references inside a schema."""
    kind = validator_class(schema)
    drafts = specification_with(kind.META_SCHEMA["$schema"])
    resource = drafts.create_resource(schema)
    return Registry().with_resource(resource.id() or "", resource).resolver(resource.id() or "")


def reference_lookup(schema: dict[str, Any]) -> Lookup:
    """A function that gives the target of a reference inside a schema."""
    resolver = resolver_of(schema)

    def lookup(reference: str) -> Any:
        try:
            return resolver.lookup(reference).contents
        except (Unresolvable, ValueError):  # in a place that is no schema but is referred to
            return True

    return lookup
