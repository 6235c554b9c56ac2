"""Task and schema files mean what is written in them, as JSON and as YAML.

Run: pytest tests/data/task/test_task_file.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from setaccio.data.errors import SchemaError, TaskError
from setaccio.data.task.task import Task, load_schema, load_task
from setaccio.data.task.task_file import read_task_file


def read(folder: Path, text: str, name: str) -> Any:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_task_file(path)


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a"])
def test_json_is_read_as_json_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    long = "k" * 3000
    value = {"a": "🍳", "b": [1e6, 100.0, 1e-9, 1.0], "c": "\t/", long: {"no": None, "1": True}}
    text = json.dumps(value, indent="\t").replace("100.0", "1E2").replace("1e-09", "1e-9")
    assert r"\ud83c\udf73" in text
    found = read(tmp_path, "\ufeff" + text, name)
    assert found == value
    assert [type(each) for each in found["b"]] == [float] * 4


def test_yaml_has_the_types_of_json_and_no_others(tmp_path: Path) -> None:
    text = """
        const: 2020-01-01
        maximum: 1e6
        numbers: [12, -3, +4, 010, 0x1F, 0o17, 1.5, .5, 1E-2]
        texts: [yes, no, on, 1:30, 1_000, "1", '~', 12e]
        others: [true, False, null, ~]
        on: {1: x, no: y, null: z}
    """
    assert read(tmp_path, text, "a.yaml") == {
        "const": "2020-01-01",
        "maximum": 1e6,
        "numbers": [12, -3, 4, 10, 31, 15, 1.5, 0.5, 0.01],
        "texts": ["yes", "no", "on", "1:30", "1_000", "1", "~", "12e"],
        "others": [True, False, None, None],
        "on": {"1": "x", "no": "y", "null": "z"},
    }


def test_anchors_and_merge_keys_of_yaml(tmp_path: Path) -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y\n  <<: *x\n  a: 3\nz:\n  <<: *y\n  b: 4\n"
    found = read(tmp_path, text, "a.yaml")
    assert found["y"] == {"a": 3, "b": 2}
    assert found["z"] == {"a": 3, "b": 4}
    both = "one: &one {key: 1}\ntwo: &two {key: 2, rest: 2}\n"
    assert read(tmp_path, f"{both}x:\n  <<: [*one, *two]\n", "a.yaml")["x"] == {"key": 1, "rest": 2}
    assert read(tmp_path, "x: &x\n  <<: *x\n  a: 1\n", "a.yaml") == {"x": {"a": 1}}
    with pytest.raises(TaskError, match="only mappings can be merged"):
        read(tmp_path, "x:\n  <<: [1]\n", "a.yaml")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "", r"not JSON \(Expecting value at character 1\)"),
        ("a.json", '{\n "a": 1\n "b": 2}', "Expecting ',' delimiter at line 3, column 2"),
        ("a.json", "type: object", r"not JSON .* name a file of YAML \.yaml"),
        ("a.json", '{"a": {"b": 1, "b": 2}}', 'the key "b" stands twice'),
        ("a.json", '{"minimum": NaN}', "NaN is no JSON number"),
        ("a.json", '{"minimum": 1e999}', "1e999 is no JSON number"),
        ("a.json", f'{{"minimum": {"9" * 5000}}}', "5000 characters.* more than 4300 digits"),
        ("a.json", r'{"a\ud800": 1}', "half of a surrogate pair"),
        ("a.json", '{"a":' * 150 + "1" + "}" * 150, "nested more than 100 levels"),
        ("a.json", "[" * 100_000, "nested more than 100 levels"),
        ("a.yaml", "a:\n  b: 1\n  b: 2", "the key 'b' stands twice .* line 3"),
        ("a.yaml", "minimum: .nan", "nan is no JSON number"),
        ("a.yaml", "minimum: -.inf", "-inf is no JSON number"),
        ("a.yaml", "a: !!timestamp 2020-01-01", "could not determine a constructor"),
        ("a.yaml", '{"minimum": NaN}', "NaN is no JSON number"),
        ("a.yaml", "a: !!map b", "is no mapping"),
        ("a.yaml", "a: !!bool b", "is neither true nor false"),
        ("a.yaml", "a: !!int b", "invalid literal"),
        ("a.yaml", "? [a]\n: 1", "a key is no text"),
        ("a.yaml", "a: [", "not YAML or JSON"),
        ("a.yaml", "a: &a [*a]", "nested more than 100 levels"),
        ("a.yaml", "[" * 5000, "nested more than 100 levels"),
    ],
)
def test_what_no_json_file_can_hold_is_named_in_one_line(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(TaskError, match=said) as caught:
        read(tmp_path, text, name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("levels", [60, 100, 3000])
def test_a_schema_that_is_nested_too_deeply_is_refused(levels: int) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(SchemaError, match="schema: nested more than 100 levels deep"):
        Task.from_schema(schema)


def test_a_schema_as_deep_as_allowed_can_be_used() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(99):
        schema = {"type": "array", "items": schema}
    assert Task.from_schema(schema).problems([]) == []


def test_what_is_meant_as_a_schema_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    for schema in ({}, {"enum": [1]}, {"title": "x"}):
        path.write_text(json.dumps(schema))
        assert load_task(path, as_schema=True).json_schema == schema
        assert load_schema(path) == schema
    for text in ("true", "[]", "null", '"recipe"'):
        path.write_text(text)
        for load in (load_schema, lambda file: load_task(file, as_schema=True)):
            with pytest.raises(SchemaError, match=r"s\.json: holds no JSON Schema"):
                load(path)
    with pytest.raises(TaskError, match=r"or give a JSON Schema"):
        load_task(path)


def test_a_task_file_where_a_schema_is_meant_stays_a_task(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("name: t\ninstruction: Extract.\nschema: {type: object}\n")
    assert load_task(path, as_schema=True).instruction == "Extract."
    assert load_schema(path) == {"type": "object"}
    assert load_schema("recipe") == load_task("recipe").json_schema
