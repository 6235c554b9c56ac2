"""A schema that requires itself without end is refused; one that only may hold itself is not.

Run: pytest tests/data/schema/test_recursion.py
"""

from __future__ import annotations

from typing import Any

import pytest

from setaccio.data import Task
from setaccio.data.errors import SchemaError
from setaccio.data.schema.check import check_finite

SELF = {"$ref": "#"}
CHAIN = {
    "a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}}, "required": ["b"]},
    "b": {"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": 1},
}


def node(inner: Any, **keywords: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"n": inner}, "required": ["n"], **keywords}


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (node(SELF), "$"),
        (node({"anyOf": [SELF, node(SELF)]}), "$"),
        (node({"allOf": [{"type": "object"}, SELF]}), "$"),
        (node({"type": "array", "items": SELF, "minItems": 2}), "$"),
        (node({"type": "array", "prefixItems": [{"type": "null"}, SELF], "minItems": 2}), "$"),
        ({"type": "object", "required": ["x"], "additionalProperties": SELF}, "$"),
        ({"$defs": CHAIN, "$ref": "#/$defs/a"}, "$"),
        ({"$defs": CHAIN, "type": "object", "properties": {"o": {"$ref": "#/$defs/b"}}},
         "$.properties.o"),
    ],
)  # fmt: skip
def test_endless(schema: dict[str, Any], path: str) -> None:
    with pytest.raises(SchemaError, match="without end") as caught:
        Task.from_schema(schema)
    assert f" {path} requires" in str(caught.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"n": SELF}},
        node({"anyOf": [SELF, {"type": "null"}]}),
        node({"type": "array", "items": SELF}),
        {"type": "object", "required": ["a"], "patternProperties": {"^a": {"type": "string"}},
         "additionalProperties": SELF},
        node({"type": "array", "prefixItems": [{"type": "null"}, SELF], "minItems": 1}),
        node(SELF, type=["object", "null"]),
        node(SELF, const={"n": 1}),
        {"type": "object", "required": ["x"]},
        {"$defs": CHAIN, "type": "string"},
        {"x-kept": node({"$ref": "#/nowhere"}), "$ref": "#/x-kept"},
        {**node({"$ref": "#/$defs/deep"}), "$defs": {"deep": node({"$ref": "#/$defs/end"}),
                                                    "end": {"enum": [1]}}},
    ],
)  # fmt: skip
def test_finite(schema: dict[str, Any]) -> None:
    check_finite(schema)
