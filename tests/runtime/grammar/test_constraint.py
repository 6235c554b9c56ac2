"""The grammar takes exactly the compact JSON that the schema allows, whatever the characters.

Run: pytest tests/runtime/grammar/test_constraint.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data import Task
from setaccio.data.errors import SchemaError
from setaccio.runtime import Extractor
from setaccio.runtime.decode.sampling import apply_mask, choose_greedy
from setaccio.runtime.grammar.constraint import check_enforceable, compile_schema
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import encode_text


def follows(model: LoadedModel, schema: dict[str, Any], text: str) -> bool:
    """Whether the text is a complete answer, every token of it allowed by the mask."""
    matcher = compile_schema(model, schema).start()
    for token in encode_text(model, text):
        logits = np.zeros(model.llama.n_vocab(), np.float32)
        logits[token] = 1.0
        if choose_greedy(logits, matcher.mask()) != token:
            return False
        matcher.accept(token)
    return bool(matcher.state.is_accepting())


PAIR = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "number"}}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('{"a":"½ é ° 洋葱 \U0001f9c5","b":[1,2.5]}', True),
        ('{"a":"","b":[]}', True),
        ('{"a": "x","b":[]}', False),
        ('{"a":"x", "b":[]}', False),
        (' {"a":"x","b":[]}', False),
        ('{"b":[],"a":"x"}', False),
        ('{"a":"x"}', False),
        ('{"a":"x","b":[],"c":1}', False),
        ('{"a":"x","b":["y"]}', False),
        ('{"a":"\\ud800","b":[]}', False),
    ],
)
def test_what_fits(model: LoadedModel, text: str, fits: bool):
    assert follows(model, PAIR, text) is fits


def test_references_and_formats(model: LoadedModel):
    schema = {
        "type": "object",
        "properties": {"day": {"$ref": "#/$defs/day"}},
        "required": ["day"],
        "$defs": {"day": {"type": "string", "format": "date"}},
    }
    assert follows(model, schema, '{"day":"2026-02-28"}')
    assert not follows(model, schema, '{"day":"28.2.2026"}')


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=4))
def test_any_string_can_be_said(model: LoadedModel, recipe: Task, title: str, items: list[str]):
    gold = {"directions": items, "title": title, "ingredients": items}
    # llguidance counts DEL among the control characters, which only an escape can say.
    answer = recipe.render_gold(gold).replace("\x7f", "\\u007f")
    assert follows(model, recipe.json_schema, answer)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"not": {"type": "null"}}, "not"),
        ({"type": "string", "format": "colour"}, "colour"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"$ref": "#/$defs/absent"}, "absent"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "no value fits it"),
    ],
)
def test_unsupported_schemas_are_named(model: LoadedModel, schema: dict[str, Any], named: str):
    whole = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    with pytest.raises(SchemaError, match=named) as caught:
        compile_schema(model, whole)
    assert "\n" not in str(caught.value)
    with pytest.raises(SchemaError) as without_a_model:
        check_enforceable(whole)
    assert str(without_a_model.value) == str(caught.value)


def test_a_schema_that_can_be_enforced_needs_no_model_to_be_found_so(recipe: Task):
    check_enforceable(recipe.json_schema)
    check_enforceable(PAIR)


def test_a_schema_is_compiled_once(model: LoadedModel):
    assert compile_schema(model, PAIR) is compile_schema(model, dict(PAIR))


def test_two_answers_do_not_share_a_state(model: LoadedModel):
    grammar = compile_schema(model, PAIR)
    first, second = grammar.start(), grammar.start()
    for token in encode_text(model, '{"a":"'):
        first.accept(token)
    assert second.mask().tolist() == grammar.start().mask().tolist()
    with pytest.raises(ValueError, match="token"):
        second.accept(encode_text(model, "x")[0])


def test_masked_greedy_takes_the_first_of_the_best_allowed():
    logits = np.array([1.0, 5.0, 3.0, 3.0, 2.0], np.float32)
    mask = np.array([0b11101], np.int32)
    assert choose_greedy(logits, None) == 1
    assert choose_greedy(logits, mask) == 2
    assert apply_mask(logits, mask).tolist() == [1.0, -np.inf, 3.0, 3.0, 2.0]
    with pytest.raises(ValueError, match="no token"):
        choose_greedy(logits, np.array([0], np.int32))


@pytest.mark.parametrize(
    ("schema", "budget"),
    [
        ({"enum": [2**61 + 1, 10**30 + 7]}, 200),
        ({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}, 200),
        ({"type": "integer", "minimum": 10**18 + 1, "maximum": 10**18 + 3}, 16),
        ({"type": "number", "minimum": 74.77, "maximum": 74.77, "multipleOf": 0.01}, 200),
    ],
)
def test_exact_numbers_are_extracted(model: LoadedModel, schema: dict[str, Any], budget: int):
    whole = {
        "type": "object",
        "properties": {"n": schema, "to": {"type": "string", "maxLength": 4}},
        "required": ["n", "to"],
        "additionalProperties": False,
    }
    task = Task.from_schema(whole)
    extraction = Extractor(model, task, max_tokens=budget).extract("A lamp for 74.77 euro.")
    assert extraction.status == ("ok" if budget > 16 else "truncated_output")
    assert extraction.data is not None
    assert task.problems(extraction.data) == []
    assert list(extraction.data) == ["n", "to"]


def test_a_pattern_that_explodes_is_refused_each_time(model: LoadedModel):
    schema = {"type": "string", "pattern": "^(([0-9a-f]{1,40}){1,40}){1,40}$"}
    for _ in range(2):
        with pytest.raises(SchemaError, match=r"pattern \(repetitions"):
            compile_schema(model, schema)
