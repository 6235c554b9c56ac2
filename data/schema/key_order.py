"""The order in which a grammar emits keys, found through references and combined schemas.

Training gold that is written in another order teaches what the constraint can not say, so the order
is followed wherever the schema hides it: behind ``$ref``, in ``allOf``, in the branch of an
``anyOf`` or ``oneOf`` that a value belongs to, in the items of arrays and tuples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from setaccio.data.schema.pointers import split_pointer, step_into
from setaccio.data.schema.validation.patterns import surely_matches
from setaccio.data.schema.validation.validators import ignores_siblings, make_validator

_DEEPEST = 64
"""References and combinations that are followed into one another for one place."""


def _target(root: Any, reference: str) -> Any:
    """What a reference inside the schema points to; None where it points elsewhere."""
    if not reference.startswith("#"):
        return None
    try:
        for part in split_pointer(reference[1:]):
            root = step_into(root, part)
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
    """The schemas that apply to one value: its own, and those it refers to or combines.

    They come in the order in which llguidance merges them, which is that of the keywords: what
    stands in front of an ``allOf`` comes before its parts, what stands behind it after them.
    """
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    if not schema:  # it asks for nothing, but it is there
        yield schema
    if isinstance(schema.get("$ref"), str) and ignores_siblings(root):
        yield from _applying(value, _target(root, schema["$ref"]), root, depth + 1)
        return
    for keyword, own in _slices(schema):
        if own:
            yield own
        elif keyword == "$ref" and isinstance(schema["$ref"], str):
            yield from _applying(value, _target(root, schema["$ref"]), root, depth + 1)
        elif keyword == "allOf":
            for part in schema["allOf"]:
                yield from _applying(value, part, root, depth + 1)
        elif keyword == "anyOf" and any(map(_asks_nothing, schema[keyword])):
            continue  # llguidance leaves it out: it holds for every value
        elif keyword in ("anyOf", "oneOf"):
            yield from _chosen(value, schema[keyword], root, depth + 1)
        elif keyword in ("const", "enum"):
            if value is None:  # asked for the schemas themselves
                yield {keyword: schema[keyword]}
            yield from _named(value, [schema["const"]] if keyword == "const" else schema["enum"])


_NOTES = frozenset({"title", "description", "$comment", "default", "examples", "deprecated"})


def _asks_nothing(schema: Any) -> bool:
    """Whether a schema holds for every value, whatever it says of it."""
    return schema is True or (isinstance(schema, dict) and _NOTES.issuperset(schema))


_APPLICATORS = frozenset({"const", "enum", "allOf", "anyOf", "oneOf", "$ref"})
_TOGETHER = (
    ("properties", "patternProperties", "additionalProperties"),
    ("items", "prefixItems", "additionalItems"),
)


def _slices(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema cut at the keywords that bring in others, each with nothing beside it.

    Keywords that are read together stay together, where the first of them stands.
    """
    places: dict[str, str] = {}
    for group in _TOGETHER:
        first = next((key for key in (group[0], *schema) if key in schema and key in group), "")
        places |= dict.fromkeys(group, first)
    own: dict[str, Any] = {}
    for keyword in schema:
        if keyword in _APPLICATORS:
            yield "", own
            own = {}
            yield keyword, {}
        elif places.get(keyword, keyword) == keyword:
            own |= {key: schema[key] for key in schema if places.get(key, key) == keyword}
    yield "", own


def _chosen(value: Any, parts: list[Any], root: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The branch that an object belongs to; of anything else, all of them."""
    branches = [(part, list(_applying(value, part, root, depth))) for part in parts]
    if not isinstance(value, dict | list):
        yield from (each for _, branch in branches for each in branch)
        return
    if len(branches) > 1 and isinstance(root, dict):
        judge = make_validator(root)
        fitting = [each for each in branches if judge.evolve(schema=each[0]).is_valid(value)]
        branches = fitting or branches
    if isinstance(value, list):
        yield from (each for _, branch in branches for each in branch)
    elif branches:
        yield from max((branch for _, branch in branches), key=lambda b: _closeness(value, b))


def _named(value: Any, named: list[Any]) -> Iterator[dict[str, Any]]:
    """A value that is named whole, as a schema that names its parts."""
    for each in named:
        if isinstance(value, dict) and isinstance(each, dict) and each == value:
            yield {"properties": {key: {"const": part} for key, part in each.items()}}
            return
        if isinstance(value, list) and isinstance(each, list) and each == value:
            yield {"prefixItems": [{"const": part} for part in each]}
            return


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
            order_like(item, _merged([_item_schema(part, index) for part in parts]), root)
            for index, item in enumerate(value)
        ]
    known: dict[str, None] = {}
    for part in parts:
        known |= dict.fromkeys(part.get("properties", {}))
    for part in parts:  # what is required without being described comes after what is described
        known |= dict.fromkeys(part.get("required", []))
    keys = [key for key in known if key in value] + [key for key in value if key not in known]
    return {
        key: order_like(value[key], _merged([_key_schema(part, key) for part in parts]), root)
        for key in keys
    }


def _merged(rules: list[Any]) -> Any:
    """One schema that stands for several that all apply."""
    rules = [rule for rule in rules if isinstance(rule, dict)]
    return rules[0] if len(rules) == 1 else {"allOf": rules} if rules else None


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


def _item_schema(part: dict[str, Any], index: int) -> Any:
    """The schema that one part has for an item."""
    items = part.get("items")
    fixed = items if isinstance(items, list) else part.get("prefixItems", [])
    if index < len(fixed):
        return fixed[index]
    return part.get("additionalItems") if isinstance(items, list) else items


def _key_schema(part: dict[str, Any], key: str) -> Any:
    """The schema that one part has for a key."""
    if key in part.get("properties", {}):
        return part["properties"][key]
    for pattern, rule in part.get("patternProperties", {}).items():
        if surely_matches(pattern, key):
            return rule
    return part.get("additionalProperties")
