"""/extract gives the rows of the command line, at once, as they grow, or line by line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from setaccio.data.errors import NotBegunError
from setaccio.data.records import Document, Pair
from setaccio.runtime import Extractor, LoadedModel, load_adapter
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.answers import result_of
from setaccio.runtime.server.http.app import create_app
from setaccio.runtime.server.http.catalogue import make_catalogue
from setaccio.runtime.server.http.errors import HttpError
from setaccio.runtime.server.http.gate import RequestLimits
from setaccio.runtime.server.request_types import ChatResult
from setaccio.runtime.server.ticket import Ticket

CAKE = "Sponge cake. Beat 2 eggs with 50 g sugar. Bake for 25 minutes."
NO_NUMBER = {"type": "object", "properties": {"a": {"not": {"type": "number"}}}}


def without_time(row: dict) -> dict:
    return {key: value for key, value in row.items() if key != "seconds"}


def events(text: str) -> list[tuple[str, dict]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_text_gives_the_row_of_the_command_line(client: TestClient, model: LoadedModel) -> None:
    row = client.post("/extract", json={"text": CAKE, "task": "recipe"}).json()
    own = Extractor(model).extract(CAKE).to_dict()
    assert without_time(row) == without_time(json.loads(json.dumps(own)))
    assert row["status"] == "ok"
    assert row["spans"]["/title"] == {"start": 0, "end": 11, "how": "exact", "score": 1.0}


def test_documents_keep_their_ids_and_order(
    client: TestClient, model: LoadedModel, recipe_pairs: list[Pair]
) -> None:
    documents = [{"id": pair.id, "text": pair.text} for pair in recipe_pairs[:12]]
    answer = client.post("/extract", json={"documents": documents, "task": "recipe"}).json()
    own = Extractor(model).extract_all(Document(each["id"], each["text"]) for each in documents)
    expected = [without_time(json.loads(row.to_json())) for row in own]
    assert [without_time(row) for row in answer["rows"]] == expected


def test_texts_are_numbered(client: TestClient) -> None:
    rows = client.post("/extract", json={"texts": [CAKE, ""], "task": "recipe"}).json()["rows"]
    assert [row["id"] for row in rows] == ["1", "2"]
    assert [row["status"] for row in rows] == ["ok", "error"]


def test_the_adapter_of_a_task_works_on_it(
    client: TestClient, model: LoadedModel, adapter_file: Path
) -> None:
    by_task = client.post("/extract", json={"text": CAKE, "task": "name"}).json()
    by_adapter = client.post("/extract", json={"text": CAKE, "adapter": "names"}).json()
    own = Extractor(model, adapter=load_adapter(model, adapter_file)).extract(CAKE)
    assert by_task["data"] == by_adapter["data"] == own.data
    assert by_task["model"] == own.model
    assert by_task["task"] == "name"


def test_a_schema_needs_no_task(client: TestClient) -> None:
    schema = {
        "type": "object",
        "properties": {"size": {"enum": ["small", "large"]}},
        "required": ["size"],
        "additionalProperties": False,
    }
    row = client.post("/extract", json={"text": CAKE, "schema": schema}).json()
    assert row["status"] == "ok"
    assert row["data"]["size"] in ("small", "large")


def test_options_are_those_of_the_extractor(client: TestClient, model: LoadedModel) -> None:
    options = {"temperature": 0.9, "top_p": 0.8, "seed": 7, "max_tokens": 30}
    body = {"text": CAKE, "task": "recipe", "options": options}
    row = client.post("/extract", json=body).json()
    own = Extractor(model, **options).extract(CAKE)
    assert (row["raw"], row["status"]) == (own.raw, own.status)
    assert own.status == "truncated_output"
    assert row["data"] is not None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": "a", "texts": ["b"]}, "text"),
        ({"texts": []}, "texts"),
        ({"text": 1}, "text"),
        ({"text": "a"}, "task"),
        ({"text": "a", "task": "recipe", "schema": {}}, "schema"),
        ({"text": "a", "task": "recipe", "instruction": "Do."}, "instruction"),
        ({"text": "a", "task": "recipe", "path": "/etc/passwd"}, "path"),
        ({"text": "a", "task": "recipe", "options": {"temperature": "hot"}}, "options.temperature"),
        ({"texts": ["a"], "task": "recipe", "stream": True}, "stream"),
        ({"text": "a", "schema": {"type": "objekt"}}, "schema"),
        ({"text": "a", "schema": {"propertes": {"a": {"type": "string"}}}}, "schema"),
    ],
)
def test_a_wrong_request_names_its_parameter(client: TestClient, body: dict, param: str) -> None:
    answer = client.post("/extract", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("body", "param"),
    [({"task": "/etc/passwd"}, "task"), ({"task": "recipe", "adapter": "../a.gguf"}, "adapter")],
)
def test_nothing_but_what_is_on_offer_can_be_named(
    client: TestClient, body: dict, param: str
) -> None:
    answer = client.post("/extract", json={"text": "a", **body})
    assert answer.status_code == 404
    assert answer.json()["error"]["param"] == param


def test_a_schema_that_can_not_be_enforced_is_refused_with_the_place(client: TestClient) -> None:
    answer = client.post("/extract", json={"text": "a", "schema": NO_NUMBER})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("schema", "unsupported_schema")
    assert "$.properties.a.not" in error["message"]


def test_a_stream_grows_to_the_row(client: TestClient) -> None:
    body = {"text": CAKE, "task": "recipe"}
    row = client.post("/extract", json=body).json()
    answer = client.post("/extract", json={**body, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *deltas, (last, done) = events(answer.text)
    assert last == "done"
    assert {name for name, _ in deltas} == {"delta"}
    assert len(deltas) > 5
    assert "".join(data["text"] for _, data in deltas) == row["raw"]
    assert without_time(done) == without_time(row)


def test_lines_give_rows_in_order_and_bad_ones_their_place(
    client: TestClient, recipe_pairs: list[Pair]
) -> None:
    lines = [json.dumps({"id": pair.id, "text": pair.text}) for pair in recipe_pairs[:10]]
    lines[3] = '{"text": 1}'
    lines[5] = "{"
    lines[6] = json.dumps({"text": "a", "schema": NO_NUMBER})
    lines[7] = json.dumps({"id": "long", "text": "a" * 30_000})
    lines.insert(4, "")
    content = "\n".join(lines).encode() + b'\n{"text":"\xff"}'
    rows = [
        json.loads(line)
        for line in client.post("/extract/stream?task=recipe", content=content).text.splitlines()
    ]
    assert [row["status"] for row in rows] == [
        *["ok"] * 3,
        "error",
        *["ok"],
        *["error"] * 3,
        *["ok"] * 2,
        "error",
    ]
    assert [rows[place]["id"] for place in (0, 3, 5, 6, 7, 10)] == [
        recipe_pairs[0].id,
        "line 4",
        "line 7",
        "line 8",
        "line 9",
        "line 12",
    ]
    assert "text" in rows[3]["message"]
    assert "JSON" in rows[5]["message"]
    assert "$.properties.a.not" in rows[6]["message"]
    assert "20000 bytes" in rows[7]["message"]
    assert "UTF-8" in rows[10]["message"]
    alone = client.post("/extract", json={"text": recipe_pairs[9].text, "task": "recipe"}).json()
    assert without_time({**alone, "id": rows[9]["id"]}) == without_time(rows[9])


def test_a_stream_without_lines_is_empty(client: TestClient) -> None:
    answer = client.post("/extract/stream", content=b"\n\n")
    assert (answer.status_code, answer.text) == (200, "")


def test_the_time_limit_is_of_the_request_and_not_of_each_document(engine: Engine) -> None:
    """Far more documents than the limit has time for: all have a row, the last ones no answer."""
    limits = RequestLimits(timeout=1.0)
    client = TestClient(
        create_app(engine, make_catalogue(engine, "tiny"), limits), base_url="http://localhost"
    )
    words = {"type": "array", "items": {"type": "string", "minLength": 20}, "minItems": 90}
    schema = {"type": "object", "properties": {"words": words}, "required": ["words"]}
    texts = [f"Cake {number}." for number in range(400)]
    rows = client.post("/extract", json={"texts": texts, "schema": schema}).json()["rows"]
    assert len(rows) == len(texts)
    assert rows[-1]["status"] == "error"
    assert "time limit" in rows[-1]["message"]


def test_what_did_not_begin_in_time_is_504() -> None:
    ticket: Ticket[ChatResult] = Ticket()
    ticket.settle(error=NotBegunError("It did not begin"))
    with pytest.raises(HttpError) as caught:
        asyncio.run(result_of(ticket))
    assert caught.value.status_code == 504
