"""A server whose model thinks before it answers, where it is asked to.

Run: pytest tests/runtime/server/http/test_http_thinking.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from test_http_extract import events, without_time

from setaccio.data import Document, Task
from setaccio.data.errors import ModelError, UsageError
from setaccio.runtime import Extractor, LoadedModel, load_model
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.app import create_app
from setaccio.runtime.server.http.catalogue import make_catalogue
from setaccio.runtime.server.http.gate import RequestLimits

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Bari", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TEXTS = ["Ada lives in Bari.", "Bruno of Lecce went to Rome.", "Rome"]
MOST = 9


@pytest.fixture(scope="module")
def thinks(thinking_gguf: Path) -> LoadedModel:
    return load_model(thinking_gguf, threads=1)


@pytest.fixture(scope="module")
def thinker(thinks: LoadedModel) -> Iterator[Engine]:
    with Engine(thinks, {}, parallel=2) as engine:
        yield engine


def client_of(engine: Engine, thinking: int | None) -> TestClient:
    app = create_app(engine, make_catalogue(engine, "m", thinking=thinking), RequestLimits())
    return TestClient(app, base_url="http://127.0.0.1:8471")


def rows(client: TestClient, **options: Any) -> list[dict[str, Any]]:
    body = {"texts": TEXTS, "schema": SCHEMA, "options": {"max_tokens": 20, **options}}
    answer = client.post("/extract", json=body)
    assert answer.status_code == 200, answer.text
    return [without_time(row) for row in answer.json()["rows"]]


def own(model: LoadedModel, thinking: int | None) -> list[dict[str, Any]]:
    extractor = Extractor(model, Task.from_schema(SCHEMA), max_tokens=20, thinking=thinking)
    documents = [Document(str(n), text) for n, text in enumerate(TEXTS, 1)]
    return [without_time(row.to_dict()) for row in extractor.extract_all(documents)]


def answers(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["id"], row["status"], row["raw"], row.get("thought")) for row in found]


def test_a_request_says_whether_the_model_thinks(thinker: Engine, thinks: LoadedModel) -> None:
    silent, thinking = client_of(thinker, None), client_of(thinker, MOST)
    plain, thought = answers(own(thinks, None)), answers(own(thinks, MOST))
    assert plain != thought
    assert answers(rows(silent)) == answers(rows(thinking, thinking=None)) == plain
    assert answers(rows(silent, thinking=MOST)) == answers(rows(thinking)) == thought
    assert all(row[-1] for row in thought)


def test_an_answer_that_grows_holds_no_thought(thinker: Engine, thinks: LoadedModel) -> None:
    body = {"text": TEXTS[0], "schema": SCHEMA, "stream": True, "options": {"max_tokens": 20}}
    *deltas, (name, row) = events(client_of(thinker, MOST).post("/extract", json=body).text)
    assert name == "done" and row["thought"] == own(thinks, MOST)[0]["thought"]
    assert "".join(data["text"] for _, data in deltas) == row["raw"]


def test_lines_take_what_the_server_says(thinker: Engine, thinks: LoadedModel) -> None:
    client = client_of(thinker, MOST)
    lines = "\n".join(json.dumps({"text": text, "schema": SCHEMA}) for text in TEXTS)
    found = [json.loads(row) for row in client.post("/extract/stream", content=lines).iter_lines()]
    assert all(row["thought"] for row in found)


def test_what_can_not_think_is_refused(thinker: Engine, client: TestClient, engine: Engine) -> None:
    asked = {"text": "Ada", "task": "recipe", "options": {"thinking": 5}}
    answer = client.post("/extract", json=asked)
    assert answer.status_code == 400
    assert "no switch for thoughts" in answer.json()["error"]["message"]
    with pytest.raises(ModelError, match=r"tiny-recipe.*no switch for thoughts"):
        make_catalogue(engine, "tiny", thinking=5)
    with pytest.raises(UsageError, match=r"thinking is 5000.*context of 1024"):
        make_catalogue(thinker, "m", thinking=5000)
    long = {"text": "Ada", "schema": SCHEMA, "options": {"thinking": 5000}}
    answer = client_of(thinker, None).post("/extract", json=long)
    assert answer.status_code == 400 and "context" in answer.json()["error"]["message"]
