"""Limits of patterns, depth and references are found in the schema, not in the first document.

Run: pytest tests/data/schema/grammar/test_limits.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from setaccio.data.errors import SchemaError, TaskError
from setaccio.data.files.json_text import MAX_DEPTH
from setaccio.data.schema.check import MOST_QUOTED, check_schema, check_validity
from setaccio.data.schema.grammar.pattern_limits import TOO_MANY_STATES, explosion
from setaccio.data.schema.recursion import MOST_LED, endless_parts, least_depth, long_chain
from setaccio.data.schema.unenforceable import refusals
from setaccio.data.schema.validation.patterns import MOST_NESTED, compile_pattern
from setaccio.data.task.task import Task, load_task
from setaccio.runtime.grammar.constraint import check_enforceable

EXPLODING = [
    "^(([0-9a-f]{1,40}){1,40}){1,40}$",
    "^((([a-z ]{1,20}){1,10}){1,20})$",
    "^(([a-z]{1,20}){1,50}){1,5}$",
    "^(([^,]{1,60}){1,20},){1,20}$",
    r"^(\S{1,80}\s?){1,80}$",
]
FINE = [
    r"^\d{4}-\d{2}-\d{2}$",
    "^[a-z]{1,5000}$",
    "^(a|ab|abc)+$",
    r"^([A-Z][a-z]{1,30} ?){1,6}$",
    r"^(\d{1,3}\.){3}\d{1,3}$",
    r"^\p{L}{1,80}( \p{L}{1,80})*$",
    r"^.*(red|green|blue).{0,300}$",
    "",
]


def under(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize("pattern", EXPLODING)
def test_a_pattern_that_explodes_is_named_before_any_document(pattern):
    fields = {"note": {"type": "string"}, "code": {"type": "string", "pattern": pattern}}
    (refusal,) = refusals(under(**fields))
    assert (refusal.path, refusal.reason) == ("$.properties.code.pattern", TOO_MANY_STATES)
    with pytest.raises(SchemaError, match=r"\$\.properties\.code\.pattern \(repetitions"):
        check_enforceable(under(**fields))


def test_so_is_one_for_names_and_one_beside_other_faults():
    schema = under(
        a={"type": "object", "patternProperties": {EXPLODING[0]: {"type": "null"}}},
        b={"type": "string", "pattern": "(?=x)"},
        c={"type": "string", "pattern": EXPLODING[1], "maxLength": 5000},
    )
    assert [refusal.path for refusal in refusals(schema)] == [
        "$.properties.a.patternProperties",
        "$.properties.b.pattern",
        "$.properties.c.pattern",
    ]


@pytest.mark.parametrize("pattern", FINE)
def test_patterns_in_use_are_not_refused(pattern):
    assert explosion({"pattern": pattern}) == ""
    check_enforceable(under(a={"type": "string", "pattern": pattern, "maxLength": 6000}))


@pytest.mark.parametrize("depth", [MOST_NESTED + 1, 300, 900, 30_000])
def test_groups_that_are_nested_too_deeply_are_said_shortly(depth):
    schema = under(a={"type": "string", "pattern": f"^{'(?:' * depth}x{')' * depth}$"})
    with pytest.raises(SchemaError, match=r"a\.pattern: .* nested more than 100 deep") as caught:
        check_validity(schema)
    assert len(str(caught.value)) < 2 * MOST_QUOTED


def test_groups_side_by_side_and_brackets_in_classes_are_not_nested():
    compile_pattern("(a)" * 500)
    compile_pattern("[(]" * 500 + r"\(" * 500)
    compile_pattern("(" * MOST_NESTED + "x" + ")" * MOST_NESTED)


def nested(count: int, *, definitions: bool) -> dict[str, Any]:
    if definitions:
        parts = {f"d{n}": under(k={"$ref": f"#/$defs/d{n + 1}"}) for n in range(count - 1)}
        return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{count - 1}": under()}}
    schema = under()
    for _ in range(count - 1):
        schema = under(k=schema)
    return schema


def test_a_schema_that_is_too_deep_is_not_called_anything_else(tmp_path: Path):
    (tmp_path / "s.json").write_text(json.dumps(nested(70, definitions=False)))
    with pytest.raises(TaskError) as caught:
        load_task(tmp_path / "s.json", as_schema=True)
    assert "s.json: nested more than 100 levels deep" in str(caught.value)
    assert "not JSON" not in str(caught.value)
    check_enforceable(nested(49, definitions=False))


def test_answers_that_would_be_too_deep_are_refused():
    check_schema(nested(MAX_DEPTH, definitions=True))
    for count in (MAX_DEPTH + 1, 700):
        with pytest.raises(SchemaError, match="every value that fits it is nested more than"):
            check_schema(nested(count, definitions=True))
    optional = nested(300, definitions=True)
    optional["$defs"]["d90"]["required"] = []
    check_schema(optional)


@pytest.mark.parametrize("link", ["$ref", "allOf", "anyOf"])
def test_references_that_lead_on_and_on_are_refused(link):
    def chain(count: int) -> dict[str, Any]:
        parts: dict[str, Any] = {f"d{count}": {"type": "null"}}
        for number in range(count):
            target = {"$ref": f"#/$defs/d{number + 1}"}
            parts[f"d{number}"] = target if link == "$ref" else {link: [target, {"title": "t"}]}
        return {"$ref": "#/$defs/d0", "$defs": parts}

    check_validity(chain(MOST_LED // 2 - 2))
    for count in (MOST_LED + 1, 2000):
        with pytest.raises(SchemaError, match=r"from \$ more than 60 references"):
            check_validity(chain(count))


def test_a_circle_of_references_is_no_long_chain():
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
    loop = {"anyOf": [{"type": "null"}, {"$ref": "#"}]}
    for schema in (tree, loop):
        root: dict[str, Any] = schema
        assert long_chain(root, lambda _, root=root: root) == ""
        Task.from_schema(schema)


def test_the_flattest_value_counts():
    node: dict[str, Any] = under(next={"anyOf": [{"$ref": "#"}, {"type": "array"}]})
    assert least_depth(node, lambda _: node) == 2
    endless: dict[str, Any] = under(next={"$ref": "#"})
    assert endless_parts(endless, lambda _: endless) == ["$", "$.properties.next"]
    assert least_depth({"enum": [[[1]]]}, lambda _: True) == 0
