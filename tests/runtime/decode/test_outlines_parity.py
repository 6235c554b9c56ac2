"""Greedy answers equal those of Outlines' own llama.cpp loop on the same GGUF and prompt.

Run: pytest tests/runtime/decode/test_outlines_parity.py
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
from setaccio.data.records import Pair
from setaccio.data.task.pieces import prompt_pieces
from setaccio.runtime.decode.decoder import decode
from setaccio.runtime.decode.request import Request
from setaccio.runtime.grammar.constraint import COMPACT_JSON, compile_schema
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import decode_tokens
from setaccio.runtime.prompt.prompts import Prompts

WORDS = ["chop", "onions", "½ cup", "crème fraîche", "180 °C", "then", "2 eggs", "洋葱", "slowly"]
LENGTH = 300  # characters of a text
BUDGET = 48


def documents(pairs: list[Pair]) -> list[str]:
    """Recipes with a few words of other scripts and marks behind.

    Not words alone: what a model makes of nonsense can be bytes that are no character, which
    llama-cpp-python goes on generating past ``max_tokens``, to the end of the context.
    """
    dice = random.Random(7)
    texts = (pair.text[:LENGTH] for pair in pairs)
    return [f"{text} {' '.join(dice.choices(WORDS, k=3))}." for text in texts]


@pytest.fixture(scope="module")
def outlines_model(tiny_gguf: Path, model: LoadedModel) -> outlines.models.LlamaCpp:
    llama = llama_cpp.Llama(
        str(tiny_gguf),
        n_ctx=model.context,
        n_threads=model.threads,
        n_threads_batch=model.threads,
        flash_attn=True,  # as llama.cpp's own programs, and as here
        verbose=False,
    )
    return outlines.from_llamacpp(llama, chat_mode=False)


# llguidance, called by Outlines, uses an old name in llama-cpp-python.
@pytest.mark.filterwarnings("ignore:llama_token_get_attr:DeprecationWarning")
@pytest.mark.parametrize(("constraint", "count"), [("schema", 120), ("none", 40)])
def test_greedy_answers_equal(
    model: LoadedModel,
    outlines_model: outlines.models.LlamaCpp,
    recipe: Task,
    recipe_pairs: list[Pair],
    constraint: str,
    count: int,
):
    """The whole prompt in one pass here as there: where passes are cut in other places, sums are
    added up in another order (what that does to answers is tested with the decoder)."""
    schema = JsonSchema(json.dumps({**recipe.json_schema, "x-guidance": COMPACT_JSON}))
    output = schema if constraint == "schema" else None
    generate = outlines.Generator(outlines_model, output, backend="llguidance" if output else None)
    grammar = compile_schema(model, recipe.json_schema) if output else None
    prompts = Prompts(model, recipe)
    for text in documents(recipe_pairs[-count:]):
        pieces = prompt_pieces(model.chat, recipe.messages(text))
        prompt = "".join(piece.text for piece in pieces)
        made = prompts.make(text)
        whole = [*made.prefix, *made.rest]
        assert whole == model.llama.tokenize(prompt.encode(), add_bos=False, special=True)
        theirs = generate(prompt, max_tokens=BUDGET, temperature=0)
        request = Request(0, whole, BUDGET, grammar=grammar)
        _, done = next(decode(model, [], [request], prompt_lookup=False))
        tokens = list(done.tokens[: len(done.probabilities)])
        # Bytes that are no character: shown by us, dropped by llama-cpp-python. One that is cut
        # in two by the end of the budget is finished by neither.
        mine = decode_tokens(model, tokens).replace("\ufffd", "")
        assert len(tokens) > 0
        assert theirs.startswith(mine)
        assert done.finish == "length" or theirs == mine
