"""What a schema leaves open: notes for its author, before anything is extracted with it.

    >>> for note in check_notes({"type": "object", "required": ["a"], "properties": {"a": {}}}):
    ...     print(note.pointer, note.kind)
    /properties/a unbounded
    (whole schema) unbounded

Four kinds. ``read as``: a keyword of another dialect, and what it is taken for. ``not enforced``: a
keyword that the constraint can not hold the model to, so that extraction refuses the schema, or
that JSON Schema does not know, so that nothing does. ``never null``: a required field that can not
be null, so that the model must write something where the document says nothing. ``unbounded``: an
array, string or object that may grow until the token budget ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from setaccio.data.errors import SchemaError
from setaccio.data.schema.check import check_validity
from setaccio.data.schema.dialects import without_nullable
from setaccio.data.schema.envelopes import read_given, unwrap
from setaccio.data.schema.keywords import UNENFORCED, is_known, nearest
from setaccio.data.schema.pointers import join, pointer_of
from setaccio.data.schema.unenforceable import refusals
from setaccio.data.schema.validation.validators import jsonschema, validator_class
from setaccio.data.schema.walk import walk

Kind = Literal["read as", "not enforced", "never null", "unbounded"]

WHOLE = "(whole schema)"
"""How the empty pointer is shown."""

_ENDLESS = re.compile(r"[*+]|\{\d*,\}")
_NO_CHOICE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]")


class Note(NamedTuple):
    """One thing that the schema's author may want to know.

    Attributes:
        pointer: JSON pointer of the schema that is meant, or :data:`WHOLE`.
        kind: what sort of thing.
        keyword: the keyword at fault, or the one that is missing.
        message: what follows from it, in one sentence.
    """

    pointer: str
    kind: Kind
    keyword: str
    message: str


def _types(schema: dict[str, Any]) -> set[str]:
    """The types a schema names; none when it names none."""
    named = schema.get("type", [])
    return {named} if isinstance(named, str) else {str(name) for name in named}


def _unenforced(pointer: str, schema: dict[str, Any]) -> Iterator[Note]:
    for key in schema:
        if key in UNENFORCED:
            message = "the constraint can not enforce it, so extraction refuses the schema"
            yield Note(pointer or WHOLE, "not enforced", key, message)
        elif key == "nullable" and isinstance(schema[key], bool):
            message = f"OpenAPI's keyword; read as: may {'' if schema[key] else 'not '}be null"
            yield Note(pointer or WHOLE, "read as", key, message)
        elif not is_known(key):
            meant = f" (did you mean {guess}?)" if (guess := nearest(key)) else ""
            message = f"JSON Schema has no such keyword{meant}, so nothing checks it"
            yield Note(pointer or WHOLE, "not enforced", key, message)


def _refused(schema: dict[str, Any]) -> Iterator[Note]:
    for refusal in refusals(schema):
        if refusal.reason:
            message = f"the constraint can not enforce it ({refusal.reason}), so extraction refuses"
            yield Note(
                refusal.pointer or WHOLE, "not enforced", refusal.keyword, f"{message} the schema"
            )


def _never_null(
    pointer: str, schema: dict[str, Any], root: jsonschema.protocols.Validator
) -> Iterator[Note]:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    for name in required if isinstance(required, list) else ():
        if name not in properties or root.evolve(schema=properties[name]).is_valid(None):
            continue
        place = join(join(pointer, "properties"), name)
        message = "must be written even where the document says nothing"
        if root.evolve(schema=properties[name]).is_valid([]):
            message = "can not be null, but may be empty where the document says nothing"
        yield Note(place, "never null", "required", message)


def _is_endless(pattern: str) -> bool:
    """Whether a pattern may match a text of any length."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return True
    return _ENDLESS.search(_NO_CHOICE.sub("x", pattern)) is not None


def _unbounded(pointer: str, schema: dict[str, Any]) -> Iterator[Note]:
    def note(keyword: str, message: str) -> Note:
        return Note(pointer or WHOLE, "unbounded", keyword, message)

    types = _types(schema)
    closed = {"enum", "const", "$ref", "allOf", "anyOf", "oneOf", "not", "if"} & set(schema)
    if not types and not closed and not _describes(schema):
        yield note("type", "any JSON value, of any size, fits")
    elif closed & {"enum", "const"}:
        return
    if "array" in types and "maxItems" not in schema and not _is_tuple(schema):
        yield note("maxItems", "the array may have any number of items")
    if "string" in types and not ({"maxLength", "format"} & set(schema)):
        pattern = schema.get("pattern")
        if not isinstance(pattern, str) or _is_endless(pattern):
            yield note("maxLength", "the string may have any length")
    if "object" in types and schema.get("additionalProperties", True) is not False:
        yield note("additionalProperties", "further keys of any name may be added")


def _describes(schema: dict[str, Any]) -> bool:
    """Whether a schema without a type says more than its title."""
    silent = {"title", "description", "default", "examples", "$schema", "$id", "$comment"}
    return bool(set(schema) - silent - {"$defs", "definitions"})


def _is_tuple(schema: dict[str, Any]) -> bool:
    """Whether an array's items are listed one by one, and no more may follow."""
    if isinstance(schema.get("items"), list):
        return schema.get("additionalItems") is False
    return "prefixItems" in schema and schema.get("items") is False


def check_notes(schema: dict[str, Any], source: str = "schema") -> list[Note]:
    """Say what a schema leaves open.

    Args:
        schema: the JSON Schema, or an envelope around it; pointers then begin in the schema.
        source: what to name in an error message.

    Returns:
        The notes: first what is not enforced, then what can never be null, then what is
        unbounded, each in the schema's order; empty for a schema that leaves nothing open.

    Raises:
        SchemaError: not a valid JSON Schema, one that refers to somewhere else, or one that says
            nothing about the answer.
    """
    path = unwrap(schema, source).path
    schema = read_given(schema, source).schema
    check_validity(schema, source)
    kind = validator_class(schema)
    written = [(pointer_of(keys), part) for keys, part in walk(schema)]
    schema = without_nullable(schema)
    root = kind(schema)
    places = [(pointer_of(keys), part) for keys, part in walk(schema)]
    try:
        never_null = [note for at, part in places for note in _never_null(at, part, root)]
    except Exception as error:  # the library's own error for a reference it can not resolve
        reason = " ".join(str(error).split())
        raise SchemaError(f"{source}: a reference leads nowhere ({reason}). Define it.") from error
    found = f"what stands around it is not read; the schema is taken from {path}"
    around = [] if path == "$" else [Note(WHOLE, "read as", path.rpartition(".")[2], found)]
    return [
        *around,
        *(note for at, part in written for note in _unenforced(at, part)),
        *_refused(schema),
        *never_null,
        *(note for at, part in places for note in _unbounded(at, part)),
    ]
