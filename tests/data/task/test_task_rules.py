"""Rules for merging travel with the task, and a task without any stays what it was.

Run: pytest tests/data/task/test_task_rules.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from setaccio.data import MergeRule, Task, load_task
from setaccio.data.errors import TaskError
from setaccio.data.schema.key_order import schemas_at

TASK = """
name: orders
instruction: Extract the orders.
schema:
  type: object
  properties:
    buyer: { $ref: "#/$defs/person" }
    orders:
      type: [array, "null"]
      items: { type: object, properties: { nr: { type: integer }, by: { $ref: "#/$defs/person" } } }
  $defs:
    person:
      anyOf: [ { type: "null" }, { type: object, properties: { name: { type: string } } } ]
merge:
  buyer.name: { method: last }
  orders: { method: key, key: nr }
  orders.by.name: { method: first }
"""


def test_rules_are_read_and_travel_in_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(TASK)
    task = load_task(path)
    assert task.merge["orders"] == MergeRule(method="key", key="nr")
    again = Task.from_metadata(task.to_metadata())
    assert (again, again.digest) == (task, task.digest)
    assert task.model_copy(update={"merge": {}}).digest != task.digest


def test_a_task_without_rules_keeps_its_digest(recipe: Task) -> None:
    assert "merge" not in recipe.to_metadata()


def test_a_rule_for_an_unknown_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(TASK.replace("orders.by.name", "orders.by.nme"))
    with pytest.raises(TaskError, match=r"task\.yaml.*orders\.by\.nme: the schema has no such"):
        load_task(path)


def test_schemas_of_lists_that_are_nested_without_end() -> None:
    endless: dict[str, Any] = {"type": "array", "items": {"$ref": "#"}}
    assert schemas_at(endless, "a") == []
    lists = {"type": "array", "items": {"type": "array", "items": {"properties": {"a": {}}}}}
    assert schemas_at(lists, "a") == [{}]
