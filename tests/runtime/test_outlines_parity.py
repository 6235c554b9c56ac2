"""Greedy answers equal those of Outlines' own llama.cpp loop on the same GGUF and prompt.

Run: pytest tests/runtime/test_outlines_parity.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import llama_cpp
import outlines
import pytest
from outlines.types import JsonSchema

from setaccio.data import Task
from setaccio.data.prompt import prompt_pieces
from setaccio.runtime import Extractor
from setaccio.runtime.constraint import COMPACT_JSON
from setaccio.runtime.models import LoadedModel

WORDS = ["chop", "onions", "½ cup", "crème fraîche", "180 °C", "then", "2 eggs", "洋葱", "slowly"]
BUDGET = 48


def documents(count: int) -> list[str]:
    dice = random.Random(7)
    return [f"{' '.join(dice.choices(WORDS, k=dice.randint(3, 60)))}." for _ in range(count)]


@pytest.fixture(scope="module")
def outlines_model(tiny_gguf: Path, model: LoadedModel) -> outlines.models.LlamaCpp:
    llama = llama_cpp.Llama(
        str(tiny_gguf),
        n_ctx=model.context,
        n_threads=model.threads,
        n_threads_batch=model.threads,
        verbose=False,
    )
    return outlines.from_llamacpp(llama, chat_mode=False)


# llguidance, called by Outlines, uses an old name in llama-cpp-python.
@pytest.mark.filterwarnings("ignore:llama_token_get_attr:DeprecationWarning")
@pytest.mark.parametrize(("constraint", "count"), [("schema", 200), ("none", 40)])
def test_greedy_answers_equal(
    model: LoadedModel,
    outlines_model: outlines.models.LlamaCpp,
    recipe: Task,
    constraint: str,
    count: int,
):
    schema = JsonSchema(json.dumps({**recipe.json_schema, "x-guidance": COMPACT_JSON}))
    output = schema if constraint == "schema" else None
    generate = outlines.Generator(outlines_model, output, backend="llguidance" if output else None)
    # As Outlines decodes: one document, one token at a time, so that sums are added up alike.
    ours = Extractor(
        model, recipe, constraint=constraint, max_tokens=BUDGET, stop_repetition=False, guess=False
    )
    for text in documents(count):
        pieces = prompt_pieces(model.chat, recipe.messages(text))
        prompt = "".join(piece.text for piece in pieces)
        whole = model.llama.tokenize(prompt.encode(), add_bos=False, special=True)
        assert ours.tokenise(text) == whole
        theirs = generate(prompt, max_tokens=BUDGET, temperature=0)
        extraction = ours.extract(text)
        assert extraction.completion_tokens > 0
        # Bytes that are no character: shown by us, dropped by llama-cpp-python.
        mine = extraction.raw.replace("\ufffd", "")
        if extraction.finish_reason == "stop":
            assert mine == theirs
        else:
            # Cut off, ours is closed from there, and theirs goes on to the end of the character.
            shorter = min(len(mine), len(theirs) - 1)
            assert shorter > BUDGET // 2
            assert mine[:shorter] == theirs[:shorter]
