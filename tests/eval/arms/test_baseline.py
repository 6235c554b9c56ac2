"""A model behind an endpoint as an arm, with a stub and with a real server of the protocol.

Run: pytest tests/eval/arms/test_baseline.py
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoint_stub import Reply, completion, failure, serve

from setaccio.data import Pair, Task, write_pairs
from setaccio.data.errors import UsageError
from setaccio.eval.arms.baseline import CostCapReached, Endpoint, EndpointArm, answer_folder
from setaccio.eval.compare import compare

pytest.importorskip("openai")

GOLD = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water."]}
PAIRS = [Pair(f"p{n}", f"For Tea number {n} boil the water.", GOLD) for n in range(4)]
KEY = "sk-secret-0123456789"


def by_document(body: dict[str, Any]) -> Reply:
    """One right answer, one cut off, one that is no JSON, one of another form."""
    text = body["messages"][-1]["content"]
    number = int(text.split("number ")[1].split()[0])
    return (
        completion(json.dumps(GOLD)),
        completion('{"title": "Te', "length"),
        completion("I am sorry."),
        completion('{"title": 3}'),
    )[number]


def test_its_row_stands_beside_the_others(recipe: Task, tmp_path: Path, tiny_gguf: Path):
    with serve(answer=by_document) as stub:
        arm = EndpointArm("big", Endpoint(stub.url, "big-70b"), tmp_path / "cache")
        result = compare([arm], PAIRS, recipe, out=tmp_path / "run").arms[0]
    assert [one.status for one in result.scores] == [
        "ok", "truncated_output", "invalid_json", "invalid_schema",
    ]  # fmt: skip
    assert [one.score for one in result.scores] == [1.0, 0.0, 0.0, 0.0]
    assert (result.name, result.model, result.constraint) == ("big", "big-70b", "schema")
    assert result.summary.prompt_tokens == 400
    rendered = recipe.messages(PAIRS[0].text)
    assert stub.requests[0]["messages"] == rendered


def test_what_was_paid_for_is_not_asked_again(
    recipe: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SETACCIO_API_KEY", KEY)
    with serve(answer=by_document) as stub:
        arm = EndpointArm("big", Endpoint(stub.url, "m", retries=0), tmp_path / "cache")
        first = compare([arm], PAIRS, recipe, out=tmp_path / "a").arms[0]
    assert len(stub.requests) == 4
    again = compare([arm], PAIRS, recipe, out=tmp_path / "b").arms[0]  # nobody listens any more
    assert [one.to_dict() for one in again.scores] == [one.to_dict() for one in first.scores]
    config = json.loads((tmp_path / "b/config.json").read_text())
    assert config["arms"][0]["asked"] == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(list((tmp_path / "cache").rglob("*.json"))) == 4
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_text('{"text": "{')  # torn
    with pytest.raises(UsageError, match="no usable answer"):
        compare([arm], PAIRS, recipe)


def test_other_options_are_other_answers(recipe: Task, tmp_path: Path):
    with serve(answer=by_document) as stub:
        for request in ({}, {"seed": 1}):
            endpoint = Endpoint(stub.url, "m", request=request)
            compare([EndpointArm("big", endpoint, tmp_path)], PAIRS[:1], recipe)
        assert len(stub.requests) == 2
        compare([EndpointArm("big", endpoint, tmp_path)], PAIRS[:1], recipe, max_tokens=7)
    assert stub.requests[-1]["max_tokens"] == 7


def test_at_the_cap_it_stops_and_later_goes_on(recipe: Task, tmp_path: Path):
    with serve(completion(json.dumps(GOLD), usage=(500, 100))) as stub:
        prices = {"input_price": 100.0, "output_price": 100.0}
        capped = Endpoint(stub.url, "m", cost_cap=0.2, **prices)
        with pytest.raises(CostCapReached, match=r"have one, kept in .*Run again"):
            compare([EndpointArm("big", capped, tmp_path / "c")], PAIRS, recipe, out=tmp_path / "r")
        kept = len(stub.requests)
        assert 0 < kept < len(PAIRS)
        rows = (tmp_path / "r/predictions-big-constrained.jsonl").read_text().splitlines()
        assert len(rows) == kept
        freed = Endpoint(stub.url, "m", **prices)
        result = compare(
            [EndpointArm("big", freed, tmp_path / "c")], PAIRS, recipe, out=tmp_path / "r"
        )
        assert len(stub.requests) == len(PAIRS)
    assert result.arms[0].summary.l3.mean == 1.0


def test_a_refused_document_fails_and_a_refused_request_ends(recipe: Task, tmp_path: Path):
    right = completion(json.dumps(GOLD))
    with serve(right, failure(400, "context too long"), right) as stub:
        arm = EndpointArm("big", Endpoint(stub.url, "m"), tmp_path / "one")
        result = compare([arm], PAIRS, recipe).arms[0]
    assert [one.status for one in result.scores] == ["ok", "error", "ok", "ok"]
    with serve(failure(400, "unknown response_format")) as stub:
        arm = EndpointArm("big", Endpoint(stub.url, "m"), tmp_path / "two")
        with pytest.raises(UsageError, match=r"unknown response_format.*'schema', try another"):
            compare([arm], PAIRS, recipe)


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert answer_folder() == tmp_path / "setaccio" / "answers"


def test_on_the_command_line(tmp_path: Path):
    write_pairs(tmp_path / "pairs.jsonl", PAIRS)
    paths = os.pathsep.join(path for path in sys.path if path)
    with serve(answer=by_document) as stub:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "setaccio.cli.main", "eval", "--pairs", "pairs.jsonl"),
                *("--task", "recipe", "--endpoint", stub.url, "--endpoint-model", "big-70b"),
                *("--answer-format", "text", "--price", "1,2", "--cost-cap", "3", "--rpm", "9000"),
                *("--cache", "cache", "--out", "run"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1", "SETACCIO_API_KEY": KEY},
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "big-70b" in done.stdout
    assert stub.keys[0] == f"Bearer {KEY}"
    assert KEY not in done.stdout + done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]


@pytest.fixture(scope="module")
def llama_server(tiny_gguf: Path) -> Iterator[str]:
    """llama-cpp-python's own server of the protocol, with the bundled model."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("sse_starlette")
    pytest.importorskip("starlette_context")
    pytest.importorskip("pydantic_settings")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--model", str(tiny_gguf), "--port", str(port), "--n_ctx", "2048", "--n_threads", "1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(600):
            if server.poll() is not None:
                pytest.fail(f"llama_cpp.server ended with {server.returncode}")
            try:
                urllib.request.urlopen(f"{url}/models", timeout=5).close()  # noqa: S310 - ours
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait()


@pytest.mark.slow
def test_a_real_server_constrained_and_free(llama_server: str, recipe: Task, tmp_path: Path):
    arms = [
        EndpointArm(form, Endpoint(llama_server, "tiny", answer_format=form, timeout=600), tmp_path)
        for form in ("object", "text")
    ]
    constrained, free = compare(arms, PAIRS[:2], recipe).arms
    assert constrained.constraint == "schema"
    complete = [one for one in constrained.scores if one.status != "truncated_output"]
    assert all(one.l1 and one.l2 for one in complete)
    assert {one.status for one in free.scores} <= {
        "ok", "truncated_output", "invalid_json", "invalid_schema",
    }  # fmt: skip
    assert free.summary.prompt_tokens > 100
