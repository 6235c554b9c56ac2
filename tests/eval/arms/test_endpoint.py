"""Asking an endpoint: repetition, pace, purse, and a key that stays where it is.

Run: pytest tests/eval/arms/test_endpoint.py
"""

from __future__ import annotations

from typing import Any

import pytest
from endpoint_stub import completion, failure, serve

from setaccio.data import Task
from setaccio.data.errors import UsageError
from setaccio.eval.arms.endpoint import CostCapReached, Endpoint, Refused
from setaccio.eval.arms.endpoint_client import Client, RequestPace

pytest.importorskip("openai")

KEY = "sk-secret-0123456789"
VARIABLE = "SETACCIO_TEST_KEY"


def body_of(endpoint: Endpoint, text: str = "Boil water.", max_tokens: int = 50) -> dict[str, Any]:
    return endpoint.body([{"role": "user", "content": text}], {"type": "object"}, "t", max_tokens)


def ask(endpoint: Endpoint, sleeps: list[float] | None = None) -> Any:
    client = Client(endpoint, sleep=(sleeps if sleeps is not None else []).append)
    try:
        return client.ask(body_of(endpoint))
    finally:
        client.close()


def test_it_asks_again_until_an_answer_comes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, KEY)
    replies = (
        failure(429, "slow down", retry_after="7"),
        failure(500),
        (200, {}, "<html>maintenance</html>"),
        (200, {}, '{"choices": []}'),
        (200, {}, '["not an object"]'),
        completion('{"a": 1}', usage=(30, 5)),
    )
    sleeps: list[float] = []
    with serve(*replies) as stub:
        answer = ask(Endpoint(stub.url, "m", VARIABLE, pause=1.0), sleeps)
    assert (answer.text, answer.finish) == ('{"a": 1}', "stop")
    assert (answer.prompt_tokens, answer.completion_tokens) == (30, 5)
    assert len(stub.requests) == 6
    assert set(stub.keys) == {f"Bearer {KEY}"}
    assert sleeps[0] == 7.0  # what the endpoint asked for
    assert all(2**n / 2 <= pause <= 2**n for n, pause in enumerate(sleeps) if n)


def test_it_gives_up_and_says_how_to_go_on():
    with serve(failure(503, "overloaded")) as stub, pytest.raises(UsageError) as caught:
        ask(Endpoint(stub.url, "m", retries=2))
    assert len(stub.requests) == 3
    assert "in 3 tries" in str(caught.value)
    assert "overloaded" in str(caught.value)
    assert "run the same command again" in str(caught.value)


def test_an_endpoint_that_is_not_there_is_named():
    with serve(failure(500)) as stub:
        pass
    with pytest.raises(UsageError, match="no usable answer in 2 tries"):
        ask(Endpoint(stub.url, "m", retries=1))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (failure(401, f"bad key {KEY}"), f"environment variable {VARIABLE} was refused"),
        (failure(404, "no such model"), "Check the URL"),
        (failure(429, "pay first", code="insufficient_quota"), "no money left"),
    ],
)
def test_what_asking_again_can_not_mend_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, reply: Any, says: str
):
    monkeypatch.setenv(VARIABLE, KEY)
    with serve(reply) as stub, pytest.raises(UsageError) as caught:
        ask(Endpoint(stub.url, "m", VARIABLE))
    assert len(stub.requests) == 1
    assert says in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with serve(failure(401)) as stub, pytest.raises(UsageError, match=f"{VARIABLE} is not set"):
        ask(Endpoint(stub.url, "m", VARIABLE))
    assert stub.keys == ["Bearer none"]


def test_a_request_that_is_refused_is_told_apart():
    with serve(failure(400, "context too long")) as stub, pytest.raises(Refused, match="too long"):
        ask(Endpoint(stub.url, "m"))


def test_the_cap_is_never_exceeded():
    with serve(completion("{}", usage=(100, 50))) as stub:
        endpoint = Endpoint(stub.url, "m", input_price=1000, output_price=2000, cost_cap=2.0)
        client = Client(endpoint)
        asked = 0
        with pytest.raises(CostCapReached, match="beyond the cap of 2"):
            while asked < 100:
                client.ask(body_of(endpoint))
                asked += 1
        client.close()
    assert asked == len(stub.requests)
    assert client.spent == pytest.approx(asked * 0.2)
    assert 1.0 < client.spent <= 2.0


def test_an_answer_without_counts_costs_the_most_that_it_can():
    with serve(completion("{}", usage=None)) as stub:
        answer = ask(Endpoint(stub.url, "m", input_price=1.0, output_price=1.0))
    assert answer.completion_tokens == 50
    assert answer.prompt_tokens > len("Boil water.")


def test_requests_keep_their_distance():
    clock = [0.0]
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        clock[0] += seconds

    pace = RequestPace(30, now=lambda: clock[0], sleep=sleep)
    for took in (0.5, 5.0, 0.0):
        pace.wait()
        clock[0] += took
    pace.wait()
    assert sleeps == [1.5, 2.0]
    free = RequestPace(None, now=lambda: 0.0, sleep=sleep)
    free.wait()
    free.wait()
    assert len(sleeps) == 2


def test_the_schema_goes_along_as_asked(recipe: Task):
    def sent(form: Any, **request: Any) -> dict[str, Any]:
        endpoint = Endpoint("http://h/v1", "m", answer_format=form, request=request)
        return endpoint.body(recipe.messages("x"), recipe.json_schema, recipe.name, 9)

    strict = sent("schema")["response_format"]
    assert strict["type"] == "json_schema"
    assert strict["json_schema"]["schema"] == recipe.json_schema
    assert sent("object")["response_format"]["schema"] == recipe.json_schema
    assert "response_format" not in sent("text")
    changed = sent("text", temperature=None, seed=3)
    assert "temperature" not in changed
    assert (changed["seed"], changed["max_tokens"]) == (3, 9)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "ftp://h/v1"}, "is no http"),
        ({"url": f"https://user:{KEY}@h/v1"}, "keep keys out of the URL"),
        ({"url": f"https://h/v1?api-key={KEY}"}, "keep keys out of the URL"),
        ({"model": ""}, "which model"),
        ({"cost_cap": 5.0}, "needs prices"),
        ({"requests_per_minute": 0.0}, "per minute not 0"),
        ({"input_price": -1.0}, "negative"),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any], says: str):
    with pytest.raises(UsageError, match=says) as caught:
        Endpoint(**{"url": "https://h/v1", "model": "m", **settings})
    assert KEY not in str(caught.value)
