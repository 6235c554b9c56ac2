"""JSON Schemas as Setaccio accepts them: valid, and enforceable by the constraint.

llguidance refuses what it can not enforce when it compiles a schema; :func:`check_schema` finds
the same keywords beforehand, all of them at once and each with its path, so that the message can
name them and training does not start on a schema that extraction would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema

from setaccio.data.errors import SchemaError

# Assertions of the JSON Schema drafts that llguidance 1.9 does not implement (its
# docs/json_schema.md lists the ones it does). Annotations such as `title` never constrain.
UNENFORCED = frozenset(
    {
        "contains",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "maxContains",
        "minContains",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
        "$dynamicRef",
        "$recursiveRef",
    }
)
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLES = frozenset({"additionalProperties", "items", "not", "if", "then", "else", "contains"})


def subschemas(schema: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk a schema and every schema inside it.

    Yields:
        ``(path, schema)`` pairs; the path is written as in ``$.properties.title``.
    """
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, dict):
            for name, part in value.items():
                yield from subschemas(part, f"{path}.{key}.{name}")
        elif key in _LISTS and isinstance(value, list):
            for index, part in enumerate(value):
                yield from subschemas(part, f"{path}.{key}[{index}]")
        elif key in _SINGLES:
            yield from subschemas(value, f"{path}.{key}")


def unenforced_keywords(schema: dict[str, Any]) -> list[str]:
    """Paths of the keywords that the constraint would not enforce, in document order."""
    return [
        f"{path}.{key}" for path, part in subschemas(schema) for key in part if key in UNENFORCED
    ]


def check_schema(schema: dict[str, Any], source: str = "schema") -> None:
    """Refuse a schema that is invalid or can not be enforced.

    Args:
        schema: the JSON Schema.
        source: what to name in the message.

    Raises:
        SchemaError: not a JSON Schema, a reference to somewhere else, or unsupported keywords.
    """
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise SchemaError(
            f"{source}: not a valid JSON Schema at {error.json_path}: {error.message}."
        ) from error
    remote = [
        f"{path}.$ref"
        for path, part in subschemas(schema)
        if not str(part.get("$ref", "#")).startswith("#")
    ]
    if remote:  # Resolving them would mean network or files that a task must not reach for.
        raise SchemaError(
            f"{source}: {', '.join(remote)} points outside the schema. Copy what is meant to $defs."
        )
    unsupported = unenforced_keywords(schema)
    if unsupported:
        raise SchemaError(
            f"{source}: the constraint can not enforce {', '.join(unsupported)}. "
            "Remove these keywords or check them after extraction."
        )
