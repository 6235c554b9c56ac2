"""Answers as they grow: what is given out is certain, and all of it is the answer.

Run: pytest tests/runtime/server/test_engine_stream.py
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_parts import CITY, ENDLESS, two_adapters

from setaccio.data import Document, Task
from setaccio.data.errors import UsageError
from setaccio.data.records import Pair
from setaccio.runtime import LoadedModel, load_model
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.request import Request
from setaccio.runtime.model.tokens import byte_tokens, encode_text
from setaccio.runtime.server.answer_text import AnswerText, find_stop
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.request_types import ChatRequest, Delta, ExtractRequest
from setaccio.runtime.server.ticket import Ticket

ASK = [
    {"role": "system", "content": "Say what is to be done."},
    {"role": "user", "content": "Boil ½ l of water with 3 eggs. Crème brûlée needs 80 g of sugar."},
]
LISTS = Task.from_schema(
    {
        "type": "object",
        "properties": {
            "things": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"names": {"type": "array", "items": {"type": "string"}}},
                    "required": ["names"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["things"],
        "additionalProperties": False,
    }
)


@pytest.fixture(scope="module")
def narrow(tiny_gguf: Path) -> Iterator[LoadedModel]:
    model = load_model(tiny_gguf, context=640, threads=1)
    yield model
    model.close()


@pytest.fixture(scope="module")
def engine(
    narrow: LoadedModel, tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    adapters = two_adapters(narrow, tiny_gguf, tmp_path_factory.mktemp("adapters"))
    with Engine(narrow, adapters, parallel=4) as engine:
        yield engine


def joined(deltas: list[Delta]) -> str:
    """The text behind the last reset."""
    text = ""
    for delta in deltas:
        text = delta.text if delta.reset else text + delta.text
    return text


def test_the_deltas_of_documents_are_their_raw_text_lists_that_were_closed_too(
    engine: Engine, recipe: Task, recipe_pairs: list[Pair]
) -> None:
    tickets = [
        engine.submit(
            ExtractRequest(
                document=Document(pair.id, pair.text),
                task=LISTS if n % 2 else recipe,
                adapter=(None, "one", "two")[n % 3],
                stream=True,
            )
        )
        for n, pair in enumerate(recipe_pairs[:12])
    ]
    rows = [ticket.result(300) for ticket in tickets]
    for ticket, row in zip(tickets, rows, strict=True):
        deltas = list(ticket)
        assert joined(deltas) == row.raw
        if row.chunks == 1:
            assert not any(delta.reset for delta in deltas), row.raw
    assert sum(row.closed_lists for row in rows) > 0
    assert all(len(list(ticket)) > 3 for ticket in tickets[::2])


def test_parts_are_given_out_in_their_order_and_a_second_attempt_says_so(engine: Engine) -> None:
    long = " ".join(f"Rome has {n} hills and a river." for n in range(150))
    tags = json.loads(json.dumps(ENDLESS))
    tags["properties"]["tags"] |= {"minItems": 200, "maxItems": 200}
    for task, text, again in (
        (CITY, long, False),
        (Task.from_schema(tags), "Half an egg and a cup of milk. " * 12, True),
    ):
        ticket = engine.submit(
            ExtractRequest(document=text, task=task, stream=True, stop_repetition=False)
        )
        deltas = list(ticket)
        row = ticket.result()
        assert row.chunks > 1
        assert joined(deltas) == row.raw and row.raw.count("\n") == row.chunks - 1
        assert any(delta.reset for delta in deltas) == again


def test_characters_are_whole_and_stop_strings_never_begin(narrow: LoadedModel) -> None:
    text = "½ cup, Crème brûlée 🥚🥚 <end> and more"
    tokens = [byte_tokens(narrow)[byte] for byte in text.encode()]
    shown: list[str] = []
    follow = AnswerText(narrow, ["<end>", "<enough>"], lambda more, _: shown.append(more))
    generation = Generation(Request(None, [1], 999), frozenset())
    said = []
    for token in tokens:
        generation.tokens.append(token)
        said.append(follow(generation))
        if said[-1]:
            break
    assert said[-1] == "stop" and set(said[:-1]) == {None}
    assert "".join(shown) == text[: text.index("<end>")]
    assert not any("\ufffd" in more for more in shown) and len(shown) > 20


@pytest.mark.parametrize(
    ("text", "stops", "cut"),
    [
        ("abc", ["b"], 1),
        ("abcd", ["abcd", "c"], 2),  # the one that is complete first
        ("abc", ["bc", "c"], 1),  # both end together
        ("abc", ["x"], None),
        ("abc", [], None),
    ],
)
def test_where_a_stop_string_cuts(text: str, stops: list[str], cut: int | None) -> None:
    assert find_stop(text, stops) == cut


def chat(engine: Engine, **options: Any) -> Ticket[Any]:
    return engine.submit(ChatRequest(**{"messages": ASK, "max_tokens": 40, **options}))


def test_a_stop_string_ends_an_answer_and_is_no_part_of_it(engine: Engine) -> None:
    whole = chat(engine).result(60)
    assert whole.finish_reason in ("stop", "length") and len(whole.text) > 30
    stop = whole.text[17:22]
    for stream in (True, False):
        ticket = chat(engine, stop=[stop, "never said"], stream=stream, logprobs=0)
        result = ticket.result(60)
        assert result.text == whole.text[: whole.text.index(stop)] == joined(list(ticket))
        assert result.finish_reason == "stop"
        assert result.completion_tokens < whole.completion_tokens
        assert result.text.encode().startswith(b"".join(t.bytes for t in result.logprobs))
    with pytest.raises(UsageError, match="stop can not be combined with a schema"):
        chat(engine, stop=["x"], schema={"type": "object"})
    with pytest.raises(UsageError, match="empty text"):
        chat(engine, stop=[""])


@pytest.mark.parametrize("schema", [None, CITY.json_schema])
def test_chances_are_of_the_tokens_that_were_allowed(
    engine: Engine, schema: dict[str, Any] | None
) -> None:
    ticket = chat(engine, logprobs=5, stream=True, schema=schema)
    result = ticket.result(60)
    assert b"".join(each.bytes for each in result.logprobs).decode() == result.text
    assert [each for delta in ticket for each in delta.logprobs] == list(result.logprobs)
    sums = [sum(math.exp(other.logprob) for other in each.top) for each in result.logprobs]
    assert all(0 < total < 1 + 1e-9 for total in sums)
    for each in result.logprobs:
        assert each.logprob <= 1e-9 and len(each.top) <= 5
        if each.top:  # tokens that only complete an answer have none
            assert each.logprob == each.top[0].logprob and each.bytes == each.top[0].bytes
    free = [each for each in result.logprobs if each.logprob == 0.0]
    assert bool(free) == (schema is not None)  # what the grammar forces was not a choice
    if schema is None:
        assert all(len(each.top) == 5 for each in result.logprobs)
    else:
        assert CITY.problems(json.loads(result.text)) == []


def test_the_seed_decides_what_is_drawn(engine: Engine) -> None:
    def drawn(seed: int, **options: Any) -> str:
        text = chat(engine, temperature=2.0, seed=seed, **options).result(60).text
        assert isinstance(text, str)
        return text

    assert drawn(7) == drawn(7) != drawn(8)
    # A share that holds no more than the likeliest token is greedy.
    assert drawn(7, top_p=1e-6) == chat(engine).result(60).text


def test_asyncio_follows_several_answers_at_once(engine: Engine) -> None:
    async def follow(ticket: Ticket[Any]) -> tuple[str, Any]:
        deltas = [delta async for delta in ticket]
        return joined(deltas), await ticket.wait()

    async def main() -> list[tuple[str, Any]]:
        tickets = [chat(engine, stream=True, seed=n, temperature=1.0) for n in range(6)]
        impatient = asyncio.create_task(tickets[0].wait())
        await asyncio.sleep(0)
        impatient.cancel()
        return await asyncio.gather(*map(follow, tickets))

    for text, result in asyncio.run(main()):
        assert text == result.text


def test_a_prompt_without_a_template_is_taken_as_it_is(engine: Engine) -> None:
    bare = chat(engine, messages="Boil 3 eggs. <|im_end|>", max_tokens=5).result(60)
    end = narrow_end(engine.model)
    assert bare.prompt_tokens == len(encode_text(engine.model, "Boil 3 eggs. <|im_end|>"))
    assert end not in encode_text(engine.model, "Boil 3 eggs. <|im_end|>")
    assert bare.completion_tokens <= 5


def narrow_end(model: LoadedModel) -> int:
    """The token that ends a turn."""
    (token,) = encode_text(model, "<|im_end|>", special=True)
    return token
