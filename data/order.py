"""The order in which a grammar emits keys, found through references and combined schemas.

Training gold that is written in another order teaches what the constraint can not say, so the order
is followed wherever the schema hides it: behind ``$ref``, in ``allOf``, in the branch of an
``anyOf`` or ``oneOf`` that a value belongs to, in the items of arrays and tuples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from setaccio.data.pointers import split, step

_DEEPEST = 64
"""References and combinations that are followed into one another for one place."""


def _target(root: Any, reference: str) -> Any:
    """What a reference inside the schema points to; None where it points elsewhere."""
    if not reference.startswith("#"):
        return None
    try:
        for part in split(reference[1:]):
            root = step(root, part)
    except (LookupError, ValueError, TypeError):
        return None
    return root


def _closeness(value: dict[str, Any], parts: list[dict[str, Any]]) -> tuple[bool, bool, int, int]:
    """How well an object fits a branch: constants agree, required keys are there, keys known."""
    known: dict[str, Any] = {}
    required: set[str] = set()
    for part in parts:
        known.update(part.get("properties", {}))
        required.update(part.get("required", []))
    agrees = all(
        value[key] == rule["const"]
        for key, rule in known.items()
        if key in value and isinstance(rule, dict) and "const" in rule
    )
    return agrees, required <= set(value), len(set(known) & set(value)), -len(known)


def _applying(value: Any, schema: Any, root: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The schemas that apply to one value: its own, and those it refers to or combines."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    yield schema
    if isinstance(schema.get("$ref"), str):
        yield from _applying(value, _target(root, schema["$ref"]), root, depth + 1)
    for part in schema.get("allOf", []):
        yield from _applying(value, part, root, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        branches = [list(_applying(value, b, root, depth + 1)) for b in schema.get(keyword, [])]
        if not branches:
            continue
        if isinstance(value, dict):
            yield from max(branches, key=lambda parts: _closeness(value, parts))
        else:
            yield from (part for parts in branches for part in parts)


def order_like(value: Any, schema: Any, root: Any = None) -> Any:
    """Put the keys of a value into the order in which the schema's grammar emits them.

    Args:
        value: any JSON value.
        schema: its JSON Schema.
        root: the whole schema that references start from; by default ``schema``.

    Returns:
        The value with its keys in order, recursively; keys that no schema names keep their order
        at the end.
    """
    root = schema if root is None else root
    if not isinstance(value, (dict, list)):
        return value
    parts = list(_applying(value, schema, root))
    if isinstance(value, list):
        return [
            order_like(item, _item_schema(parts, index), root) for index, item in enumerate(value)
        ]
    known: dict[str, Any] = {}
    for part in parts:
        for key, rule in part.get("properties", {}).items():
            known.setdefault(key, rule)
    for part in parts:  # what is required without being described comes after what is described
        for key in part.get("required", []):
            known.setdefault(key, _other_schema(parts, key))
    keys = [key for key in known if key in value] + [key for key in value if key not in known]
    return {
        key: order_like(value[key], known.get(key) or _other_schema(parts, key), root)
        for key in keys
    }


def schemas_at(schema: Any, path: str, *, items: bool = False) -> list[dict[str, Any]]:
    """The schemas that may apply to a field, references and combinations followed.

    Args:
        schema: the whole JSON Schema.
        path: the field's keys, joined by dots, list positions left out, as in ``items.price``.
        items: of a field that is a list, give the schemas of its items.

    Returns:
        Nothing where the schema describes no such field; several where it does so in parts.
    """
    places = list(_applying(None, schema, schema))
    for key in path.split("."):
        places = _inside_lists(places, schema)
        fields = [part["properties"][key] for part in places if key in part.get("properties", {})]
        places = [found for field in fields for found in _applying(None, field, schema)]
    return _inside_lists(places, schema) if items else places


def _inside_lists(places: list[dict[str, Any]], root: Any) -> list[dict[str, Any]]:
    for _ in range(_DEEPEST):  # lists of lists, which a schema may nest without end
        items = [part["items"] for part in places if isinstance(part.get("items"), dict)]
        if not items:
            break
        places = [found for item in items for found in _applying(None, item, root)]
    return places


def _item_schema(parts: list[dict[str, Any]], index: int) -> Any:
    for part in parts:
        items = part.get("items")
        fixed = items if isinstance(items, list) else part.get("prefixItems", [])
        if index < len(fixed):
            return fixed[index]
        rest = part.get("additionalItems") if isinstance(items, list) else items
        if isinstance(rest, dict):
            return rest
    return None


def _other_schema(parts: list[dict[str, Any]], key: str) -> Any:
    """The schema of a key that ``properties`` does not name."""
    for part in parts:
        for pattern, rule in part.get("patternProperties", {}).items():
            if _matches(pattern, key):
                return rule
        if isinstance(part.get("additionalProperties"), dict):
            return part["additionalProperties"]
    return None


def _matches(pattern: str, key: str) -> bool:
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return False
