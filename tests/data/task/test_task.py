"""Run with: pytest tests/data/task/test_task.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from setaccio.data import Task, load_task
from setaccio.data.errors import SchemaError, TaskError
from setaccio.data.schema.key_order import order_like

SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}


def test_bundled_recipe_task_has_the_reference_fields() -> None:
    assert load_task("recipe").fields == ("title", "ingredients", "directions")


def test_gold_is_written_compact_in_schema_order_with_characters_as_themselves() -> None:
    task = Task.from_schema(SCHEMA)
    assert task.render_gold({"a": 1, "z": None, "b": "½ é"}) == '{"b":"½ é","a":1,"z":null}'


def test_order_like_reaches_into_lists_of_objects() -> None:
    schema = {"properties": {"rows": {"items": {"properties": {"x": {}, "y": {}}}}}}
    ordered = order_like({"rows": [{"y": 1, "x": 2}]}, schema)
    assert list(ordered["rows"][0]) == ["x", "y"]


def test_metadata_round_trip_keeps_the_digest() -> None:
    task = load_task("recipe")
    again = Task.from_metadata(task.to_metadata())
    assert again == task
    assert again.digest == task.digest


def test_another_instruction_is_another_task() -> None:
    task = load_task("recipe")
    other = task.model_copy(update={"instruction": "Do something else."})
    assert other.digest != task.digest


def test_the_schema_stands_in_the_prompt_unless_the_task_leaves_it_out() -> None:
    shown = load_task("recipe").model_copy(update={"schema_in_prompt": True})
    hidden = shown.model_copy(update={"schema_in_prompt": False})
    assert shown.messages("x")[0]["content"].startswith(f"{shown.instruction}\n{{")
    assert hidden.messages("x")[0]["content"] == hidden.instruction
    assert hidden.digest != shown.digest
    assert Task.from_metadata(hidden.to_metadata()) == hidden
    assert "schema_in_prompt" not in shown.to_metadata()  # as before the option existed
    assert hidden.showing_schema() == shown == shown.showing_schema()


def test_problems_name_path_and_formats() -> None:
    task = Task.from_schema(
        {"type": "object", "properties": {"day": {"type": "string", "format": "date"}}}
    )
    assert task.problems({"day": "2026-02-28"}) == []
    assert task.problems({"day": "2026-02-30"})[0].startswith("$.day")


def test_few_shot_examples_become_turns() -> None:
    task = Task.model_validate(
        {
            "name": "t",
            "instruction": "Extract.",
            "schema": SCHEMA,
            "examples": [{"text": "seven", "gold": {"a": 7}}],
        }
    )
    roles = [m["role"] for m in task.messages("eight")]
    assert roles == ["system", "user", "assistant", "user"]
    assert task.messages("eight")[2]["content"] == '{"a":7}'


def test_task_from_a_pydantic_class() -> None:
    class Contact(BaseModel):
        name: str
        age: int | None = None

    task = Task.from_pydantic(Contact)
    assert task.name == "contact"
    assert task.fields == ("name", "age")


@pytest.mark.parametrize("name", ["task.yaml", "task.json"])
def test_a_bare_schema_file_becomes_a_task(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(json.dumps({"title": "My Note", **SCHEMA}))
    assert load_task(path).name == "My-Note"
    path.write_text(json.dumps({"title": "Größe", **SCHEMA}))
    assert load_task(path).name == "Gr--e"


def test_a_folder_holds_task_yaml(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(json.dumps({"instruction": "x", "schema": SCHEMA}))
    with pytest.raises(TaskError, match="name: Field required"):
        load_task(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a: [", "not YAML"),
        (b"- 1", "a task is a mapping"),
        (b'{"name": "t", "instruction": "i", "schema": {"type": 3}}', "not a valid JSON Schema"),
        (b'{"name": "t", "instruction": "i", "schema": {}, "extra": 1}', "extra"),
    ],
)
def test_broken_task_files_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(TaskError, match=said) as caught:
        load_task(path)
    assert "broken.yaml" in str(caught.value) or "schema" in str(caught.value)


def test_a_missing_task_lists_the_bundled_ones() -> None:
    with pytest.raises(TaskError, match=r"bundled: .*recipe"):
        load_task("nowhere.yaml")


def test_every_unenforced_keyword_is_named_with_its_path() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"not": {}}, "uniqueItems": True}},
        "if": {},
    }
    with pytest.raises(SchemaError) as caught:
        Task.from_schema(schema)
    for path in ("$.properties.a.items.not", "$.properties.a.uniqueItems", "$.if"):
        assert path in str(caught.value)


def test_a_reference_to_elsewhere_is_refused_before_anything_is_fetched() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "http://localhost:9/s.json"}}}
    with pytest.raises(SchemaError, match=r"\$\.properties\.a\.\$ref points outside"):
        Task.from_schema(schema)


def test_a_property_named_like_a_keyword_is_no_keyword() -> None:
    schema = {"type": "object", "properties": {"not": {"type": "string"}}}
    assert Task.from_schema(schema).fields == ("not",)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}},
            r"\$\.properties\.a\.\$ref \(to #/\$defs/x\) leads to no schema",
        ),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#"}}}, "leads to no schema"),
        ({"allOf": [{"$ref": "#/allOf/one"}]}, "leads to no schema"),
        ({"items": {"$ref": "#anchor"}}, r"\$\.items\.\$ref"),
    ],
)
def test_a_reference_to_nothing_is_named(schema: dict, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        Task.from_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"kids": {"items": {"$ref": "#"}}}},
        {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"k": {"$ref": "#/$defs/n"}}}}},
        {"properties": {"a": {"$ref": "#here"}}, "$defs": {"x": {"$anchor": "here"}}},
        {"$id": "https://example.com/s", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": True}},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "items": {"$ref": "#/definitions/x"},
            "definitions": {"x": {}},
        },
    ],
)
def test_references_that_lead_somewhere_are_fine(schema: dict) -> None:
    assert Task.from_schema(schema).json_schema == schema


def test_half_a_surrogate_pair_in_a_task_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(
        r'{"name": "t", "instruction": "i", "schema": {"enum": ["\ud800"]}}', encoding="utf-8"
    )
    with pytest.raises(TaskError, match=r"odd\.json: holds half of a surrogate pair"):
        load_task(path)
