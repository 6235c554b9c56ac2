"""OpenAPI's nullable means the same as a type null.

Run: pytest tests/data/schema/test_nullable.py
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.schema.dialects import without_nullable
from setaccio.data.schema.notes import check_notes
from setaccio.data.task.task import Task
from setaccio.runtime.grammar.constraint import check_enforceable

DEFINED = {"$defs": {"n": {"type": "number"}}}
PARTS: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": "number", "minimum": 3}, 4, 2),
    ({"type": ["number", "string"]}, "x", True),
    ({"type": "string", "enum": ["a", "b"]}, "a", "c"),
    ({"const": 5}, 5, 6),
    ({"$ref": "#/$defs/n", "description": "a number"}, 1.5, "x"),
    ({"allOf": [{"$ref": "#/$defs/n"}]}, 1.5, "x"),
    ({"anyOf": [{"$ref": "#/$defs/n"}, {"type": "boolean"}]}, True, "x"),
    ({"oneOf": [{"type": "boolean"}, {"type": "string"}]}, True, 1),
    ({"type": "object", "properties": {"nullable": {"type": "boolean"}}}, {"nullable": True}, 1),
]


@pytest.mark.parametrize(("part", "good", "bad"), PARTS)
@pytest.mark.parametrize("nullable", [True, False])
def test_null_is_allowed_where_it_says_so(
    part: dict[str, Any], good: Any, bad: Any, nullable: bool
):
    schema = {
        "type": "object",
        "properties": {"v": {**part, "nullable": nullable}},
        "required": ["v"],
        **DEFINED,
    }
    task = Task(name="a", instruction="b", schema=schema)
    assert task.problems({"v": good}) == []
    assert task.problems({"v": bad}) != []
    assert (task.problems({"v": None}) == []) == nullable
    assert schema["properties"]["v"]["nullable"] == nullable  # the caller's own stays as it was
    check_enforceable(task.json_schema)
    notes = {note.kind: note for note in check_notes(schema)}
    assert notes["read as"].pointer == "/properties/v"
    assert ("never null" in notes) != nullable


@given(st.sampled_from(PARTS), st.booleans())
def test_what_does_not_speak_of_it_stays_as_it_is(part: tuple[Any, Any, Any], inside: bool):
    schema = {"items": part[0], **DEFINED} if inside else {**part[0], **DEFINED}
    assert without_nullable(schema) is schema


def test_the_prompt_says_it_and_a_task_is_read_back():
    schema = {"type": "object", "properties": {"v": {"type": "integer", "nullable": True}}}
    task = Task(name="a", instruction="b", schema=schema)
    again = Task.from_metadata(task.to_metadata())
    assert again.digest == task.digest
    assert '["integer","null"]' in task.messages("x")[0]["content"]
    assert "nullable" not in task.to_metadata()
