"""JSON Schema's keywords with patterns, for jsonschema's ``validators.extend``.

The library searches with Python's ``re``; here :mod:`setaccio.data.schema.validation.patterns`
does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from setaccio.data.schema.validation.patterns import matches

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]
Error = Callable[[str], Any]


def pattern_keywords(keywords: dict[str, Keyword], error: Error) -> dict[str, Keyword]:
    """Those of a draft's keywords that search with patterns.

    Args:
        keywords: the draft's own, by name.
        error: makes jsonschema's error of a message.
    """
    additional = keywords["additionalProperties"]

    def pattern(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if validator.is_type(instance, "string") and not matches(wanted, instance):
            yield error(f"{instance!r} does not match {wanted!r}")

    def by_pattern(validator: Any, rules: Any, instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if not validator.is_type(instance, "object"):
            return
        for wanted, rule in rules.items():
            for key, value in instance.items():
                if matches(wanted, key):
                    yield from validator.descend(value, rule, path=key, schema_path=wanted)

    def others(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        left = {
            key: value
            for key, value in instance.items()
            if key not in named and not any(matches(wanted, key) for wanted in patterns)
        }
        yield from additional(validator, rule, left, {})

    return {"pattern": pattern, "patternProperties": by_pattern, "additionalProperties": others}
