"""The jsonschema library, with decimals and ECMA's patterns, and without what only IRIs need.

The keywords that judge numbers or search with patterns are ours (``draft_keywords.py``), put in
through the library's ``validators.extend``; its own classes stay as they are.

Some of its formats come from packages that build dozens of parsers and expressions when they are
imported: a second for every start of the program, while hardly a schema names such a format. Here
they are imported when the first such text is checked.
"""

from __future__ import annotations

import functools
from typing import Any

from setaccio.data.files.decimals import is_whole
from setaccio.data.lazy_names import late_function, stand_ins
from setaccio.data.schema.validation.draft_keywords import draft_keywords
from setaccio.data.schema.validation.patterns import is_pattern

_LATER: dict[str, dict[str, Any]] = {
    "rfc3987_syntax": {"is_valid_syntax": late_function("rfc3987_syntax", "is_valid_syntax")},
    "rfc3986_validator": {
        "validate_rfc3986": late_function("rfc3986_validator", "validate_rfc3986")
    },
    "isoduration": {
        "parse_duration": late_function("isoduration", "parse_duration"),
        "DurationParsingException": ValueError,  # of which it is a kind
    },
    "webcolors": {
        name: late_function("webcolors", name) for name in ("name_to_hex", "normalize_hex")
    },
}

with stand_ins(_LATER):
    import jsonschema

__all__ = [
    "check_against_draft",
    "ignores_siblings",
    "jsonschema",
    "make_validator",
    "validator_class",
]


def validator_class(schema: dict[str, Any]) -> Any:
    """The jsonschema class for the draft that a schema names; draft 2020-12 where it names none."""
    return jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)


def check_against_draft(schema: dict[str, Any]) -> None:
    """Check a schema against the meta-schema of its draft, patterns included.

    Raises:
        jsonschema.SchemaError: it breaks the meta-schema.
    """
    kind = validator_class(schema)
    checker = jsonschema.FormatChecker(formats=())
    checker.checkers = {**kind.FORMAT_CHECKER.checkers, "regex": (is_pattern, (ValueError,))}
    kind.check_schema(schema, format_checker=checker)


_IGNORING = ("draft-03", "draft-04", "draft-06", "draft-07")


def ignores_siblings(schema: Any) -> bool:
    """Whether a schema's draft ignores what stands beside a ``$ref``."""
    if not isinstance(schema, dict) or "$schema" not in schema:
        return False
    return any(draft in validator_class(schema).META_SCHEMA["$schema"] for draft in _IGNORING)


@functools.cache
def _exact_class(kind: Any) -> Any:
    """A draft's class with our keywords for numbers and patterns."""
    numbers = kind.TYPE_CHECKER.redefine(
        "integer",
        lambda _, value: kind.TYPE_CHECKER.is_type(value, "integer") and is_whole(value),
    )
    error = jsonschema.ValidationError
    keywords = draft_keywords(kind.VALIDATORS, error)
    extend: Any = jsonschema.validators.extend  # which has no types
    return extend(kind, keywords, type_checker=numbers)


def make_validator(schema: dict[str, Any]) -> jsonschema.protocols.Validator:
    """A validator of instances of a schema, formats included."""
    kind = validator_class(schema)
    # Where `$schema` is met again, behind a reference to the root, the library would go back to
    # the class that it names.
    rules = {key: part for key, part in schema.items() if key != "$schema"}
    validator: jsonschema.protocols.Validator = _exact_class(kind)(
        rules, format_checker=kind.FORMAT_CHECKER
    )
    return validator
