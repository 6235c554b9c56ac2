"""The keywords of JSON Schema, and what is to be said of other keys in a schema.

    >>> unknown_keywords({"type": "object", "propertes": {}})
    [('$', 'propertes')]

A misspelt keyword is an unknown one, and JSON Schema ignores those: nothing checks it, and nothing
enforces it.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from setaccio.data.schema.walk import path_of, subschemas, walk

# Assertions of the JSON Schema drafts that llguidance 1.9 does not implement (its
# docs/json_schema.md lists the ones it does).
UNENFORCED = frozenset(
    """
    contains dependencies dependentRequired dependentSchemas else if maxContains minContains not
    propertyNames then unevaluatedItems unevaluatedProperties uniqueItems $dynamicRef $recursiveRef
    """.split()  # noqa: SIM905
)

ASSERTIONS = frozenset(
    """
    $ref additionalItems additionalProperties allOf anyOf const enum exclusiveMaximum
    exclusiveMinimum items maxItems maxLength maxProperties maximum minItems minLength
    minProperties minimum multipleOf oneOf pattern patternProperties prefixItems properties
    required type
    """.split()  # noqa: SIM905
)
"""Enforced keywords that decide which values fit; ``format`` does so for strings only."""

ANNOTATIONS = frozenset(
    """
    $anchor $comment $defs $dynamicAnchor $id $recursiveAnchor $schema $vocabulary contentEncoding
    contentMediaType contentSchema default definitions deprecated description discriminator
    enumDescriptions enumNames example examples externalDocs id markdownDescription
    propertyOrdering readOnly title writeOnly xml
    """.split()  # noqa: SIM905
)
"""Keywords that constrain nothing, in wide use outside JSON Schema some of them."""

KNOWN = UNENFORCED | ANNOTATIONS | ASSERTIONS | {"format", "nullable"}
"""Keywords of the drafts 4 to 2020-12 and annotations; the names that start with ``x-`` aside."""

MOST_NAMED = 5
"""Unknown keywords that one sentence names."""


def is_known(key: str) -> bool:
    """Whether a key of a schema is a keyword, or marked as somebody's own."""
    return key in KNOWN or key.startswith("x-")


def nearest(key: str) -> str:
    """The keyword that a misspelt one was probably meant to be; empty where none is like it."""
    lower = {known.lower(): known for known in sorted(KNOWN)}
    plain = key.lower().replace("_", "").replace("-", "")
    found = difflib.get_close_matches(plain, lower, n=1, cutoff=0.8)
    return lower[found[0]] if found else ""


def unknown_keywords(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """Keys that JSON Schema does not know.

    Returns:
        ``(path, key)``: the place of the schema that holds the key, and the key.
    """
    return [
        (path_of(keys), key) for keys, part in walk(schema) for key in part if not is_known(key)
    ]


def doubt_of_keywords(schema: dict[str, Any]) -> str:
    """A sentence about the keys of a schema that nothing reads; empty where there are none."""
    found = unknown_keywords(schema)
    if not found:
        return ""
    named = []
    for path, key in found[:MOST_NAMED]:
        guess = nearest(key)
        named.append(f"{path}.{key}" + (f" (did you mean {guess}?)" if guess else ""))
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return (
        f"JSON Schema does not know {', '.join(named)}{more}, so nothing checks or enforces what "
        "stands there."
    )


def unenforced_keywords(schema: dict[str, Any]) -> list[str]:
    """Paths of the keywords that the constraint would not enforce, in document order."""
    return [
        f"{path}.{key}" for path, part in subschemas(schema) for key in part if key in UNENFORCED
    ]


def refusal_message(parts: list[str], source: str = "schema") -> str:
    """What is said of a schema that can not be enforced.

    Args:
        parts: what is at fault.
        source: what to name.
    """
    return (
        f"{source}: the constraint can not enforce {', '.join(parts)}. Remove these keywords or "
        "check them after extraction."
    )


def refused_keyword(reason: str) -> str:
    """The keyword that a refusal by llguidance means; empty where it does not say.

    Args:
        reason: its error message, which names some keywords and only describes others.
    """
    if "Unknown format" in reason:
        return "format"
    if "regex" in reason or "look-around" in reason:
        return "pattern"
    for keyword in ("oneOf", "maxProperties", "multipleOf", "$ref"):
        if keyword in reason:
            return keyword
    named = re.search(r'Unimplemented keys: \["([^"]+)"', reason)
    return named[1] if named else ""
