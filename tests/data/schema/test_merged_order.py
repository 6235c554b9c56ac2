"""Training, grammar and normalisation agree on the order of keys, however objects are merged.

The grammar is llguidance's own, compiled from generated schemas: an object that fits, its keys put
into order, must be one that the grammar takes, and one that does not fit must not.

Run: pytest tests/data/schema/test_merged_order.py
"""

from __future__ import annotations

import json
from typing import Any

import llguidance
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data.errors import SchemaError
from setaccio.data.schema.dialects import without_siblings
from setaccio.data.schema.grammar.exact_grammar import COMPACT_JSON
from setaccio.data.task.task import Task

TOKENIZER = llguidance.LLTokenizer("byte")
KEYS = st.sampled_from(["a", "b", "c", "d"])
LEAVES = st.sampled_from([{}, {"type": "integer"}, {"type": "string"}, {"const": {"b": 1, "a": 2}}])
REFERENCES = st.sampled_from([{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}, {"$ref": "#/$defs/z"}])
DRAFTS = [
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2020-12/schema",
]


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of objects whose keywords stand in any order."""
    keywords = {
        "type": st.just("object"),
        "properties": st.dictionaries(KEYS, inner, min_size=1, max_size=3),
        "required": st.lists(KEYS, min_size=1, max_size=2, unique=True),
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "$ref": REFERENCES.map(lambda part: part["$ref"]),
        "additionalProperties": st.one_of(st.booleans(), inner),
    }
    return st.lists(st.sampled_from(list(keywords)), min_size=1, max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: keywords[name] for name in names})
    )


PARTS = st.recursive(st.one_of(LEAVES, REFERENCES), objects, max_leaves=6)
VALUES = st.recursive(
    st.sampled_from([1, "x", {"a": 2, "b": 1}]),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


def object_of(*keys: str) -> dict[str, Any]:
    return {"type": "object", "properties": {key: {} for key in keys}}


def says(schema: dict[str, Any], text: str) -> bool | None:
    """Whether the grammar takes a text; None where the schema is refused."""
    compiled = json.dumps({**without_siblings(schema), "x-guidance": COMPACT_JSON})
    matcher = llguidance.LLMatcher(
        TOKENIZER, llguidance.LLMatcher.grammar_from_json_schema(compiled), log_level=0
    )
    if matcher.is_error():
        return None
    tokens = TOKENIZER.tokenize_str(text)
    if matcher.validate_tokens(tokens) < len(tokens):
        return False
    matcher.consume_tokens(tokens)
    return bool(matcher.is_accepting())


@settings(deadline=None, max_examples=400)
@given(objects(PARTS), st.lists(VALUES, min_size=1, max_size=5), st.sampled_from(DRAFTS))
def test_generated_schemas(part: dict[str, Any], values: list[Any], draft: str):
    schema = {
        **part,
        "$schema": draft,
        "$defs": {
            "x": object_of("c", "a"),
            "y": {**object_of("b"), "required": ["d"]},
            "z": {"required": ["c"], "allOf": [object_of("d", "b")], "properties": {"a": {}}},
        },
    }
    try:
        task = Task(name="a", instruction="b", schema=schema)
    except SchemaError:
        return
    for value in values:
        said = says(schema, task.render_gold(value))
        if said is None:  # such as a reference to itself with keywords beside it
            return
        assert said == (not task.problems(value)), (schema, task.render_gold(value))


BEHIND = {"allOf": [{"$ref": "#/$defs/x"}], "properties": {"b": {}, "a": {"type": "integer"}}}
BEFORE = {"properties": {"b": {}, "a": {"type": "integer"}}, "allOf": [{"$ref": "#/$defs/x"}]}


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (BEHIND, '{"c":1,"a":2,"b":3}'),
        (BEFORE, '{"b":3,"a":2,"c":1}'),
        ({"$ref": "#/$defs/x", "properties": {"b": {}}}, '{"c":1,"a":2,"b":3}'),
        ({"properties": {"b": {}}, "$ref": "#/$defs/x"}, '{"b":3,"c":1,"a":2}'),
        (
            {"$schema": DRAFTS[0], "properties": {"b": {}}, "$ref": "#/$defs/x"},
            '{"c":1,"a":2,"b":3}',
        ),
        ({"required": ["b"], "anyOf": [{"required": ["a"]}]}, '{"b":3,"a":2,"c":1}'),
        (
            {"anyOf": [{"title": "x"}, {"$ref": "#/$defs/x"}], "properties": {"a": {}}},
            '{"a":2,"b":3,"c":1}',
        ),
    ],
)
def test_where_the_keyword_stands(part: dict[str, Any], written: str):
    schema = {**part, "$defs": {"x": object_of("c", "a")}}
    task = Task(name="a", instruction="b", schema=schema)
    value = {"a": 2, "b": 3, "c": 1}
    assert task.problems(value) == []
    assert task.render_gold(value) == written
    assert says(schema, written)


def test_what_a_draft_ignores_beside_a_reference():
    schema = {
        "$schema": DRAFTS[0],
        "properties": {
            "n": {"$ref": "#/definitions/n", "maximum": 3, "description": "kept"},
            "m": {"$ref": "#/properties/n/maximum"},
        },
        "definitions": {"n": {"type": "integer"}},
    }
    reduced = without_siblings(schema)
    assert reduced["properties"]["n"] == schema["properties"]["n"]  # something leads there
    del schema["properties"]["m"]
    assert without_siblings(schema)["properties"]["n"] == {
        "$ref": "#/definitions/n",
        "description": "kept",
    }
    assert says(schema, '{"n":4}')
    newer = {**schema, "$schema": DRAFTS[2]}
    assert without_siblings(newer) is newer
    assert not says(newer, '{"n":4}')
