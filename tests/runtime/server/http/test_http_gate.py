"""Who may ask, how much, and what is told of what went wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.app import create_app
from setaccio.runtime.server.http.catalogue import make_catalogue
from setaccio.runtime.server.http.gate import LOOPBACK_NAMES, Gate, RequestLimits

URL = "http://127.0.0.1:8471"
PRIVATE = "Otto Normalverbraucher owes 4711 lire."
ROUTES = [
    ("GET", "/tasks"),
    ("GET", "/health"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/extract"),
    ("POST", "/extract/stream"),
    ("POST", "/corrections"),
    ("GET", "/nowhere"),
]


def guarded(engine: Engine, limits: RequestLimits) -> TestClient:
    return TestClient(create_app(engine, make_catalogue(engine, "tiny"), limits), base_url=URL)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_wants_the_key(engine: Engine, method: str, path: str) -> None:
    client = guarded(engine, RequestLimits(hosts=None, key="right"))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}):
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "invalid_api_key"
    let_in = client.request(method, path, headers={"Authorization": "Bearer right"})
    assert let_in.status_code not in (401, 403)


def test_the_page_and_liveness_need_no_key(engine: Engine) -> None:
    client = guarded(engine, RequestLimits(hosts=None, key="right"))
    assert client.get("/health/live").json() == {"status": "ok"}
    assert "<title>" in client.get("/").text
    assert client.get("/page/icon.svg").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8471", "", "[::1"])
def test_another_name_for_the_loopback_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/tasks", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8471", "LOCALHOST", "127.0.0.1:1", "[::1]:8471"])
def test_its_own_names_are_taken(client: TestClient, host: str) -> None:
    assert client.get("/tasks", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8472", ""])
def test_pages_of_other_sites_can_send_nothing(client: TestClient, origin: str) -> None:
    headers = {"Origin": origin}
    for path in ("/extract", "/v1/chat/completions", "/corrections", "/extract/stream"):
        assert client.post(path, json={}, headers=headers).status_code == 403
    answer = client.options(
        "/extract", headers={**headers, "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert client.post("/extract", json={}, headers={"Origin": URL}).status_code == 400


def test_a_proxy_may_stand_before_it(engine: Engine) -> None:
    names = frozenset({"notes.example"})
    limits = RequestLimits(hosts=LOOPBACK_NAMES | names, behind=names)
    client = guarded(engine, limits)
    for host, origin in (
        ("notes.example", "https://notes.example"),
        ("127.0.0.1:8471", "https://notes.example"),
    ):
        headers = {"Host": host, "Origin": origin}
        assert client.post("/extract", json={}, headers=headers).status_code == 400
    evil = {"Host": "notes.example", "Origin": "https://evil.example"}
    assert client.post("/extract", json={}, headers=evil).status_code == 403


def test_bodies_are_json_by_name(client: TestClient) -> None:
    """A form of another site can send text and forms, but not JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": kind}
        assert client.post("/extract", content=b'{"text":"a"}', headers=headers).status_code == 415


def pieces(size: int) -> Iterator[bytes]:
    yield b'{"task": "recipe", "text": "'
    for _ in range(size // 1000):
        yield b"a" * 1000
    yield b'"}'


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(client: TestClient, chunked: bool) -> None:
    """The limit of these tests is 20,000 bytes."""
    headers = {"Content-Type": "application/json"}
    for path in ("/extract", "/v1/chat/completions", "/corrections"):
        content = pieces(25_000) if chunked else b"".join(pieces(25_000))
        answer = client.post(path, content=content, headers=headers)
        assert answer.status_code == 413
        assert "20000 bytes" in answer.json()["error"]["message"]
    small = client.post("/extract", json={"text": "a cake", "task": "recipe"})
    assert small.status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Field required"),
        (b"{", "not JSON"),
        (b'{"text": NaN}', "NaN"),
        (b'{"text": 1e999}', "not JSON"),
        (b'{"text": "\xff"}', "UTF-8"),
        (b'{"text": "\xed\xa0\x80"}', "UTF-8"),
        (b'{"text": "\\ud800"}', "surrogate"),
        (b"[" * 5000, "levels deep"),
        (b'{"text":' * 101 + b"1" + b"}" * 101, "levels deep"),
        (b"[]", "dictionary"),
        (b"1" * 5000, "digits"),
    ],
)
@pytest.mark.parametrize("path", ["/extract", "/v1/chat/completions", "/corrections"])
def test_what_is_no_request_is_said_in_the_envelope(
    client: TestClient, path: str, body: bytes, said: str
) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert said in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


def test_an_error_does_not_quote_the_document(client: TestClient) -> None:
    for body in ({"text": [PRIVATE]}, {"text": PRIVATE, "task": 1}, {"texts": [PRIVATE, 1]}):
        answer = client.post("/extract", json=body)
        assert answer.status_code == 400
        assert "Otto" not in answer.text
    wrong = {"model": "tiny", "messages": [{"role": PRIVATE, "content": [{"text": PRIVATE}]}]}
    answer = client.post("/v1/chat/completions", json=wrong)
    assert answer.status_code == 400
    assert "Otto" not in answer.text


def test_the_log_says_what_was_asked_and_nothing_of_it(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.post(f"/extract?x={PRIVATE}", json={"text": PRIVATE, "task": "recipe"})
    client.post("/extract", json={"text": [PRIVATE]})
    client.get(f"/{PRIVATE}")
    ours = [each.getMessage() for each in caplog.records if each.name == "setaccio.serve"]
    assert [line.split()[:3] for line in ours] == [
        ["POST", "/extract", "200"],
        ["POST", "/extract", "400"],
        ["GET", "other", "404"],
    ]
    others = [each for each in caplog.records if not each.name.startswith(("httpx", "asyncio"))]
    assert not [each for each in others if "Otto" in each.getMessage()]


def test_invented_methods_are_neither_logged_nor_counted_by_name(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert client.request("OTTO", "/tasks").status_code == 405
    assert [each for each in caplog.records if each.getMessage().startswith("other ")]
    ours = [each.getMessage() for each in caplog.records if each.name == "setaccio.serve"]
    assert "OTTO" not in "".join(ours) + client.get("/metrics").text


def test_every_answer_forbids_what_a_page_could_be_made_to_do(client: TestClient) -> None:
    for path in ("/", "/page/icon.svg", "/tasks", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_outside_the_page_is_served(client: TestClient, repository: Path) -> None:
    assert (repository / "runtime" / "server" / "engine.py").is_file()
    for path in ("/page/../engine.py", "/page/%2e%2e/engine.py", "/page/..%2fengine.py", "/page/"):
        assert client.get(path).status_code == 404


def test_a_server_about_to_end_takes_no_work_but_tells_its_health(
    app: Gate, client: TestClient
) -> None:
    app.ending.set()
    answer = client.post("/extract", json={"text": "a", "task": "recipe"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health").json()["status"] == "ending"


def test_methods_that_are_not_there_name_those_that_are(client: TestClient) -> None:
    answer = client.put("/extract", json={})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert json.loads(answer.text)["error"]["message"]
