"""OpenAPI's ``nullable``, which JSON Schema does not know, said in JSON Schema.

    >>> without_nullable({"type": "number", "nullable": True})
    {'type': ['number', 'null']}

OpenAPI 3.0 has ``nullable: true`` where JSON Schema has a type ``null``. Left as it is nothing
would read it, and a model would have to invent what the document does not say.
"""

from __future__ import annotations

import copy
from typing import Any

from setaccio.data.files.json_text import is_deep
from setaccio.data.schema.check import walk

_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if"})
_BESIDE = frozenset({"$anchor", "$comment", "$defs", "$id", "$schema", "default", "definitions"})
_BESIDE |= {"deprecated", "description", "examples", "id", "readOnly", "title", "writeOnly"}


def without_nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema in which null is allowed by JSON Schema's own keywords.

    Args:
        schema: a JSON Schema, with ``nullable`` in it or not.

    Returns:
        The schema itself where ``nullable`` stands nowhere.
    """
    if is_deep(schema):
        return schema  # which is refused elsewhere
    if not any(isinstance(part.get("nullable"), bool) for _, part in walk(schema)):
        return schema
    changed = copy.deepcopy(schema)
    for _, part in reversed(list(walk(changed))):  # inner parts before those that hold them
        if isinstance(part.get("nullable"), bool) and part.pop("nullable"):
            _allow_null(part)
    return changed


def _allow_null(part: dict[str, Any]) -> None:
    if _COMBINING & set(part):
        rest = {key: part.pop(key) for key in list(part) if key not in _BESIDE}
        part["anyOf"] = [*rest["anyOf"]] if set(rest) == {"anyOf"} else [rest]
        part["anyOf"].append({"type": "null"})
        return
    if "type" in part:
        types = [part["type"]] if isinstance(part["type"], str) else list(part["type"])
        part["type"] = types if "null" in types else [*types, "null"]
    if "const" in part:
        part["enum"] = [part.pop("const")]
    if isinstance(part.get("enum"), list) and None not in part["enum"]:
        part["enum"] = [*part["enum"], None]
