"""Tasks, health and metrics; corrected answers become pairs."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from setaccio.data import load_pairs
from setaccio.data.errors import UsageError
from setaccio.data.task.task import Task
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.app import create_app
from setaccio.runtime.server.http.catalogue import make_catalogue
from setaccio.runtime.server.http.corrections import Corrections
from setaccio.runtime.server.http.gate import RequestLimits

GOLD = {"title": "Café", "ingredients": ["2 eggs"], "directions": []}


def test_tasks_say_which_adapter_was_made_for_them(client: TestClient, recipe: Task) -> None:
    tasks = {each["name"]: each for each in client.get("/tasks").json()}
    assert set(tasks) == {"recipe", "name"}
    assert tasks["recipe"]["schema"] == recipe.json_schema
    assert [tasks[name]["adapter"] for name in ("recipe", "name")] == [None, "names"]


def test_a_further_task_takes_the_place_of_a_carried_one(engine: Engine, recipe: Task) -> None:
    changed = recipe.model_copy(update={"instruction": "Only the title."})
    catalogue = make_catalogue(engine, "tiny", [changed])
    assert catalogue.offer("recipe").task == changed
    assert not catalogue.offer("recipe").carried
    with pytest.raises(UsageError, match="two tasks"):
        make_catalogue(engine, "tiny", [changed, changed])
    with pytest.raises(UsageError, match="base and adapter"):
        make_catalogue(engine, "names")


def test_health_says_live_and_ready_apart(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    assert client.get("/health/ready").json() == {"status": "ok"}
    health = client.get("/health").json()
    assert (health["status"], health["slots"], health["corrections"]) == ("ok", 4, True)


def numbers(text: str) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in re.findall(r"^(setaccio_\S+(?: \S+)*) (\S+)$", text, re.MULTILINE)
    }


def test_metrics_count_requests_documents_and_tokens(client: TestClient) -> None:
    before = numbers(client.get("/metrics").text)
    row = client.post("/extract", json={"text": "A cake of 2 eggs.", "task": "recipe"}).json()
    chat = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
    client.post("/v1/chat/completions", json=chat)
    client.post("/extract", json={"text": 1})
    document = f'setaccio_documents_total{{status="{row["status"]}"}}'
    until = time.monotonic() + 30
    while True:  # an answer is counted when it has been given
        after = numbers(client.get("/metrics").text)
        if after.get(document) != before.get(document) or time.monotonic() > until:
            break

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown(document) == 1
    assert grown('setaccio_tokens_total{kind="completion"}') == row["completion_tokens"] + 3
    for status in ("200", "400"):
        name = f'setaccio_requests_total{{method="POST",route="/extract",status="{status}"}}'
        assert grown(name) == 1
    assert grown('setaccio_request_seconds_count{route="/extract"}') == 2
    assert after["setaccio_slots"] == 4
    assert {"setaccio_queued", "setaccio_busy_slots"} <= set(after)


def test_corrections_are_pairs_that_training_reads(client: TestClient, corrections: Path) -> None:
    first = {"id": "a", "text": "Café: 2 eggs.", "gold": GOLD, "task": "recipe"}
    extra = {"adapter": "tiny", "from_model": "tiny.gguf", "data": {"title": None}}
    kept = client.post("/corrections", json={**first, **extra})
    assert (kept.status_code, kept.json()) == (201, {"id": "a", "file": str(corrections)})
    schema = {"type": "object", "properties": {"x": {"type": ["string", "null"]}}}
    second = {"text": "Nothing.", "gold": {"x": None}, "schema": schema, "instruction": "Find x."}
    name = client.post("/corrections", json=second).json()["id"]
    pairs, problems = load_pairs(corrections)
    assert problems == []
    assert [(pair.id, pair.text, pair.gold) for pair in pairs] == [
        ("a", "Café: 2 eggs.", GOLD),
        (name, "Nothing.", {"x": None}),
    ]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"gold": {"title": "a"}}, "gold"),
        ({"gold": {**GOLD, "more": 1}}, "gold"),
        ({"gold": "a"}, "gold"),
        ({"text": " "}, "text"),
        ({"task": None}, "task"),
        ({"task": "other"}, "task"),
        ({"file": "/tmp/x"}, "file"),
    ],
)
def test_what_is_no_pair_is_not_kept(
    client: TestClient, corrections: Path, change: dict, param: str
) -> None:
    body = {"text": "a", "gold": GOLD, "task": "recipe", **change}
    answer = client.post("/corrections", json=body)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == param
    assert not corrections.exists()


def test_why_a_gold_does_not_fit_is_said_without_quoting_it(client: TestClient) -> None:
    gold = {**GOLD, "title": ["Otto"], "ingredients": [4711]}
    answer = client.post("/corrections", json={"text": "a", "gold": gold, "task": "recipe"})
    said = answer.json()["error"]["message"]
    assert "$.title" in said and "$.ingredients[0]" in said
    assert "Otto" not in said and "4711" not in said


def test_a_pattern_that_searches_without_end_is_given_up(client: TestClient) -> None:
    value = {"type": "string", "pattern": "^(a|aa)+$"}
    schema = {"type": "object", "properties": {"a": value}, "required": ["a"]}
    body = {"text": "a", "gold": {"a": "a" * 60 + "!"}, "schema": schema}
    answer = client.post("/corrections", json=body)
    assert answer.status_code == 400
    assert "does not fit the schema" in answer.json()["error"]["message"]


def test_corrections_can_be_off(engine: Engine) -> None:
    app = create_app(engine, make_catalogue(engine, "tiny"), RequestLimits())
    client = TestClient(app, base_url="http://127.0.0.1:8471")
    body = {"text": "a", "gold": GOLD, "task": "recipe"}
    assert client.post("/corrections", json=body).status_code == 404
    assert client.get("/health").json()["corrections"] is False


def test_a_torn_line_is_cut_off_and_an_open_one_ended(corrections: Path) -> None:
    corrections.write_text('{"id":"a"}\n{"id":"b","te', encoding="utf-8")
    file = Corrections(corrections)
    file.add({"id": "c"})
    file.close()
    assert corrections.read_text(encoding="utf-8") == '{"id":"a"}\n{"id":"c"}\n'
    corrections.write_text('{"id":"a"}', encoding="utf-8")
    file.add({"id": "b"})
    file.close()
    lines = corrections.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"id": "a"}, {"id": "b"}]


def test_a_pair_goes_where_the_file_is_now(corrections: Path, tmp_path: Path) -> None:
    """An editor writes another file and puts it in the place of the first, or deletes it."""
    file = Corrections(corrections)
    file.add({"id": "a"})
    (tmp_path / "saved").write_text('{"id":"edited"}\n', encoding="utf-8")
    (tmp_path / "saved").rename(corrections)
    file.add({"id": "b"})
    assert corrections.read_text(encoding="utf-8") == '{"id":"edited"}\n{"id":"b"}\n'
    corrections.unlink()
    file.add({"id": "c"})
    assert corrections.read_text(encoding="utf-8") == '{"id":"c"}\n'
    corrections.write_text('{"id":"in place"}', encoding="utf-8")
    file.add({"id": "d"})
    assert corrections.read_text(encoding="utf-8") == '{"id":"in place"}\n{"id":"d"}\n'
    file.close()


def test_the_same_pair_is_kept_once(client: TestClient, corrections: Path) -> None:
    body = {"text": "Café: 2 eggs.", "gold": GOLD, "task": "recipe"}
    answers = [client.post("/corrections", json=body) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(corrections.read_text(encoding="utf-8").splitlines()) == 1
    changed = {**body, "gold": {**GOLD, "title": "Tea"}}
    assert client.post("/corrections", json=changed).json()["id"] != answers[0].json()["id"]
    assert len(corrections.read_text(encoding="utf-8").splitlines()) == 2


def test_a_file_that_holds_no_pairs_is_left_alone(corrections: Path) -> None:
    corrections.write_text("My notes\nof today", encoding="utf-8")
    with pytest.raises(UsageError, match="first line is no JSON object"):
        Corrections(corrections)
    assert corrections.read_text(encoding="utf-8") == "My notes\nof today"


def test_a_file_of_corrections_that_can_not_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        Corrections(tmp_path / "missing" / "pairs.jsonl")
    with pytest.raises(UsageError, match="can not be written"):
        Corrections(tmp_path)
