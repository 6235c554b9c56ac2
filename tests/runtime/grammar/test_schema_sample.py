"""Every schema is either enforced exactly, token by token, or refused with its keyword named.

The table below covers the keywords one by one. Real-world schemas are read from the file that
SETACCIO_SCHEMA_SAMPLE names, JSON Lines of ``{"id", "schema", "tests": [{"valid", "data"}]}`` as in
MaskBench; without it that test is skipped. An instance counts as accepted when the way the
constrained model would write it is: keys in the schema's order, whole numbers without a fraction.

Run: SETACCIO_SCHEMA_SAMPLE=sample.jsonl pytest -s tests/runtime/grammar/test_schema_sample.py
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from setaccio.data.errors import SchemaError
from setaccio.data.schema.key_order import order_like
from setaccio.data.schema.keywords import refused_keyword
from setaccio.data.task.task import dump_compact
from setaccio.runtime.grammar.constraint import Grammar, compile_schema
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import encode_text

VARIABLE = "SETACCIO_SCHEMA_SAMPLE"
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
LIST = {
    "type": "object",
    "properties": {
        "v": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/t"}, {"type": "null"}]},
    },
    "required": ["v"],
    "additionalProperties": False,
}


def has(key: str, kind: str = "integer") -> dict[str, Any]:
    return {"type": "object", "properties": {key: {"type": kind}}, "required": [key]}


ENFORCED: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({}, [1, "a", None, {"a": [1]}], []),
    ({"type": "null"}, [None], [0, ""]),
    ({"type": "boolean"}, [True], [0, "true"]),
    ({"type": ["string", "null"], "maxLength": 1}, ["a", None], ["ab", 1]),
    (
        {"type": "string", "minLength": 2, "maxLength": 3},
        ["éé", "🧅🧅", 'a"b', "\n\\"],
        ["a", "🧅"],
    ),
    ({"minLength": 2}, ["ab", 1, None], ["a"]),
    ({"type": "string", "maxLength": 0}, [""], ["a"]),
    ({"type": "string", "pattern": "^a+$"}, ["a", "aaa"], ["", "b", "ab"]),
    ({"type": "string", "pattern": "b"}, ["b", "abc"], ["a", ""]),
    ({"type": "string", "pattern": "a|^b$"}, ["xax", "b"], ["xb"]),
    ({"type": "string", "pattern": "^[^x]*$", "maxLength": 3}, ["ab"], ["axb", "abcd"]),
    ({"type": "string", "format": "date"}, ["2024-02-29"], ["2026-02-30", "2026-13-01", "x"]),
    ({"type": "string", "format": "time"}, ["10:20:30+01:00"], ["25:00:00Z", "10:20"]),
    ({"type": "string", "format": "date-time"}, ["2026-02-28T10:20:30Z"], ["2026-02-28"]),
    ({"type": "string", "format": "email"}, ["a@b.co"], ["a", "a@"]),
    ({"type": "string", "format": "ipv4"}, ["1.2.3.4"], ["300.1.1.1", "1.2.3"]),
    ({"type": "string", "format": "hostname"}, ["a.b-c"], ["-a", "a b"]),
    ({"type": "integer", "minimum": -3, "maximum": 12}, [-3, 0, 12], [-4, 13, 1.5, "1"]),
    ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}, [1, 9], [0, 10]),
    ({"type": "integer", "minimum": 0.5, "maximum": 3.5}, [1, 3], [0, 4]),
    ({"$schema": DRAFT_4, "type": "integer", "minimum": 0, "exclusiveMinimum": True}, [1], [0]),
    ({"type": "number", "minimum": 0.5, "maximum": 2.25}, [0.5, 1, 2.25], [0.4, 2.26, 3]),
    ({"type": "number", "exclusiveMinimum": 0}, [0.1, 1e9], [0, -1]),
    ({"type": "integer", "multipleOf": 5, "minimum": 6}, [10, 20], [5, 7]),
    ({"type": "number", "multipleOf": 0.5}, [0.5, 1, 1.5], [0.3]),
    ({"minimum": 2}, ["ab", 3, None], [1]),
    ({"enum": ["a", 1, None, [1], {"x": 1}]}, ["a", 1, None, [1], {"x": 1}], ["b", 2, [2]]),
    ({"enum": [2.0]}, [2], [3]),
    ({"type": "integer", "enum": [1, 2.5, 3]}, [1, 3], [2.5, 2]),
    ({"enum": ["ab", "abc"], "minLength": 3}, ["abc"], ["ab"]),
    ({"const": {"a": [1, 2]}}, [{"a": [1, 2]}], [{"a": [2, 1]}, {}]),
    (
        {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
        [[1]],
        [[], [1] * 3],
    ),
    ({"type": "array", "maxItems": 0}, [[]], [[1]]),
    ({"items": {"type": "integer"}}, [[1], "x", {"a": 1}], [["a"]]),
    (
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
        [[1], []],
        [["a"], [1, 2]],
    ),
    (
        {"$schema": DRAFT_7, "items": [{"type": "integer"}], "additionalItems": {"type": "string"}},
        [[1], [1, "a"]],
        [[1, 2], ["a"]],
    ),
    (has("b"), [{"b": 1}, {"b": 1, "z": []}], [{"a": 1}, {"b": "x"}, {}]),
    ({"type": "object", "required": ["a"]}, [{"a": 1}, {"a": 1, "c": 1}], [{}, {"c": 1}]),
    ({"required": ["a"]}, [{"a": 1}, "x", 3], [{}]),
    ({"type": "object", "properties": {"a": False, "b": True}}, [{"b": 1}], [{"a": 1}]),
    ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, [{}], [{"b": 1}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "x"}]),
    (
        {"type": "object", "patternProperties": {"^x": {"type": "integer"}}},
        [{"x1": 1}, {"y": "a"}],
        [{"x1": "a"}],
    ),
    (
        {"properties": {"xa": {"type": "integer"}}, "patternProperties": {"^x": {"minimum": 3}}},
        [{"xa": 3}],
        [{"xa": 2}, {"xa": "a"}],
    ),
    (
        {"type": "object", "minProperties": 1, "maxProperties": 1},
        [{"a": 1}],
        [{}, {"a": 1, "b": 2}],
    ),
    ({"anyOf": [{"type": "integer"}, {"maxLength": 1, "type": "string"}]}, [1, "a"], ["ab", None]),
    ({"anyOf": [has("a"), has("b")]}, [{"a": 1}, {"b": 1}], [{}, {"a": "x"}]),
    (
        {
            "type": "object",
            "properties": {"a": {}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        [{"a": 1}, {"b": 1}],
        [{}],
    ),
    ({"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 5}]}, [3, 5], [2, 6]),
    ({"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b"}]}, ["ab", "ba"], ["a", "b"]),
    ({"allOf": [has("a"), has("b", "string")]}, [{"a": 1, "b": "x"}], [{"a": 1}, {"a": 1, "b": 2}]),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, [1, "a"], [None, 1.5]),
    ({"$ref": "#/$defs/t", "$defs": {"t": LIST}}, [{"v": 1, "next": {"v": 2}}], [{"next": None}]),
    ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "minimum": 3}, [3], [2, "a"]),
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"contains": {"const": "a"}}, "contains"),
    ({"dependencies": {"a": ["b"]}}, "dependencies"),
    ({"dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    ({"if": {"type": "string"}, "then": {"minLength": 3}}, "if"),
    ({"not": {"type": "string"}}, "not"),
    ({"oneOf": [{"minimum": 0}, {"minimum": 3}]}, "oneOf"),
    ({"properties": {"a": {}, "b": {}}, "minProperties": 1}, "maxProperties"),
    ({"propertyNames": {"maxLength": 2}}, "propertyNames"),
    ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties"),
    ({"type": "string", "format": "json-pointer"}, "format"),
    ({"type": "string", "pattern": "\\bfoo"}, "pattern"),
    ({"type": "string", "pattern": "(?=a)b"}, "pattern"),
]


def accepts(model: LoadedModel, grammar: Grammar, value: Any) -> bool:
    tokens = encode_text(model, dump_compact(value))
    matcher = grammar.start()
    if matcher.state.validate_tokens(tokens) < len(tokens):
        return False
    matcher.state.consume_tokens(tokens)
    return matcher.may_end


def shortest(value: Any) -> Any:
    """The same value, whole numbers without a fraction: 2.0 is the integer 2 to JSON Schema."""
    if isinstance(value, dict):
        return {key: shortest(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shortest(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def can_be_said(model: LoadedModel, grammar: Grammar, schema: Any, value: Any) -> bool:
    return accepts(model, grammar, shortest(order_like(value, schema)))


@pytest.mark.parametrize(("schema", "valid", "invalid"), ENFORCED, ids=lambda part: None)
def test_keyword_is_enforced(
    model: LoadedModel, schema: dict[str, Any], valid: list[Any], invalid: list[Any]
):
    grammar = compile_schema(model, schema)
    assert [v for v in valid if not can_be_said(model, grammar, schema, v)] == []
    assert [v for v in invalid if can_be_said(model, grammar, schema, v)] == []


@pytest.mark.parametrize(("schema", "keyword"), REFUSED)
def test_keyword_is_refused_by_name(model: LoadedModel, schema: dict[str, Any], keyword: str):
    with pytest.raises(SchemaError) as caught:
        compile_schema(model, {"type": "object", **schema} if "type" not in schema else schema)
    assert keyword in (refused_keyword(str(caught.value)), *_paths(str(caught.value)))


def _paths(message: str) -> list[str]:
    """Keywords that the message names with their paths, such as ``$.allOf[1].not``."""
    return [part.strip(",.:").rpartition(".")[2] for part in message.split() if part[:1] == "$"]


def test_real_world_schemas(model: LoadedModel, capsys: pytest.CaptureFixture[str]):
    name = os.environ.get(VARIABLE)
    if not name:
        pytest.skip(f"{VARIABLE} names no sample")
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with Path(name).open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            _judge(model, row, counts, wrong)
    with capsys.disabled():
        sys.stdout.write(f"\n{dict(sorted(counts.items()))}\n")
    assert wrong == []
    assert counts["compiled"] > counts["refused"] > 0
    assert counts["valid accepted"] > 0
    assert counts["invalid rejected"] > 0


def _judge(model: LoadedModel, row: Any, counts: Counter[str], wrong: list[str]) -> None:
    try:
        grammar = compile_schema(model, row["schema"])
    except SchemaError as error:
        counts["refused"] += 1
        named = refused_keyword(str(error)) or next(iter(_paths(str(error))), "")
        counts[f"refused for {named or 'nothing named'}"] += 1
        if not named:
            wrong.append(f"{row['id']}: refused without a keyword: {error}")
        return
    counts["compiled"] += 1
    for test in row["tests"]:
        said = can_be_said(model, grammar, row["schema"], test["data"])
        counts[
            f"{'valid' if test['valid'] else 'invalid'} {'accepted' if said else 'rejected'}"
        ] += 1
        if said != test["valid"]:
            wrong.append(f"{row['id']}: {'valid' if test['valid'] else 'invalid'} instance")
