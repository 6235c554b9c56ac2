"""JSON Schemas as Setaccio accepts them: valid, and enforceable by the constraint.

llguidance refuses what it can not enforce when it compiles a schema; :func:`check_schema` finds
the same keywords beforehand, all of them at once and each with its path, so that the message can
name them and training does not start on a schema that extraction would refuse.
"""

from __future__ import annotations

import math
from typing import Any

from referencing.exceptions import Unresolvable

from setaccio.data.errors import SchemaError
from setaccio.data.files.json_text import MAX_DEPTH, TOO_DEEP, is_deep
from setaccio.data.schema.grammar.exact_grammar import exact_grammar
from setaccio.data.schema.keywords import refusal_message, unenforced_keywords
from setaccio.data.schema.recursion import MOST_LED, endless_parts, least_depth, long_chain
from setaccio.data.schema.unenforceable import refusals
from setaccio.data.schema.validation.validators import check_against_draft, jsonschema
from setaccio.data.schema.walk import reference_lookup, resolver_of, subschemas

MOST_QUOTED = 200
"""Characters of a message about a schema, or of what it quotes."""


def dangling_references(schema: dict[str, Any]) -> list[str]:
    """Paths of the references inside a schema that lead to nothing or back to themselves."""
    resolver = resolver_of(schema)
    return [
        f"{path}.$ref (to {part['$ref']})"
        for path, part in subschemas(schema)
        if "$ref" in part and not _leads_somewhere(part, resolver)
    ]


def _leads_somewhere(part: Any, resolver: Any) -> bool:
    seen: set[str] = set()
    while isinstance(part, dict) and "$ref" in part:
        target = part["$ref"]
        if target in seen:  # a circle of bare references never meets a schema
            return False
        seen.add(target)
        try:
            part = resolver.lookup(target).contents
        except (Unresolvable, ValueError):  # a name where a list wants a number
            return False
    return isinstance(part, dict | bool)


def shortened(text: str) -> str:
    """A text for a message, its middle left out where it is long."""
    if len(text) <= MOST_QUOTED:
        return text
    return f"{text[: MOST_QUOTED // 4]} ... {text[-MOST_QUOTED // 4 :]}"


def check_validity(schema: dict[str, Any], source: str = "schema") -> None:
    """Refuse what is no JSON Schema, whether or not the constraint could enforce it.

    Args:
        schema: the JSON Schema.
        source: what to name in the message.

    Raises:
        SchemaError: not a JSON Schema, nested too deeply, or with a reference to somewhere else, to
            nothing, or through too many others.
    """
    if is_deep(schema):
        raise SchemaError(f"{source}: {TOO_DEEP}. Nest it less, or move what repeats to $defs.")
    try:
        check_against_draft(schema)
    except jsonschema.SchemaError as error:
        said = shortened(error.message)
        if error.validator == "format" and isinstance(error.cause, ValueError):
            named = shortened(repr(error.instance))
            said = f"{named} is no pattern that is supported ({error.cause})"
        raise SchemaError(
            f"{source}: not a valid JSON Schema at {error.json_path}: {said}."
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
    if chain := long_chain(schema, reference_lookup(schema)):
        raise SchemaError(
            f"{source}: from {shortened(chain)} more than {MOST_LED} references and combinations "
            "lead into one another. Refer to what is meant."
        )
    dangling = dangling_references(schema)
    if dangling:
        raise SchemaError(
            f"{source}: {', '.join(dangling)} leads to no schema. Correct the reference, or add "
            "what it names."
        )


def check_finite(schema: dict[str, Any], source: str = "schema") -> None:
    """Refuse a schema that requires itself without end, or answers that are too deep.

    Args:
        schema: a valid JSON Schema.
        source: what to name in the message.

    Raises:
        SchemaError: a part of it has no finite value, or the whole none that is flat enough.
    """
    lookup = reference_lookup(schema)
    if MAX_DEPTH < least_depth(schema, lookup) < math.inf:
        raise SchemaError(
            f"{source}: every value that fits it is {TOO_DEEP}, and answers may not be. Demand "
            "less inside what is demanded."
        )
    endless = endless_parts(schema, lookup)
    if endless:
        raise SchemaError(
            f"{source}: {endless[0]} requires itself without end, so no value fits it. Let a "
            "field on the way be left out, be null, or be an empty list."
        )


def check_schema(schema: dict[str, Any], source: str = "schema") -> None:
    """Refuse a schema that is invalid or can not be enforced.

    Args:
        schema: the JSON Schema.
        source: what to name in the message.

    Raises:
        SchemaError: not a JSON Schema, a reference to somewhere else or to nothing, or unsupported
            keywords, or a part that requires itself without end.
    """
    check_validity(schema, source)
    check_finite(schema, source)
    if unenforced_keywords(schema):
        raise SchemaError(refusal_message(list(map(str, refusals(schema))), source))
    try:
        exact_grammar(schema)
    except SchemaError as error:
        raise SchemaError(str(error).replace("schema", source, 1)) from error
