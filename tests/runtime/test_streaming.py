"""Answers while they are written: each step is the one before it and more, the last the result.

Run: pytest tests/runtime/test_streaming.py
"""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Document, Pair, Task, load_pairs, load_task
from setaccio.runtime import Extraction, Extractor, Partial, load_model
from setaccio.runtime.decode.list_guard import RUN
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.streaming import parse_beginning

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=16)  # JSON has no other
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def grows(before: Any, after: Any, growing: bool = True) -> bool:
    """Whether a value is another one and more: only the last part of either may have grown."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = list(before)
        return list(after)[: len(keys)] == keys and all(
            grows(before[key], after[key], growing and key == keys[-1]) for key in keys
        )
    if isinstance(before, list) and isinstance(after, list):
        last = len(before) - 1
        return len(before) <= len(after) and all(
            grows(one, other, growing and place == last)
            for place, (one, other) in enumerate(zip(before, after, strict=False))
        )
    if isinstance(before, str) and isinstance(after, str) and growing:
        return after.startswith(before)
    return type(before) is type(after) and before == after


def steps_of(extractor: Extractor, text: str) -> tuple[list[Partial], Extraction]:
    *steps, last = extractor.extract_stream(text)
    assert isinstance(last, Extraction)
    assert all(isinstance(step, Partial) for step in steps)
    return steps, last


def same(one: Extraction, other: Extraction) -> bool:
    return replace(one, seconds=0.0) == replace(other, seconds=0.0)


@given(ANY, st.booleans())
def test_every_beginning_is_a_prefix_of_the_value(value: Any, escaped: bool) -> None:
    raw = json.dumps(value, ensure_ascii=escaped, separators=(",", ":")).encode()
    last = None
    for end in range(len(raw) + 1):
        found = parse_beginning("a", raw[:end])
        if last is not None:
            assert found is not None
            assert grows(last.data, found.data)
        if found is not None:
            assert grows(found.data, value)
        last = found
    if not isinstance(value, int | float | None):  # which might go on
        assert last == Partial("a", value)


@pytest.mark.parametrize(
    ("raw", "data", "unfinished"),
    [
        ('{"a":12', {}, None),
        ('{"a":12,', {"a": 12}, None),
        ('{"a":tru', {}, None),
        ('{"a":"x', {"a": "x"}, "/a"),
        ('{"a":"x\\', {"a": "x"}, "/a"),
        ('{"a":"x\\"', {"a": 'x"'}, "/a"),
        ('{"a":"x"', {"a": "x"}, None),
        ('{"a":"x","b', {"a": "x"}, None),
        ('{"a/b":["x","\\ud83d', {"a/b": ["x", ""]}, "/a~1b/1"),
        ('["x","y', ["x", "y"], "/1"),
        ('"x', "x", ""),
        ("[[", [[]], None),
    ],
)
def test_beginnings(raw: str, data: Any, unfinished: str | None) -> None:
    assert parse_beginning("a", raw.encode()) == Partial("a", data, unfinished)


@pytest.mark.parametrize("raw", ["", "12", "tru", "-", '{"a":4e1455,"b":"x', "[-4e1455]"])
def test_beginnings_without_a_value(raw: str) -> None:
    assert parse_beginning("a", raw.encode()) is None


def test_steps_grow_into_the_result(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    extractor = Extractor(model)
    for pair in recipe_pairs[-6:]:
        steps, last = steps_of(extractor, pair.text)
        assert len(steps) > 8
        for one, other in itertools.pairwise([*steps, last]):
            assert grows(one.data, other.data), (one, other)
        assert all(one != other for one, other in itertools.pairwise(steps))
        assert any(step.unfinished for step in steps)
        assert same(last, extractor.extract(pair.text))


def test_what_the_list_guard_takes_back_was_not_shown(model: LoadedModel) -> None:
    task = Task.from_schema(
        {
            "type": "object",
            "properties": {"words": {"type": "array", "items": {"type": "string"}}},
            "required": ["words"],
            "additionalProperties": False,
        }
    )
    closed = 0
    for number in range(12):  # a recipe model that knows no such task goes round in circles
        extractor = Extractor(model, task, temperature=0.7, seed=number, max_tokens=300)
        steps, last = steps_of(extractor, "Beat the eggs. Beat the eggs again.")
        for one, other in itertools.pairwise([*steps, last]):
            assert grows(one.data, other.data), (one, other)
        closed += last.closed_lists
    assert closed > RUN // 2


def test_an_answer_that_is_cut_off(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    steps, last = steps_of(Extractor(model, max_tokens=40), recipe_pairs[-1].text)
    assert last.status == "truncated_output"
    assert grows(steps[-1].data, last.data)


@pytest.mark.parametrize(
    "options",
    [{"constraint": "none"}, {"require_grounding": "drop"}, {"require_grounding": "null"}],
)
def test_only_the_result_where_steps_could_be_taken_back(
    model: LoadedModel, recipe_pairs: list[Pair], options: dict[str, Any]
) -> None:
    extractor = Extractor(model, **options)
    steps, last = steps_of(extractor, recipe_pairs[-1].text)
    assert steps == []
    assert same(last, extractor.extract(recipe_pairs[-1].text))


def test_a_document_in_chunks_gives_its_result(tiny_gguf: Path, recipe_pairs: list[Pair]) -> None:
    text = "\n".join(pair.text for pair in recipe_pairs[:6])
    extractor = Extractor(load_model(tiny_gguf, context=1024, threads=1), max_tokens=120)
    steps, last = steps_of(extractor, text)
    assert last.chunks > 1
    assert steps == []


def test_a_document_that_may_have_to_be_cut(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    extractor = Extractor(model)
    texts = ("\n".join(pair.text for pair in recipe_pairs[:count]) for count in range(1, 9))
    text = next(text for text in texts if extractor._planner.plan(Document("a", text)).smaller)
    assert steps_of(extractor, text)[0] == []
    steps, last = steps_of(Extractor(model, max_tokens=60), text)
    assert last.chunks == 1
    assert len(steps) > 3


@pytest.mark.parametrize(("text", "status"), [("", "error"), ("word " * 3000, "truncated_input")])
def test_documents_that_are_refused(model: LoadedModel, text: str, status: str) -> None:
    steps, last = steps_of(Extractor(model, chunk=False), text)
    assert (steps, last.status, last.id) == ([], status, "document")


def test_whoever_stops_listening_stops_the_decoding(
    model: LoadedModel, recipe_pairs: list[Pair]
) -> None:
    extractor = Extractor(model)
    stream = extractor.extract_stream(Document("mine", recipe_pairs[-1].text))
    assert next(stream).id == "mine"
    (worker,) = (each for each in threading.enumerate() if each.name == "setaccio")
    stream.close()
    worker.join(60)
    assert not worker.is_alive()
    assert extractor.extract(recipe_pairs[-1].text).ok


def test_two_streams_at_once(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    extractor = Extractor(model)
    texts = [pair.text for pair in recipe_pairs[-2:]]
    streams = [extractor.extract_stream(text) for text in texts]
    both = list(itertools.zip_longest(*streams))
    ends = [[step for step in one if step is not None][-1] for one in zip(*both, strict=True)]
    for text, end in zip(texts, ends, strict=True):
        assert same(end, extractor.extract(text))


@pytest.mark.slow
@pytest.mark.smollm2
def test_a_real_model_that_goes_round_in_circles(smollm2: Path, repository: Path) -> None:
    """Untuned it repeats itself, and the guard takes back what it wrote."""
    pairs, _ = load_pairs(repository / "data" / "samples" / "recipes_told.jsonl")
    extractor = Extractor(load_model(smollm2, threads=2), load_task("recipe"), max_tokens=160)
    steps, last = steps_of(extractor, pairs[1].text)
    assert steps
    for one, other in itertools.pairwise([*steps, last]):
        assert grows(one.data, other.data), (one, other)
