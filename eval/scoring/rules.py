"""Which rule scores which field: the task's own, or one chosen from the schema.

A field is named by its path, list positions left out: ``author.name``, and ``items.price`` for the
price of each item. A path that the task does not mention gets its rule from the type that the
schema gives it: text for strings, date for strings whose format is date or date-time, exact for
enumerations, constants and booleans, number for numbers, unordered for arrays; objects are
entered, and scored field by field.
"""

from __future__ import annotations

from typing import Any

from setaccio.data.schema.pointers import split_pointer
from setaccio.data.task.task import Json, ScoringRule, Task

TEXT = ScoringRule.model_validate({"method": "text"})
EXACT = ScoringRule.model_validate({"method": "exact"})
DATE = ScoringRule.model_validate({"method": "date"})
NUMBER = ScoringRule.model_validate({"method": "number"})
UNORDERED = ScoringRule.model_validate({"method": "unordered"})
_OF_TYPE = {
    "string": TEXT,
    "number": NUMBER,
    "integer": NUMBER,
    "boolean": EXACT,
    "array": UNORDERED,
}


def resolve(schema: Json, root: dict[str, Any]) -> dict[str, Any]:
    """The schema that describes a value: local references followed, ``or null`` taken away.

    Args:
        schema: a schema inside ``root``; anything else counts as one that says nothing.
        root: the whole schema, where ``$ref`` such as ``#/$defs/Author`` leads.

    Returns:
        The schema itself, the only alternative that is not null, or ``{}`` when alternatives
        leave it open which one applies.
    """
    for _ in range(32):  # a bound instead of a search for circles among references
        if not isinstance(schema, dict):
            return {}
        if isinstance(schema.get("$ref"), str):
            schema = _at(root, schema["$ref"])
            continue
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not choices or "properties" in schema or "type" in schema:
            return schema
        real = [c for c in choices if not (isinstance(c, dict) and c.get("type") == "null")]
        if len(real) != 1:
            return {}
        schema = real[0]
    return {}


def _at(root: Json, reference: str) -> Json:
    """What a local reference such as ``#/$defs/Author`` leads to; None where it leads nowhere."""
    if not reference.startswith("#"):
        return None
    for name in filter(None, split_pointer("/" + reference.lstrip("#").strip("/"))):
        root = root.get(name) if isinstance(root, dict) else None
    return root


def type_of(schema: dict[str, Any], *values: Json) -> str:
    """JSON type of a field: as the schema says, otherwise that of the first value not null."""
    declared = schema.get("type")
    named = [declared] if isinstance(declared, str) else [*(declared or ())]
    named = [name for name in named if name != "null"]
    if len(named) == 1:
        return str(named[0])
    if "properties" in schema:
        return "object"
    for value in values:
        if value is not None:
            return _json_type(value)
    return "null"


def _json_type(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kinds, name in (((int, float), "number"), (str, "string"), (list, "array")):
        if isinstance(value, kinds):
            return name
    return "object"


def rule_for(task: Task, path: str, schema: dict[str, Any], *values: Json) -> ScoringRule | None:
    """The rule of a field.

    Args:
        task: its declared rules come first.
        path: the field, list positions left out.
        schema: what :func:`resolve` made of the field's schema.
        values: gold and prediction, asked for their type where the schema is silent.

    Returns:
        The rule; None for an object, which is scored field by field.
    """
    if path in task.scoring:
        return task.scoring[path]
    if "enum" in schema or "const" in schema:
        return EXACT
    kind = type_of(schema, *values)
    return DATE if _is_date(schema, kind) else _OF_TYPE.get(kind)


def _is_date(schema: dict[str, Any], kind: str) -> bool:
    return kind == "string" and schema.get("format") in ("date", "date-time")


def item_rule(rule: ScoringRule, schema: dict[str, Any], *values: Json) -> ScoringRule | None:
    """The rule by which two items of a list are compared.

    Args:
        rule: the list's own rule, whose threshold and tolerances its items share.
        schema: the resolved schema of the items.
        values: the two items, asked for their type where the schema is silent.

    Returns:
        What the list's rule says of its items; otherwise fuzzy text for strings and the type's
        own rule for the rest; None for objects.
    """
    if rule.items:
        return rule.model_copy(update={"method": rule.items, "items": None})
    if "enum" in schema or "const" in schema:
        return EXACT
    kind = type_of(schema, *values)
    if kind == "object":
        return None
    if kind in ("boolean", "array"):
        return _OF_TYPE[kind]
    if kind in ("number", "integer"):
        method = "number"
    else:
        method = "date" if _is_date(schema, kind) else "fuzzy"
    return rule.model_copy(update={"method": method})
