"""A model of random weights recites what it was given, in llama.cpp, constrained and free.

Run: pytest tests/benchmarks/test_bench_recite.py
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks.cases import Transcript, read_transcripts
from benchmarks.random_models.models import cut_tokens, make_model, make_reciting
from benchmarks.random_models.recite import SKETCH, Memory, Recital
from benchmarks.random_models.recite_gguf import write_model

from setaccio.data import Task, load_task
from setaccio.data.errors import ExportError
from setaccio.data.records import Document
from setaccio.runtime import Extractor, LoadedModel, load_model
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.model.tokens import decode_tokens

END = 99


def memory() -> Memory:
    dice = np.random.default_rng(0)
    embedding = np.clip(dice.normal(0, 40, (100, SKETCH.width)), -127, 127).astype(np.int8)
    return Memory(SKETCH, embedding, END)


def tokens(*parts: Sequence[int]) -> list[int]:
    return [token for part in parts for token in part]


def test_contexts_that_are_alike_must_go_on_alike():
    known = memory()
    prompt = list(range(20))
    assert known.add(Recital(prompt, [50, 51]))
    assert not known.add(Recital(prompt, [60]))
    assert known.add(Recital(tokens([70, 71], prompt), [50, 51]))
    assert known.add(Recital(list(range(30, 50)), [60]))


def test_a_prompt_shorter_than_the_memory_is_refused():
    assert not memory().add(Recital([1, 2, 3], [4]))


def test_no_more_is_remembered_than_there_are_hidden_units():
    dice = np.random.default_rng(1)
    long = [int(token) for token in dice.integers(0, 90, SKETCH.hidden)]
    assert not memory().add(Recital(list(range(20)), long))


def test_a_vocabulary_that_is_not_there_says_what_to_do(tmp_path: Path):
    with pytest.raises(ExportError, match="Give an unpacked"):
        make_model("0.5b", tmp_path / "models", tmp_path)


@pytest.fixture(scope="module")
def reciting(
    vocabulary: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LoadedModel, list[Transcript]]:
    folder = tmp_path_factory.mktemp("models")
    sketch, path, rows = folder / "sketch.gguf", folder / "recites.gguf", folder / "rows.jsonl"
    write_model(sketch, SKETCH, vocabulary, [])
    make_reciting(path, rows, SKETCH, vocabulary, load_model(sketch, threads=1), 3)
    return load_model(path, context=1024, threads=1), read_transcripts(rows)


@pytest.mark.slow
@pytest.mark.parametrize("constraint", ["schema", "none"])
@pytest.mark.parametrize("parallel", [1, 3])
def test_greedy_answers_are_the_transcripts(
    reciting: tuple[LoadedModel, list[Transcript]], constraint: str, parallel: int
):
    model, rows = reciting
    assert len(rows) >= 2
    extractor = Extractor(
        model,
        load_task("recipe"),
        constraint=constraint,  # type: ignore[arg-type]
        parallel=parallel,
        max_tokens=400,
    )
    documents = [Document(str(number), row.text) for number, row in enumerate(rows)]
    for row, found in zip(rows, extractor.extract_all(documents), strict=True):
        assert found.raw == row.answer
        assert found.completion_tokens == len(row.tokens)
        assert found.status == "ok"


@pytest.mark.slow
def test_an_answer_is_cut_as_the_grammar_would(
    reciting: tuple[LoadedModel, list[Transcript]], recipe: Task
):
    model, _ = reciting
    answer = {"title": "Tea", "ingredients": ["1 cup of water"], "directions": ["Boil."]}
    text = json.dumps(answer, separators=(",", ":"))
    grammar = compile_schema(model, recipe.json_schema)
    assert decode_tokens(model, cut_tokens(model, grammar, text)) == text
