"""What a schema leaves open is said with its place, and nothing else is.

Run: pytest tests/data/schema/test_notes.py
"""

from __future__ import annotations

from typing import Any

import pytest

from setaccio.data import load_task
from setaccio.data.errors import SchemaError
from setaccio.data.schema.keywords import refused_keyword
from setaccio.data.schema.notes import WHOLE, check_notes
from setaccio.data.schema.pointers import join, leaves, split_pointer, step_into
from setaccio.data.schema.walk import subschemas

CLOSED = {"type": "object", "additionalProperties": False}


def found(schema: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(note.pointer, note.kind, note.keyword) for note in check_notes(schema)]


def test_a_schema_that_leaves_nothing_open():
    schema = {
        **CLOSED,
        "title": "Closed",
        "properties": {
            "a": {"type": ["string", "null"], "maxLength": 9},
            "b": {"type": ["array", "null"], "items": {"type": "integer"}, "maxItems": 3},
            "c": {"anyOf": [{"enum": ["x", "y"]}, {"type": "null"}]},
            "d": {"type": "string", "pattern": "^[a-z*]{2,3}$"},
            "e": {"type": "string", "format": "date"},
            "f": {"$ref": "#/$defs/f"},
            "g": {"type": "array", "prefixItems": [{"type": "number"}], "items": False},
        },
        "required": ["a", "b", "c", "f"],
        "$defs": {"f": {"type": ["boolean", "null"]}},
        "x-note": "ours",
    }
    assert found(schema) == []


def test_keywords_that_are_not_enforced():
    schema = {
        **CLOSED,
        "properties": {
            "a/b": {"type": "integer", "not": {"const": 1}},
            "c": {"allOf": [{"type": "integer", "if": {"minimum": 1}}]},
        },
        "dependentRequired": {"c": ["a/b"]},
        "uniquItems": True,
    }
    assert found(schema) == [
        (WHOLE, "not enforced", "dependentRequired"),
        (WHOLE, "not enforced", "uniquItems"),
        ("/properties/a~1b", "not enforced", "not"),
        ("/properties/c/allOf/0", "not enforced", "if"),
    ]


def test_required_fields_that_can_not_be_null():
    schema = {
        **CLOSED,
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": ["integer", "null"]},
            "c": {"$ref": "#/$defs/c"},
            "d": {"type": "integer"},
            "e": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
        },
        "required": ["a", "b", "c", "e"],
        "$defs": {"c": {**CLOSED, "properties": {"x": {"enum": [1]}}, "required": ["x"]}},
    }
    notes = check_notes(schema)
    assert [note.pointer for note in notes] == [
        "/properties/a",
        "/properties/c",
        "/properties/e",
        "/$defs/c/properties/x",
    ]
    assert {note.kind for note in notes} == {"never null"}
    assert "empty" in notes[2].message
    assert "empty" not in notes[0].message


@pytest.mark.parametrize(
    ("part", "keyword"),
    [
        ({"type": "string"}, "maxLength"),
        ({"type": ["string", "null"], "minLength": 2}, "maxLength"),
        ({"type": "string", "pattern": "^a+$"}, "maxLength"),
        ({"type": "string", "pattern": "^a{2,}$"}, "maxLength"),
        ({"type": "string", "pattern": "aa"}, "maxLength"),
        ({"type": "array", "items": {"type": "integer"}}, "maxItems"),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, "maxItems"),
        ({"type": "object", "properties": {}}, "additionalProperties"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "additionalProperties"),
        ({"title": "anything"}, "type"),
        ({}, "type"),
    ],
)
def test_what_is_unbounded(part: dict[str, Any], keyword: str):
    schema = {**CLOSED, "properties": {"a": part}}
    assert found(schema) == [("/properties/a", "unbounded", keyword)]


def test_the_bundled_task():
    kinds = {(pointer, kind) for pointer, kind, _ in found(load_task("recipe").json_schema)}
    assert ("/properties/title", "never null") in kinds
    assert ("/properties/ingredients/items", "unbounded") in kinds


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "objec"}, "not a valid JSON Schema"),
        ({"$ref": "https://example.com/schema"}, "outside"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}, "required": ["a"]}, "none"),
    ],
)
def test_what_is_no_usable_schema(schema: dict[str, Any], says: str):
    with pytest.raises(SchemaError, match=says):
        check_notes(schema)


def test_every_place_of_a_schema_is_walked():
    inner = {"not": {}}
    schema = {
        "items": [inner],
        "additionalItems": inner,
        "propertyNames": inner,
        "dependencies": {"a": inner, "b": ["c"]},
        "anyOf": [inner],
        "$defs": {"x": {"properties": {"y": inner}}},
    }
    paths = [path for path, part in subschemas(schema) if "not" in part]
    assert paths == [
        "$.items[0]",
        "$.additionalItems",
        "$.propertyNames",
        "$.dependencies.a",
        "$.anyOf[0]",
        "$.$defs.x.properties.y",
    ]


def test_pointers():
    value = {"a/b": [{"~": 1}, []], "": None}
    assert list(leaves(value)) == [("/a~1b/0/~0", 1), ("/", None)]
    assert split_pointer("/a~1b/0/~0") == ["a/b", "0", "~"]
    assert split_pointer("") == []
    assert join("", "a/b") == "/a~1b"
    assert step_into(step_into(value, "a/b"), "0") == {"~": 1}


@pytest.mark.parametrize(
    ("reason", "keyword"),
    [
        ("Unknown format: semver", "format"),
        ("lookarounds not supported yet; WordUnicode in regex /x/", "pattern"),
        ("oneOf constraints are not supported. Enable 'coerce_one_of'", "oneOf"),
        ('Unimplemented keys: ["not"]', "not"),
        ("something else", ""),
    ],
)
def test_the_keyword_behind_a_refusal(reason: str, keyword: str):
    assert refused_keyword(reason) == keyword
