"""Keywords of other dialects and drafts, said in the JSON Schema that everything else reads.

    >>> without_nullable({"type": "number", "nullable": True})
    {'type': ['number', 'null']}

OpenAPI 3.0 has ``nullable: true`` where JSON Schema has a type ``null``. Left as it is nothing
would read it, and a model would have to invent what the document does not say.

Keywords beside a ``$ref`` are ignored up to draft 7 and count from 2019-09 on. llguidance counts
them in every draft and would refuse values that fit, so they are left out where the draft does so.
"""

from __future__ import annotations

import copy
from typing import Any

from setaccio.data.files.json_text import is_deep
from setaccio.data.schema.keywords import ASSERTIONS, UNENFORCED
from setaccio.data.schema.pointers import pointer_of
from setaccio.data.schema.validation.validators import ignores_siblings
from setaccio.data.schema.walk import walk

_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if"})
_BESIDE = frozenset({"$anchor", "$comment", "$defs", "$id", "$schema", "default", "definitions"})
_BESIDE |= {"deprecated", "description", "examples", "id", "readOnly", "title", "writeOnly"}
_IGNORED = (ASSERTIONS | UNENFORCED | {"format"}) - {"$ref"}


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


def without_siblings(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as its draft reads it: without what stands beside a ``$ref`` and is ignored.

    Args:
        schema: a valid JSON Schema.

    Returns:
        The schema itself where nothing is ignored. What a reference leads to stays, wherever it is.
    """
    if not ignores_siblings(schema):
        return schema
    places = [
        (pointer_of(keys), key)
        for keys, part in walk(schema)
        if isinstance(part.get("$ref"), str)
        for key in part.keys() & _IGNORED
    ]
    if not places:
        return schema
    targets = [str(part["$ref"]).lstrip("#") for _, part in walk(schema) if "$ref" in part]
    reduced = copy.deepcopy(schema)
    for keys, part in list(walk(reduced)):
        for key in [key for key in part if (pointer_of(keys), key) in places]:
            inside = f"{pointer_of(keys)}/{key}"
            if not any(f"{target}/".startswith(f"{inside}/") for target in targets):
                del part[key]
    return reduced
