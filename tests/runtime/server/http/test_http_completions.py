"""Completions of bare texts, which no chat template is put around."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from setaccio.runtime.server.http.chat.chat_answers import text_logprobs
from setaccio.runtime.server.request_types import TokenLogprob


def chunks(text: str) -> list[dict]:
    *blocks, last = text.strip().split("\n\n")
    assert last == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def test_completions_go_on_with_a_text(client: TestClient) -> None:
    body = {"model": "tiny", "prompt": "A cake", "max_tokens": 6, "logprobs": 2}
    answer = client.post("/v1/completions", json=body).json()
    assert (answer["object"], answer["id"][:5]) == ("text_completion", "cmpl-")
    (choice,) = answer["choices"]
    chances = choice["logprobs"]
    assert "".join(chances["tokens"]) == choice["text"]
    offsets = [sum(map(len, chances["tokens"][:place])) for place in range(6)]
    assert chances["text_offset"] == offsets
    assert all(len(top) == 2 for top in chances["top_logprobs"])
    streamed = client.post("/v1/completions", json={**body, "stream": True})
    parts = chunks(streamed.text)
    assert "".join(part["choices"][0]["text"] for part in parts) == choice["text"]
    told = [part["choices"][0]["logprobs"] for part in parts]
    assert [at for each in told if each for at in each["text_offset"]] == offsets
    assert parts[-1]["choices"][0]["finish_reason"] == choice["finish_reason"] == "length"


def test_a_character_of_two_tokens_is_counted_once() -> None:
    pieces = (b"a", b"\xc3", b"\xa9", b"b")
    tokens = [TokenLogprob(each.decode("utf-8", "replace"), each, 0.0, ()) for each in pieces]
    assert text_logprobs(tokens, 0, 5).text_offset == [5, 6, 6, 7]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"suffix": "end"}, "suffix"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_completions_do_not_know_is_refused(
    client: TestClient, change: dict, param: str
) -> None:
    body = {"model": "tiny", "prompt": "A cake", **change}
    answer = client.post("/v1/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].split(".")[0] == param
