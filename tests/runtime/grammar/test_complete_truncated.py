"""An answer that is cut off is closed by its grammar: it parses, fits the schema, and says so.

Run: pytest tests/runtime/grammar/test_complete_truncated.py
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from setaccio.data import Task
from setaccio.runtime import Extractor
from setaccio.runtime.grammar.complete_truncated import complete_truncated
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import decode_tokens, encode_text

TEXT = "Beat 2 eggs with ½ cup crème fraîche, then bake the 洋葱 tart for 25 minutes at 180 °C."
NESTED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["invoice", "order"]},
        "day": {"type": "string", "format": "date"},
        "total": {"type": "number"},
        "paid": {"type": "boolean"},
        "note": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 3},
                    "n": {"type": "integer"},
                },
                "required": ["name", "n"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["kind", "day", "total", "paid", "note", "lines"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 8, 13, 21, 34])
@pytest.mark.parametrize("name", ["recipe", "nested"])
def test_whatever_the_budget_the_result_fits_the_schema(
    model: LoadedModel, recipe: Task, budget: int, name: str
) -> None:
    task = recipe if name == "recipe" else Task.from_schema(NESTED)
    extraction = Extractor(model, task, max_tokens=budget).extract(TEXT)
    assert extraction.status == "truncated_output"
    assert extraction.data == json.loads(extraction.raw)
    assert task.problems(extraction.data) == []
    assert "incomplete" in extraction.message


@pytest.mark.parametrize(
    ("begun", "closed"),
    [
        ('{"title":"A","ingredients":["b', '{"title":"A","ingredients":["b"],"directions":[]}'),
        ('{"title":"A }]', '{"title":"A }]","ingredients":[],"directions":[]}'),
        ('{"title":"A","ingredients":[', '{"title":"A","ingredients":[],"directions":[]}'),
        ("", '{"title":"","ingredients":[],"directions":[]}'),
    ],
)
def test_the_shortest_way_out_is_taken(
    model: LoadedModel, recipe: Task, begun: str, closed: str
) -> None:
    matcher = compile_schema(model, recipe.json_schema).start()
    tokens = encode_text(model, begun) if begun else []
    for token in tokens:
        matcher.accept(token)
    assert decode_tokens(model, complete_truncated(model, matcher, tokens)) == closed


def test_half_an_escape_and_half_a_character_are_no_trouble(
    model: LoadedModel, recipe: Task
) -> None:
    for begun, kept in (('{"title":"A\\', '{"title":"A'), ('{"title":"洋', '{"title":"')):
        tokens = encode_text(model, begun)
        if begun.endswith("洋"):
            tokens = tokens[:-1]  # the character's last byte
        matcher = compile_schema(model, recipe.json_schema).start()
        for token in tokens:
            matcher.accept(token)
        text = decode_tokens(model, complete_truncated(model, matcher, tokens))
        assert text.startswith(kept)
        assert recipe.problems(json.loads(text)) == []


@pytest.mark.parametrize(
    ("choices", "begun", "closed"),
    [
        (["international shipping", "ice", "pickup"], '{"a":', '{"a":"ice"}'),
        (["international shipping", "ice", "inn"], '{"a":"in', '{"a":"inn"}'),
        (["abcdefghijklmn opqrst", "abc\n½"], '{"a":"ab', '{"a":"abc\\n½"}'),
        (["", "abc"], '{"a":"', '{"a":""}'),
    ],
)
def test_the_shortest_of_several_texts_is_taken(
    model: LoadedModel, choices: list[str], begun: str, closed: str
) -> None:
    properties = {"a": {"enum": choices}}
    schema = {"type": "object", "properties": properties, "required": ["a"]}
    task = Task.from_schema({**schema, "additionalProperties": False})
    matcher = compile_schema(model, task.json_schema).start()
    tokens: list[int] = []
    for token in encode_text(model, begun):
        matcher.accept(token)
        tokens.append(token)
    text = decode_tokens(model, complete_truncated(model, matcher, tokens))
    assert text == closed
    assert task.problems(json.loads(text)) == []


def test_a_string_that_is_the_whole_answer_is_closed(model: LoadedModel) -> None:
    task = Task.from_schema({"enum": ["summer", "fall"]})
    extraction = Extractor(model, task, max_tokens=1).extract("It was a hot summer.")
    assert extraction.status == "truncated_output"
    assert task.problems(extraction.data) == []
