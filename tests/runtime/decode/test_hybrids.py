"""Models whose memory can not be cut: answers are those of one document at a time, without guesses.

LFM2 has convolutions, Granite 4 H Mamba 2, and Qwen 3.5 gated delta nets beside attention; their
weights are random. Run: pytest tests/runtime/decode/test_hybrids.py
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("transformers")

from random_models import make_random

from setaccio.data import Document, Task
from setaccio.data.errors import ExportError
from setaccio.export.gguf.convert import convert
from setaccio.runtime import Extraction, Extractor
from setaccio.runtime.decode import decode_loop
from setaccio.runtime.decode.context import CELLS, BatchContext
from setaccio.runtime.decode.context_pool import borrow_context, default_parallel
from setaccio.runtime.decode.decode_loop import Passes
from setaccio.runtime.decode.decoder import decode
from setaccio.runtime.decode.request import Feed, Request
from setaccio.runtime.decode.sampling import Mask, Row
from setaccio.runtime.model.load import LoadedModel, can_cut, load_model
from setaccio.runtime.model.tokens import end_tokens
from setaccio.runtime.prompt.prompts import Prompts

TASK = Task(
    name="cities",
    instruction="Which cities?",
    schema={
        "type": "object",
        "properties": {
            "cities": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
            "home": {"enum": ["Bari", "Lecce", "Turin", "Rome"]},
        },
        "required": ["cities", "home"],
        "additionalProperties": False,
    },
)
DOCUMENTS = [
    Document("a", "Ada lives in Bari and met Bruno in Lecce."),
    Document("b", "Carla of Turin went to Rome, to Trento and to Pisa. " * 6),
    Document("c", "Rome."),
    Document("d", "Bruno met Ada in Bari, then in Turin. He is of Lecce, and she is of Pisa."),
    Document("e", "Trento, Pisa and Rome are where Carla lives in summer. " * 2),
]


@pytest.fixture(scope="module", params=["lfm2-350m", "granite-4-h-micro", "qwen3.5"])
def hybrid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("hybrid")
    try:
        made = make_random(request.param, folder / "model")
        # In full precision: what is added up in another order then differs too little to matter.
        full = convert(made, folder / "f32.gguf", outtype="f32")
    except ExportError as error:
        pytest.skip(str(error))
    return load_model(full, threads=1, context=1024)


def seen(rows: list[Extraction]) -> list[tuple[str, str, str, str | None]]:
    return [(row.id, row.status, row.raw, row.thought) for row in rows]


def alone(model: LoadedModel, **options: object) -> list[Extraction]:
    """One document at a time, each in a context of its own, without guesses."""
    rows = []
    for document in DOCUMENTS:
        rows.append(Extractor(model, TASK, guess=False, max_tokens=60, **options).extract(document))
        assert model.state.contexts is not None
        model.state.contexts.clear()
    return rows


def test_llama_cpp_refuses_to_cut_it_and_that_is_known(hybrid: LoadedModel) -> None:
    assert not can_cut(hybrid)
    context = BatchContext(hybrid)
    context.reserve(1, CELLS)
    context.decode([Feed(0, 0, range(30, 60), 1)])
    assert not context.truncate(0, 20)
    assert context.truncate(0, 0)
    context.close()
    assert default_parallel(hybrid) > 1


@pytest.mark.parametrize("constraint", ["schema", "none"])
@pytest.mark.parametrize("parallel", [1, 3, 8])
def test_neither_parallel_nor_guesses_change_answers(
    hybrid: LoadedModel, constraint: str, parallel: int
) -> None:
    passes: list[Passes] = []
    together = Extractor(hybrid, TASK, constraint=constraint, parallel=parallel, max_tokens=60)
    rows = list(together.extract_all(DOCUMENTS, watch=passes.append))
    assert seen(rows) == seen(alone(hybrid, constraint=constraint))
    assert passes[-1].drafted == 0  # guesses are switched off for it
    assert all(row.closed_lists == 0 for row in rows)  # and so is going back


def test_answers_are_the_same_where_its_cache_grows_under_them(
    hybrid: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    open_context = BatchContext._open

    def watched(context: BatchContext, sequences: int, cells: int) -> None:
        sizes.append(cells)
        open_context(context, sequences, cells)

    monkeypatch.setattr(BatchContext, "_open", watched)
    monkeypatch.setattr(decode_loop, "LIKELY_ANSWER", 1)
    prompts = Prompts(hybrid, TASK)
    made = [prompts.make(document.text) for document in DOCUMENTS[:3]]

    def endless(logits: Row, mask: Mask | None) -> int:
        logits = logits.copy()
        logits[list(end_tokens(hybrid))] = -np.inf
        return int(logits.argmax())

    requests = [Request(n, m.rest, 400, m.document, choose=endless) for n, m in enumerate(made)]

    def answers() -> dict[int, tuple[int, ...]]:
        found = decode(hybrid, prompts.prefix, requests, parallel=3, contexts=1)
        return {key: completion.tokens for key, completion in found}

    pool = hybrid.state.contexts
    if pool is not None:
        pool.clear()
    grown = answers()
    assert len(sizes) > 1  # the states of all three were moved
    with borrow_context(hybrid) as context:
        context.reserve(3, hybrid.context)
    sizes.clear()
    assert answers() == grown
    assert not sizes
