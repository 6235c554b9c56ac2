"""Keys come in the order in which the grammar emits them, wherever the schema says so.

Run: pytest tests/data/schema/test_key_order.py
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from setaccio.data.schema.key_order import order_like

AB = {"type": "object", "properties": {"a": {}, "b": {}}}
BA = {"type": "object", "properties": {"b": {}, "a": {}}}


@pytest.mark.parametrize(
    ("schema", "value", "written"),
    [
        (AB, {"z": 1, "b": 1, "a": 1}, '{"a": 1, "b": 1, "z": 1}'),
        ({"$ref": "#/$defs/x", "$defs": {"x": AB}}, {"b": 1, "a": 1}, '{"a": 1, "b": 1}'),
        (
            {"items": {"$ref": "#/definitions/x~1y"}, "definitions": {"x/y": AB}},
            [{"b": 1, "a": 1}],
            '[{"a": 1, "b": 1}]',
        ),
        ({"allOf": [{"properties": {"c": {}}}, AB]}, {"b": 1, "c": 1}, '{"c": 1, "b": 1}'),
        (
            {"anyOf": [{"type": "null"}, {"required": ["z"], **AB}, BA]},
            {"a": 1, "b": 1},
            '{"b": 1, "a": 1}',
        ),
        (
            {
                "oneOf": [
                    {"properties": {"k": {"const": 1}, "a": {}, "b": {}}},
                    {"properties": {"b": {}, "a": {}, "k": {"const": 2}}},
                ]
            },
            {"a": 1, "k": 2, "b": 1},
            '{"b": 1, "a": 1, "k": 2}',
        ),
        ({"prefixItems": [AB], "items": BA}, [{"b": 1, "a": 1}] * 2, None),
        ({"items": [AB], "additionalItems": BA}, [{"b": 1, "a": 1}] * 2, None),
        ({"additionalProperties": AB}, {"x": {"b": 1, "a": 1}}, '{"x": {"a": 1, "b": 1}}'),
        ({"patternProperties": {"^x": AB}}, {"x": {"b": 1, "a": 1}}, '{"x": {"a": 1, "b": 1}}'),
        ({"properties": {"a": {}}, "required": ["c", "a"]}, {"c": 1, "a": 1}, '{"a": 1, "c": 1}'),
        ({"$ref": "#"}, {"b": 1, "a": 1}, '{"b": 1, "a": 1}'),
        ({"$ref": "#/none"}, {"b": 1, "a": 1}, '{"b": 1, "a": 1}'),
        (True, {"b": 1, "a": 1}, '{"b": 1, "a": 1}'),
    ],
)
def test_order(schema: Any, value: Any, written: str | None):
    ordered = order_like(value, schema)
    assert ordered == value
    assert json.dumps(ordered) == (written or '[{"a": 1, "b": 1}, {"b": 1, "a": 1}]')


def test_a_list_that_refers_to_itself():
    node = {"type": "object", "properties": {"v": {}, "next": {"$ref": "#/$defs/node"}}}
    schema = {"$ref": "#/$defs/node", "$defs": {"node": node}}
    value = {"next": {"next": {"v": 3}, "v": 2}, "v": 1}
    written = '{"v": 1, "next": {"v": 2, "next": {"v": 3}}}'
    assert json.dumps(order_like(value, schema)) == written
