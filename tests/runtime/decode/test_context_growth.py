"""KV caches follow the documents, what they hold survives a move, and the first row comes first.

Run: pytest tests/runtime/decode/test_context_growth.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from setaccio.data import Document, Task
from setaccio.data.errors import ModelError
from setaccio.data.records import Pair
from setaccio.runtime import Extractor
from setaccio.runtime.decode import decode_loop
from setaccio.runtime.decode.context import CELLS, BatchContext
from setaccio.runtime.decode.context_pool import borrow_context
from setaccio.runtime.decode.decode_loop import Passes
from setaccio.runtime.decode.decoder import decode
from setaccio.runtime.decode.request import Feed, Request, Start
from setaccio.runtime.model.load import LoadedModel, load_model
from setaccio.runtime.prompt.prompts import Prompts


def held(model: LoadedModel) -> BatchContext:
    """The context that the last call gave back."""
    assert model.state.contexts is not None
    (context,) = model.state.contexts._waiting
    return context


@pytest.fixture
def fresh(tiny_gguf: Path) -> LoadedModel:
    return load_model(tiny_gguf, threads=1)


def test_logits_are_the_same_to_the_last_bit_after_a_move(model: LoadedModel) -> None:
    rows = []
    for moved in (False, True):
        context = BatchContext(model)
        context.reserve(2, CELLS if moved else model.context)
        for sequence, first in ((0, 30), (1, 400)):
            context.decode([Feed(sequence, 0, range(first, first + 50), 1)])
        if moved:
            context.reserve(2, CELLS + 1, busy=[0, 1])
            assert context.cells == 2 * CELLS
        feeds = [Feed(sequence, 50, [77, 78], 2) for sequence in (0, 1)]
        rows.append(context.decode(feeds).copy())
        context.close()
    assert np.array_equal(*rows)


BEGUN = 10
"""Tokens that an answer has at most whose prompt alone was read."""


def test_a_context_that_could_not_grow_can_be_used_again(model: LoadedModel) -> None:
    context = BatchContext(model)
    context.reserve(1, CELLS)
    context.decode([Feed(0, 0, [30, 31], 1)])
    context.prefixes[0] = Start(None, (30, 31))
    with pytest.raises(ModelError, match="--parallel"):
        context.reserve(100_000, CELLS)
    context.reserve(1, CELLS)
    assert context.prefixes == {}
    assert context.decode([Feed(0, 0, [30, 31], 1)]).shape[0] == 1
    context.close()


def test_answers_are_the_same_where_the_cache_grows_under_them(
    fresh: LoadedModel,
    recipe: Task,
    recipe_pairs: list[Pair],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    open_context = BatchContext._open

    def watched(context: BatchContext, sequences: int, cells: int) -> None:
        sizes.append(cells)
        open_context(context, sequences, cells)

    monkeypatch.setattr(BatchContext, "_open", watched)
    monkeypatch.setattr(decode_loop, "LIKELY_ANSWER", 1)
    prompts = Prompts(fresh, recipe)
    made = [prompts.make(pair.text) for pair in recipe_pairs[:3]]
    requests = [Request(n, m.rest, 500, document=m.document) for n, m in enumerate(made)]

    def answers() -> dict[int, tuple[int, ...]]:
        found = decode(fresh, prompts.prefix, requests, parallel=3, contexts=1)
        return {key: completion.tokens for key, completion in found}

    grown = answers()
    assert len(sizes) > 1
    assert sizes == sorted(set(sizes))
    with borrow_context(fresh) as context:
        context.reserve(3, fresh.context)
    sizes.clear()
    assert answers() == grown
    assert not sizes


def test_a_short_document_gets_a_short_cache_and_one_sequence(
    fresh: LoadedModel, recipe: Task
) -> None:
    extractor = Extractor(fresh, recipe, max_tokens=20)
    extractor.extract("Boil 3 eggs.")
    assert (held(fresh).sequences, held(fresh).cells) == (1, CELLS)
    extractor.extract("Boil 3 eggs and 1 kg of potatoes. " * 30)
    assert CELLS < held(fresh).cells < fresh.context
    assert held(fresh).sequences == 1


def test_caches_that_may_not_move_are_whole_from_the_start(
    fresh: LoadedModel, recipe: Task
) -> None:
    fresh.metadata["qwen2.rope.scaling.original_context_length"] = str(fresh.context // 2)
    assert fresh.fixed_cache
    Extractor(fresh, recipe, max_tokens=5).extract("Boil 3 eggs.")
    assert held(fresh).cells == fresh.context


def test_the_first_document_is_out_before_the_others_are_answered(
    fresh: LoadedModel, recipe: Task, recipe_pairs: list[Pair]
) -> None:
    fresh.size_bytes = 1 << 30  # one context, as for larger models
    counts: list[int] = []

    def watch(passes: Passes) -> None:
        counts.append(passes.written)

    documents = [Document(pair.id, pair.text) for pair in recipe_pairs[:8]]
    rows = Extractor(fresh, recipe, parallel=8).extract_all(documents, watch=watch)
    first = next(rows)
    assert first.id == documents[0].id
    # A prompt that was read meanwhile gives its first token, and what the grammar forces after it.
    assert 0 < counts[-1] <= first.completion_tokens + 7 * BEGUN
    assert len(list(rows)) == 7
