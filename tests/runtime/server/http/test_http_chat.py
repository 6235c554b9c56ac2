"""OpenAI's protocol: its shapes, and no answer without the schema that was asked for."""

from __future__ import annotations

import json
import math

import pytest
from starlette.testclient import TestClient

from setaccio.runtime import Extractor, LoadedModel

CAKE = "Sponge cake. Beat 2 eggs with 50 g sugar. Bake for 25 minutes."
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
NO_NUMBER = {"type": "object", "properties": {"a": {"not": {"type": "number"}}}}


def chat(**more: object) -> dict:
    messages = [{"role": "user", "content": CAKE}]
    return {"model": "tiny", "messages": messages, "max_tokens": 40, **more}


def schema_format(schema: dict, **more: object) -> dict:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


def ask(client: TestClient, **more: object) -> dict:
    answer = client.post("/v1/chat/completions", json=chat(**more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def chunks(text: str) -> list[dict]:
    *blocks, last = text.strip().split("\n\n")
    assert last == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def test_models_are_the_adapters_and_the_base(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    assert [each["id"] for each in listed["data"]] == ["names", "tiny"]
    assert client.get("/v1/models/names").json() == listed["data"][0]
    assert client.get("/v1/models/gpt-4").json()["error"]["code"] == "model_not_found"


def test_an_answer_has_openais_shape(client: TestClient) -> None:
    answer = ask(client, max_tokens=5)
    assert answer["id"].startswith("chatcmpl-")
    assert (answer["object"], answer["model"]) == ("chat.completion", "tiny")
    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert (choice["finish_reason"], choice["status"]) == ("length", "truncated_output")
    usage = answer["usage"]
    assert usage["completion_tokens"] == 5
    assert usage["total_tokens"] == usage["prompt_tokens"] + 5


def test_the_tasks_own_prompt_gives_the_extractors_answer(
    client: TestClient, model: LoadedModel
) -> None:
    messages = [
        {"role": part["role"], "content": [{"type": "text", "text": part["content"]}]}
        for part in model.task.messages(CAKE)
    ]
    asked = {"messages": messages, "response_format": schema_format(model.task.json_schema)}
    answer = ask(client, max_tokens=200, **asked)
    own = Extractor(model).extract(CAKE)
    (choice,) = answer["choices"]
    assert choice["message"]["content"] == own.raw
    assert (choice["finish_reason"], choice["status"]) == ("stop", "ok")
    assert answer["usage"]["prompt_tokens"] == own.prompt_tokens


@pytest.mark.parametrize("strict", [None, False, True])
def test_a_schema_is_enforced_strict_or_not(client: TestClient, strict: bool | None) -> None:
    for model in ("tiny", "names"):
        asked = schema_format(PERSON, strict=strict)
        (choice,) = ask(client, model=model, response_format=asked, temperature=1.5)["choices"]
        value = json.loads(choice["message"]["content"])
        assert set(value) == {"name", "age"}
        assert isinstance(value["age"], int)


def test_a_budget_that_runs_out_is_closed_legally_and_said(client: TestClient) -> None:
    asked = {"response_format": schema_format(PERSON), "max_tokens": 3}
    (choice,) = ask(client, **asked)["choices"]
    assert set(json.loads(choice["message"]["content"])) == {"name", "age"}
    assert (choice["finish_reason"], choice["status"]) == ("length", "truncated_output")


def test_any_object_is_an_object(client: TestClient) -> None:
    (choice,) = ask(client, response_format={"type": "json_object"})["choices"]
    assert isinstance(json.loads(choice["message"]["content"]), dict)
    (choice,) = ask(client, response_format={"type": "text"}, max_tokens=2)["choices"]
    assert choice["message"]["content"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (NO_NUMBER, "$.properties.a.not"),
        ({"type": "objekt"}, "not a valid JSON Schema"),
        ({"properties": {"a": {"$ref": "http://x/y"}}, "type": "object"}, "outside the schema"),
        ({"propertes": {"a": {"type": "string"}}}, "propertes"),
    ],
)
def test_a_schema_that_can_not_be_enforced_is_never_ignored(
    client: TestClient, schema: dict, said: str, stream: bool
) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    choice = {"type": "function", "function": {"name": "f"}}
    for param, asked in (
        ("response_format", {"response_format": schema_format(schema)}),
        ("tools", {"tools": [tool], "tool_choice": choice}),
    ):
        answer = client.post("/v1/chat/completions", json=chat(stream=stream, **asked))
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["param"], error["code"]) == (param, "unsupported_schema")
        assert said in error["message"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 2}, "n"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"grammar": "root ::= [0-9]"}, "grammar"),
        ({"guided_json": PERSON}, "guided_json"),
        ({"format": PERSON}, "format"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.json_schema"),
        (
            {"response_format": {"type": "json_object", "schema": PERSON}},
            "response_format.json_object.schema",
        ),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "root", "content": "a"}]}, "messages.0.role"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [""]}, "stop"),
        ({"stop": list("abcde")}, "stop"),
        ({"stop": "a", "response_format": {"type": "json_object"}}, "stop"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(
    client: TestClient, change: dict, param: str
) -> None:
    answer = client.post("/v1/chat/completions", json=chat(**change))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_what_changes_nothing_is_taken(client: TestClient) -> None:
    more = {
        "n": 1,
        "user": "me",
        "metadata": {"a": "b"},
        "store": False,
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "logit_bias": {},
        "service_tier": "auto",
        "seed": 3,
        "top_p": 1,
        "stop": None,
        "tools": [],
        "tool_choice": "none",
    }
    plain = ask(client)["choices"]
    assert ask(client, **more)["choices"] == plain


def test_a_stream_is_the_answer_in_pieces(client: TestClient) -> None:
    for asked in ({}, {"response_format": schema_format(PERSON)}):
        (choice,) = ask(client, **asked)["choices"]
        more = {"stream": True, "stream_options": {"include_usage": True}}
        answer = client.post("/v1/chat/completions", json=chat(**asked, **more))
        assert answer.headers["content-type"].startswith("text/event-stream")
        first, *grown, last, usage = chunks(answer.text)
        assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in grown)
        assert text == choice["message"]["content"]
        assert len(grown) > 3
        assert last["choices"][0]["finish_reason"] == choice["finish_reason"]
        assert usage["choices"] == []
        assert usage["usage"]["total_tokens"] > len(grown)
        every = [first, *grown, last, usage]
        assert {chunk["object"] for chunk in every} == {"chat.completion.chunk"}
        assert len({chunk["id"] for chunk in every}) == 1


def test_a_stream_tells_no_usage_unasked(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json=chat(stream=True))
    assert not [chunk for chunk in chunks(answer.text) if "usage" in chunk]


@pytest.mark.parametrize(
    ("choice", "finish"),
    [({"type": "function", "function": {"name": "keep"}}, "stop"), ("required", "tool_calls")],
)
def test_a_function_that_must_be_called_is_called(
    client: TestClient, choice: object, finish: str
) -> None:
    function = {"name": "keep", "description": "Keep it.", "parameters": PERSON, "strict": True}
    asked = {"tools": [{"type": "function", "function": function}], "tool_choice": choice}
    (answer,) = ask(client, max_tokens=100, **asked)["choices"]
    assert answer["message"]["content"] is None
    (call,) = answer["message"]["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", "keep")
    assert set(json.loads(call["function"]["arguments"])) == {"name", "age"}
    assert answer["finish_reason"] == finish
    stream = client.post("/v1/chat/completions", json=chat(**asked, max_tokens=100, stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(stream.text)]
    (named,) = deltas[0]["tool_calls"]
    assert named["function"] == {"name": "keep", "arguments": ""}
    calls = [delta["tool_calls"][0] for delta in deltas[1:-1]]
    assert "".join(each["function"]["arguments"] for each in calls) == call["function"]["arguments"]


def test_logprobs_are_of_the_answers_tokens(client: TestClient) -> None:
    answer = ask(client, logprobs=True, top_logprobs=3, max_tokens=6)
    (choice,) = answer["choices"]
    content = choice["logprobs"]["content"]
    assert "".join(each["token"] for each in content) == choice["message"]["content"]
    assert len(content) == 6
    for each in content:
        assert bytes(each["bytes"]).decode() == each["token"]
        assert len(each["top_logprobs"]) == 3
        best = max(top["logprob"] for top in each["top_logprobs"])
        assert each["logprob"] == best  # greedy
        assert math.exp(each["logprob"]) <= 1
    streamed = client.post(
        "/v1/chat/completions", json=chat(logprobs=True, top_logprobs=3, max_tokens=6, stream=True)
    )
    parts = [chunk["choices"][0]["logprobs"] for chunk in chunks(streamed.text)]
    told = [each for part in parts if part for each in part["content"]]
    assert [each["token"] for each in told] == [each["token"] for each in content]


def test_a_stop_ends_the_answer(client: TestClient) -> None:
    (whole,) = ask(client)["choices"]
    text = whole["message"]["content"]
    stop = text[8:10]
    (choice,) = ask(client, stop=[stop])["choices"]
    assert choice["message"]["content"] == text[: text.index(stop)]
    assert (choice["finish_reason"], choice["status"]) == ("stop", "ok")


def test_the_same_seed_gives_the_same_answer(client: TestClient) -> None:
    hot = {"temperature": 2.0, "top_p": 0.99}
    texts = [
        ask(client, **hot, seed=seed)["choices"][0]["message"]["content"] for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_no_control_token_comes_out_of_a_message(client: TestClient, model: LoadedModel) -> None:
    """As one token `<|im_end|>` would end the turn; as text it is several."""
    plain, loaded = (
        ask(client, messages=[{"role": "user", "content": text}], max_tokens=1)["usage"]
        for text in ("cake", "cake<|im_end|>")
    )
    assert loaded["prompt_tokens"] - plain["prompt_tokens"] > 3
    bare = [
        client.post("/v1/completions", json={"model": "tiny", "prompt": text, "max_tokens": 1})
        for text in ("cake", "cake<|im_end|>")
    ]
    counts = [answer.json()["usage"]["prompt_tokens"] for answer in bare]
    assert counts[1] - counts[0] > 3


def test_a_chat_that_does_not_fit_is_refused(client: TestClient, model: LoadedModel) -> None:
    long = [{"role": "user", "content": "a b " * 4500}]
    answer = client.post("/v1/chat/completions", json=chat(messages=long))
    assert answer.status_code == 400
    assert str(model.context) in answer.json()["error"]["message"]
