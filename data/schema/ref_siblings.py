"""Keywords beside a ``$ref``, which JSON Schema ignores up to draft 7 and counts from 2019-09 on.

llguidance counts them in every draft, so that it would refuse values that fit. For it, and for the
order of keys, they are left out where the draft leaves them out.
"""

from __future__ import annotations

import copy
from typing import Any

from setaccio.data.schema.check import UNENFORCED, walk
from setaccio.data.schema.pointers import pointer_of
from setaccio.data.schema.validation.validators import ignores_siblings

ASSERTIONS = frozenset(
    """
    $ref additionalItems additionalProperties allOf anyOf const enum exclusiveMaximum
    exclusiveMinimum items maxItems maxLength maxProperties maximum minItems minLength
    minProperties minimum multipleOf oneOf pattern patternProperties prefixItems properties
    required type
    """.split()  # noqa: SIM905
)
"""Keywords that decide which values fit; ``format`` does so for strings only."""

_IGNORED = (ASSERTIONS | UNENFORCED | {"format"}) - {"$ref"}


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
