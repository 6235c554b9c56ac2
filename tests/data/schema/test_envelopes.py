"""Schemas in envelopes, and what is given as a schema and says nothing.

Run: pytest tests/data/schema/test_envelopes.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.errors import SchemaError, TaskError
from setaccio.data.schema.envelopes import read_given, says_something, unwrap
from setaccio.data.schema.keywords import KNOWN, nearest
from setaccio.data.schema.notes import check_notes
from setaccio.data.schema.validation.validators import make_validator
from setaccio.data.task.task import Task, load_task

INNER = {"type": "object", "properties": {"guest": {"type": "string"}}, "required": ["guest"]}
ENVELOPES: list[tuple[dict[str, Any], str]] = [
    ({"name": "stay", "strict": True, "schema": INNER}, "$.schema"),
    ({"type": "json_schema", "name": "stay", "schema": INNER, "strict": False}, "$.schema"),
    (
        {"type": "json_schema", "json_schema": {"name": "s", "schema": INNER}},
        "$.json_schema.schema",
    ),
    (
        {"model": "m", "response_format": {"type": "json_object", "schema": INNER}},
        "$.response_format.schema",
    ),
    ({"model": "m", "prompt": "p", "format": INNER, "options": {"seed": 1}}, "$.format"),
    ({"text": {"format": {"type": "json_schema", "schema": INNER}}}, "$.text.format.schema"),
    ({"name": "book", "description": "d", "input_schema": INNER}, "$.input_schema"),
    ({"name": "book", "title": "Book", "inputSchema": INNER, "annotations": {}}, "$.inputSchema"),
    ({"name": "book", "parameters": INNER}, "$.parameters"),
    (
        {"tools": [{"type": "function", "function": {"name": "b", "parameters": INNER}}]},
        "$.tools[0].function.parameters",
    ),
    (
        {"contents": [], "generationConfig": {"responseSchema": INNER}},
        "$.generationConfig.responseSchema",
    ),
    ({"toolSpec": {"name": "b", "inputSchema": {"json": INNER}}}, "$.toolSpec.inputSchema.json"),
    ({"extra_body": {"guided_json": INNER}}, "$.extra_body.guided_json"),
    ({"format": "json", "schema": INNER}, "$.schema"),
]


@pytest.mark.parametrize(("envelope", "path"), ENVELOPES)
def test_a_schema_is_taken_from_its_envelope_and_that_is_said(envelope, path, tmp_path: Path):
    assert unwrap(envelope) == (INNER, path)
    (tmp_path / "given.json").write_text(json.dumps(envelope))
    task = load_task(tmp_path / "given.json", as_schema=True)
    assert task.json_schema == INNER and task.fields == ("guest",)
    assert [path in note for note in task.notes] == [True]
    assert Task.from_metadata(task.to_metadata()).notes == ()
    kinds = [(note.kind, note.pointer) for note in check_notes(envelope)]
    assert (
        kinds[0] == ("read as", "(whole schema)") and ("never null", "/properties/guest") in kinds
    )


def test_a_task_file_may_hold_an_envelope_and_is_still_a_task(tmp_path: Path):
    file = tmp_path / "task.yaml"
    envelope = {"name": "stay", "strict": True, "schema": INNER}
    file.write_text(json.dumps({"name": "n", "instruction": "Do.", "schema": envelope}))
    assert load_task(file).json_schema == INNER
    file.write_text(json.dumps({"name": "n", "schema": INNER}))  # its instruction was forgotten
    with pytest.raises(TaskError, match="instruction: Field required"):
        load_task(file)


@pytest.mark.parametrize(
    "schema",
    [
        INNER,
        {"enum": ["a", "b"]},
        {"type": "object", "properties": {"schema": INNER, "format": {"type": "string"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": INNER}},
        {"oneOf": [INNER, {"type": "null"}], "discriminator": {"propertyName": "guest"}},
        {"type": "object", "x-order": 1, "example": {"guest": "Ann"}},
    ],
)
def test_a_schema_is_left_as_it_is(schema):
    assert read_given(schema) == (schema, ())


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"guest": {"type": "string"}, "nights": {"type": "integer"}}, r'\{"guest": \.\.\.\}'),
        ({"guest": {"type": "string"}, "items": {"type": "array"}}, "If these are fields"),
        ({"title": {"type": "string"}, "price": {"type": "number"}}, "price is no keyword"),
        ({"guest": "Ann", "nights": 3}, "example of an answer"),
        ({"guest": "Ann", "items": 2}, "example of an answer"),
        ({"Type": "object", "Required": ["a"]}, "For Type, write type"),
        ({"propertes": {"a": {"type": "string"}}, "requird": ["a"]}, "propertes, requird are no"),
        ({"openapi": "3.1", "components": {"schemas": {"A": INNER}}}, "are no keywords"),
        ({"anyOf": [{"typ": "string"}, {"type": "null"}]}, "anyOf.0..typ is no keyword"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"prperties": {}}}}, r"\$defs.a.prperties is no"),
        ({"name": "n", "inputSchema": INNER, "outputSchema": INNER}, "holds several schemas"),
    ],
)
def test_what_says_nothing_is_refused_with_a_way_out(given_, said, tmp_path: Path):
    with pytest.raises(SchemaError, match=said):
        Task.from_schema(given_)
    with pytest.raises(SchemaError, match=said):
        check_notes(given_)
    (tmp_path / "s.json").write_text(json.dumps(given_))
    with pytest.raises(SchemaError, match=r"s\.json: "):
        load_task(tmp_path / "s.json", as_schema=True)


@pytest.mark.parametrize(
    "schema", [{}, {"title": "Anything"}, {"anyOf": [{}, INNER]}, {"properties": {"a": {}}}]
)
def test_that_anything_fits_may_be_said_on_purpose(schema):
    assert read_given(schema).notes == (
        "The schema says nothing about the answer, so any JSON fits.",
    )


def test_unknown_keywords_are_said_at_every_use():
    schema = {
        "type": "object",
        "propertes": {"a": {"type": "string"}},
        "properties": {"b": {"type": "string", "maxlength": 3, "x-mine": 1, "widget": "area"}},
    }
    (note,) = Task.from_schema(schema).notes
    assert "$.propertes (did you mean properties?)" in note
    assert "$.properties.b.maxlength (did you mean maxLength?), $.properties.b.widget," in note
    assert "x-mine" not in note
    assert Task.from_metadata(Task.from_schema(schema).to_metadata()).notes == (note,)


@given(st.sampled_from(sorted(KNOWN)), st.data())
def test_a_keyword_with_one_slip_is_recognised(keyword, data):
    if len(keyword) < 6:
        return
    at = data.draw(st.integers(1, len(keyword) - 1))
    slip = data.draw(st.sampled_from([keyword[:at] + keyword[at + 1 :], keyword.upper()]))
    if slip not in KNOWN:
        assert nearest(slip)


ALL_TYPES = ["null", "object", "array", "string", "number", "boolean"]
SIMPLE = st.sampled_from(
    [
        {},
        {"type": "string"},
        {"type": ALL_TYPES},
        {"title": "t"},
        {"minimum": 3},
        {"enum": [1]},
        {"required": ["a"]},
        {"format": "date"},
    ]
)
SCHEMAS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"allOf": parts}),
        inner.map(lambda part: {"items": part}),
        inner.map(lambda part: {"properties": {"a": part}}),
        inner.map(lambda part: {"additionalProperties": part}),
    ),
    max_leaves=6,
)
VALUES: list[Any] = [
    None,
    True,
    1,
    2.5,
    9,
    "x",
    [],
    {},
    [[]],
    ["x"],
    {"a": 1},
    {"a": {}},
    {"b": {}},
]


@given(SCHEMAS)
def test_where_a_schema_is_called_silent_everything_fits(schema):
    if not says_something(schema):
        judge = make_validator(schema)
        inside = [{"a": value} for value in VALUES] + [[value] for value in VALUES]
        assert all(judge.is_valid(value) for value in [*VALUES, *inside])
