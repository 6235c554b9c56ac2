"""An answer that says a key twice is never passed off as right.

Run: pytest tests/runtime/result/test_answers_repeat_keys.py
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from setaccio.data import Task
from setaccio.runtime import Extractor
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.result.parsing import parse_answer

FLAGS: dict[str, Any] = {
    "type": "object",
    "patternProperties": {"^(red|blue)$": {"type": "boolean"}},
    "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 9},
    "minProperties": 2,
    "maxProperties": 4,
}


@pytest.mark.parametrize("seed", range(6))
def test_the_status_tells(model: LoadedModel, seed: int):
    task = Task(name="flags", instruction="Say which flags there are.", schema=FLAGS)
    extractor = Extractor(model, task, temperature=2.0, seed=seed, max_tokens=120)
    extraction = extractor.extract("Red and blue.")
    keys: list[str] = []
    json.loads(extraction.raw, object_pairs_hook=lambda pairs: keys.extend(k for k, _ in pairs))
    twice = len(keys) > len(set(keys))
    assert not (twice and extraction.status == "ok")
    if extraction.finish_reason == "stop":
        assert extraction.status == ("invalid_schema" if twice else "ok")
        assert ("times in one object" in extraction.message) == twice


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', 'Here: {"a":1,"a":2} and more', '[{"a":1,"a":1}]']
)
def test_free_answers_too(text: str):
    problems = Task(name="a", instruction="b", schema={}).problems(parse_answer(text).value)
    assert [problem.partition(": ")[2] for problem in problems] == [
        "the key 'a' stands 2 times in one object"
    ]
