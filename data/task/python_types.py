"""A JSON Schema from a Python type: whatever pydantic's ``TypeAdapter`` takes.

    >>> class Recipe(BaseModel):
    ...     title: str
    >>> describe_type(Recipe).schema["properties"]
    {'title': {'type': 'string'}}

The schema is what pydantic makes of the type's validation, but for this. Objects have no further
keys unless the type asks for them: it would only ignore them. A time of day may stand without its
seconds and a time zone, as documents write it and Python reads it. ``Decimal`` is a number. What
the constraint can not enforce (unknown formats, unique items) is left to the type's validators.
"""

from __future__ import annotations

import re
import urllib.parse
from typing import Any, NamedTuple

from pydantic import PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from setaccio.data.errors import TaskError, short_reason
from setaccio.data.schema.check import check_schema, check_validity
from setaccio.data.schema.pointers import pointer_of
from setaccio.data.schema.unenforceable import refusals
from setaccio.data.schema.walk import Lookup, reference_lookup, walk

_LEFT_OUT = frozenset({"format", "pattern", "propertyNames", "uniqueItems"})
"""Keywords that are left to the type where the constraint can not enforce them."""

_SILENT = frozenset(
    """
    title description default examples deprecated readOnly writeOnly discriminator $schema $id
    $comment $defs definitions
    """.split()  # noqa: SIM905
)
_TIME = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_ZONE = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_ZONES = {"aware": _ZONE, "naive": "", None: f"{_ZONE}?"}


class DescribedType(NamedTuple):
    """What a task needs to know of a type.

    Attributes:
        name: an identifier; ``data`` where the type has no name of its own.
        schema: the JSON Schema of its values.
        unenforced: paths of keywords that only its validators check.
    """

    name: str
    schema: dict[str, Any]
    unenforced: tuple[str, ...]


class _Generator(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Fields need no title that says their name once more."""
        return False

    def decimal_schema(self, schema: Any) -> dict[str, Any]:
        made = super().decimal_schema(schema)
        return dict(made["anyOf"][0]) if "anyOf" in made else made

    def time_schema(self, schema: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_TIME}{_ZONES[schema.get('tz_constraint')]}$"}

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        zone = _ZONES[schema.get("tz_constraint")]
        return {"type": "string", "pattern": f"^{_DATE}T{_TIME}{zone}$"}


def make_adapter(kind: Any) -> TypeAdapter[Any]:
    """Pydantic's validator for a type.

    Args:
        kind: a pydantic class, a dataclass, a ``TypedDict``, ``list[...]``, a union, or a
            ``TypeAdapter`` itself.

    Raises:
        TaskError: pydantic can not validate such a type.
    """
    if isinstance(kind, TypeAdapter):
        return kind
    try:
        return TypeAdapter(kind)
    except (PydanticUserError, NameError, TypeError) as error:
        raise TaskError(f"{_shown(kind)}: pydantic can not validate it. {_said(error)}") from error


def describe_type(kind: Any) -> DescribedType:
    """Make a JSON Schema of a type.

    Args:
        kind: as for :func:`make_adapter`.

    Raises:
        TaskError: pydantic can not make a schema of it.
        SchemaError: the constraint can not enforce the schema; each keyword is named.
    """
    adapter = make_adapter(kind)
    try:
        made = adapter.json_schema(schema_generator=_Generator, mode="validation")
    except PydanticUserError as error:
        raise TaskError(
            f"{_shown(kind)}: pydantic can not make a JSON Schema of it. {_said(error)}"
        ) from error
    schema = _at_root(made)
    for _, part in walk(schema):
        if "properties" in part:
            part.setdefault("additionalProperties", False)
    title = str(schema.get("title", ""))
    source = title or _shown(kind)
    check_validity(schema, source)
    unenforced = tuple(_loosen(schema))
    check_schema(schema, source)
    name = re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-").lower()
    return DescribedType(name or "data", schema, unenforced)


def _shown(kind: Any) -> str:
    return getattr(kind, "__name__", None) or str(kind)


def _said(error: Exception) -> str:
    return f"{short_reason(error).partition('. ')[0].rstrip('.')}."


def _at_root(made: dict[str, Any]) -> dict[str, Any]:
    """A schema whose root is no reference, as that of a recursive type is."""
    reference = str(made.get("$ref", ""))
    name = urllib.parse.unquote(reference.removeprefix("#/$defs/"))
    found = made.get("$defs", {}).get(name)
    return made if found is None else {**found, "$defs": made["$defs"]}


def _loosen(schema: dict[str, Any]) -> list[str]:
    """Take out what is left to the type; returns the paths of what a value may really break."""
    parts = {pointer_of(keys): part for keys, part in walk(schema)}
    said = []
    for refusal in refusals(schema):
        if refusal.keyword in _LEFT_OUT:
            parts[refusal.pointer].pop(refusal.keyword, None)
            said += [refusal.path] if refusal.keyword != "uniqueItems" else []  # of a set
    return said


def covers(schema: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether what one schema allows has the shape that another asks for.

    Titles, descriptions, the order of keys and whether further keys are allowed do not count; what
    is optional in the second may be required in the first.

    Args:
        schema: a valid JSON Schema.
        wanted: another.
    """
    shapes = (_shape(each, reference_lookup(each), ()) for each in (schema, wanted))
    return _agree(*shapes)


def _shape(part: Any, lookup: Lookup, open_: tuple[str, ...]) -> Any:
    """A schema in one of several ways of writing it, references replaced by their targets."""
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("$ref"), str):
        reference = part["$ref"]
        if reference in open_:
            return {"$ref": len(open_) - open_.index(reference)}
        return _shape(lookup(reference), lookup, (*open_, reference))
    made: dict[str, Any] = {}
    for key, value in part.items():
        if key in ("properties", "patternProperties"):
            made[key] = {name: _shape(inner, lookup, open_) for name, inner in value.items()}
        elif isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            made[key] = [_shape(inner, lookup, open_) for inner in value]
        elif key == "type":
            made[key] = {value} if isinstance(value, str) else set(value)
        elif key == "const":
            made["enum"] = [value]
        elif key not in _SILENT and not (key == "additionalProperties" and value in (True, False)):
            made[key] = _shape(value, lookup, open_)
    if "enum" in made:
        made.pop("type", None)
    options = made.get("anyOf", [])
    if len(made) == 1 and options[1:] == [{"type": {"null"}}] and "type" in options[0]:
        return {**options[0], "type": {*options[0]["type"], "null"}}
    return made


def _agree(one: Any, wanted: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(wanted, dict):
        return bool(one == wanted)
    if one.keys() - {"required"} != wanted.keys() - {"required"}:
        return False
    for key, value in wanted.items():
        if key == "required" and isinstance(value, list):
            if not set(value) <= set(one.get(key, ())):
                return False
        elif key not in one or not _agree(one[key], value):
            return False
    return True
