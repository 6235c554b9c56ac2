"""A schema in the envelope that other tools put around it, and schemas that say nothing.

    >>> given = {"name": "order", "strict": True, "schema": {"type": "object"}}
    >>> unwrap(given)
    Unwrapped(schema={'type': 'object'}, path='$.schema')

Requests to models, tool descriptions and their like carry a schema under a key of their own. Taken
for a schema themselves, they consist of keywords that JSON Schema does not know, and a grammar made
of them lets any JSON pass. Only what is no schema by itself is looked into.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from setaccio.data.errors import SchemaError
from setaccio.data.files.json_text import is_deep
from setaccio.data.schema.keywords import (
    ANNOTATIONS,
    KNOWN,
    doubt_of_keywords,
    is_known,
    nearest,
    unknown_keywords,
)
from setaccio.data.schema.walk import reference_lookup

# Keys under which OpenAI, Anthropic, Google, Ollama, llama.cpp, vLLM, Bedrock and the Model Context
# Protocol carry a schema, or what carries one in its turn.
_CARRIERS = frozenset(
    """
    body config extra_body format function functionDeclarations function_declarations functions
    generationConfig generation_config guided_json inputSchema input_schema json jsonSchema
    json_schema outputSchema output_config output_format output_schema parameters
    parametersJsonSchema responseFormat responseJsonSchema responseSchema response_format
    response_json_schema response_schema schema structured_outputs text tool toolSpec tools
    """.split()  # noqa: SIM905
)
_TYPES = frozenset({"null", "boolean", "number", "string", "array", "object"})
_MOST_INSIDE = 6


class Unwrapped(NamedTuple):
    """A schema, and where it was found.

    Attributes:
        schema: the schema.
        path: its place in what was given; ``$`` where that is the schema itself.
    """

    schema: dict[str, Any]
    path: str


def unwrap(given: dict[str, Any], source: str = "schema") -> Unwrapped:
    """Take a schema out of its envelope.

    Args:
        given: a schema, or what holds one.
        source: what to name in a message.

    Returns:
        What was given, where that is a schema; also where it is neither, so that it can be judged.

    Raises:
        SchemaError: the envelope holds several schemas.
    """
    found = list(_inside(given, "$", 0))
    if len(found) > 1:
        places = ", ".join(each.path for each in found)
        raise SchemaError(
            f"{source}: holds several schemas ({places}). Give the one that is meant."
        )
    return found[0] if found else Unwrapped(given, "$")


def _inside(given: Any, path: str, depth: int) -> Iterator[Unwrapped]:
    if not isinstance(given, dict) or depth > _MOST_INSIDE:
        return
    # Requests have a "format" too, of text or images.
    if says_something({key: part for key, part in given.items() if key != "format"}):
        return
    if len(given) > 1 and _is_fields(given):
        return
    for key in (key for key in given if key in _CARRIERS):
        many = given[key] if isinstance(given[key], list) else [given[key]]
        for number, inner in enumerate(many):
            place = f"{path}.{key}" + (f"[{number}]" if given[key] is many else "")
            if isinstance(inner, dict) and says_something(inner):
                yield Unwrapped(inner, place)
            else:
                yield from _inside(inner, place, depth + 1)


def says_something(schema: Any, lookup: Callable[[str], Any] | None = None) -> bool:
    """Whether some JSON value breaks a schema, as far as its keywords tell.

    Args:
        schema: a schema, or something else; both may be malformed.
        lookup: gives the target of a reference; without it a reference counts as saying something.
    """
    return _Speech(lookup).of(schema)


class _Speech:
    """Looks for a keyword that rules something out."""

    def __init__(self, lookup: Callable[[str], Any] | None) -> None:
        self._lookup = lookup
        self._open: set[int] = set()  # a reference may lead back

    def of(self, schema: Any) -> bool:
        """Whether a schema rules anything out."""
        if not isinstance(schema, dict):
            return schema is False
        if id(schema) in self._open:
            return False
        self._open.add(id(schema))
        try:
            return any(self._rules_out(key, value) for key, value in schema.items())
        finally:
            self._open.discard(id(schema))

    def _rules_out(self, key: str, value: Any) -> bool:
        if key == "type":
            named = {value} if isinstance(value, str) else set(map(str, _list(value)))
            return bool(named & (_TYPES | {"integer"})) and not named >= _TYPES
        if key == "$ref":
            if not isinstance(value, str):
                return False
            return self._lookup is None or self.of(self._lookup(value))
        if key in ("properties", "patternProperties"):
            return isinstance(value, dict) and any(map(self.of, value.values()))
        if key in ("anyOf", "oneOf"):
            return bool(_list(value)) and all(map(self.of, _list(value)))
        if key in ("allOf", "prefixItems") or (key == "items" and isinstance(value, list)):
            return any(map(self.of, _list(value)))
        if key in ("additionalProperties", "additionalItems", "items"):
            return self.of(value)
        return _is_meant(key, value)


def _is_meant(key: str, value: Any) -> bool:
    """Whether a keyword that holds no schema has a value that it can have."""
    if key == "enum":
        return isinstance(value, list)
    if key == "required":
        return bool(_list(value)) and all(isinstance(name, str) for name in value)
    if key in ("format", "pattern", "$dynamicRef", "$recursiveRef"):
        return isinstance(value, str)
    if key == "nullable":
        return value is False
    if key.startswith(("min", "max", "exclusiveM", "multipleOf")):
        return key in KNOWN and isinstance(value, int | float)
    return key in KNOWN - ANNOTATIONS and key != "enum"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class Given(NamedTuple):
    """What was given as a schema, read.

    Attributes:
        schema: the schema.
        notes: sentences for its author; empty where there is nothing to say.
    """

    schema: dict[str, Any]
    notes: tuple[str, ...]


def read_given(given: dict[str, Any], source: str = "schema") -> Given:
    """Read what was given as a schema; whether it is a valid one is judged elsewhere.

    An empty schema, or one of annotations, is let pass with a note: that any JSON fits is what it
    says. What has other keys and still rules nothing out is taken for a mistake.

    Args:
        given: a schema, or what holds one.
        source: what to name in messages.

    Raises:
        SchemaError: it holds several schemas, or says nothing about the answer.
    """
    if is_deep(given):
        return Given(given, ())
    schema, path = unwrap(given, source)
    silent = not says_something(schema, functools.partial(_target, schema))
    strange = [key for key in schema if not is_known(key)]
    inner = [f"{path}.{key}" for path, key in unknown_keywords(schema)]
    if (silent and inner) or (strange and _is_fields(schema)):
        raise SchemaError(
            f"{source}: says nothing about the answer, any JSON would fit: "
            f"{_these(strange or inner)} of JSON Schema. {_advice(schema, strange)}"
        )
    notes = []
    if path != "$":
        notes.append(f"The schema is taken from {path} of what was given; the rest is not read.")
    if silent:
        notes.append("The schema says nothing about the answer, so any JSON fits.")
    if doubt := doubt_of_keywords(schema):
        notes.append(doubt)
    return Given(schema, tuple(notes))


def _target(schema: dict[str, Any], reference: str) -> Any:
    try:
        return reference_lookup(schema)(reference)
    except Exception:  # of a schema that is none, which is said elsewhere
        return False


def _is_fields(schema: dict[str, Any]) -> bool:
    """Whether a mapping looks like the fields of an object, some of them named as keywords are."""
    return all(isinstance(part, dict) and says_something(part) for part in schema.values())


def _these(names: list[str]) -> str:
    named = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{named} {'is no keyword' if len(names) == 1 else 'are no keywords'}"


def _advice(schema: dict[str, Any], unknown: list[str]) -> str:
    """What was probably meant."""
    inner = [schema[key] for key in unknown]
    if inner and all(isinstance(part, dict) and says_something(part) for part in inner):
        fields = f"{{{json.dumps(unknown[0], ensure_ascii=False)}: ...}}"
        return f'If these are fields, write {{"type": "object", "properties": {fields}}}.'
    for key in unknown:
        if guess := nearest(key):
            return f"For {key}, write {guess}."
        if says_something(schema[key]):
            return f"If the schema is what stands under {key}, give that alone."
    if inner and not any(isinstance(value, dict) for value in inner):
        fields = f'{{{json.dumps(unknown[0], ensure_ascii=False)}: {{"type": ...}}}}'
        return (
            "If this is an example of an answer, write what all answers have in common: "
            f'{{"type": "object", "properties": {fields}}}.'
        )
    return 'Write a schema, as in {"type": "object", "properties": {...}, "required": [...]}.'
