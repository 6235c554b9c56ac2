"""A real server and clients that behave badly, or see it end: nobody else is harmed."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from served import Served, serve_cli

from setaccio.data import load_pairs

pytestmark = pytest.mark.slow
CAKE = "Sponge cake. Beat 2 eggs with 50 g sugar. Bake for 25 minutes."
LONG = {
    "model": "tiny-recipe-q8_0",
    "messages": [{"role": "user", "content": CAKE}],
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "words",
            "schema": {
                "type": "object",
                "properties": {
                    "words": {
                        "type": "array",
                        "items": {"type": "string", "minLength": 20, "maxLength": 20},
                        "minItems": 500,
                    }
                },
                "required": ["words"],
            },
        },
    },
    "temperature": 2.0,
    "stream": True,
}
"""A stream that lasts for seconds."""


def health(served: Served) -> dict:
    return httpx.get(f"{served.url}/health").json()


def works(served: Served) -> bool:
    body = {"text": CAKE, "task": "recipe"}
    return httpx.post(f"{served.url}/extract", json=body, timeout=60).json()["status"] == "ok"


def until_idle(served: Served) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        now = health(served)
        if now["busy"] == now["queued"] == 0:
            return True
        time.sleep(0.02)
    return False


@contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        yield connection


def head(path: str, *lines: str) -> bytes:
    all_lines = [f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", ""]
    return "\r\n".join(all_lines).encode()


@contextmanager
def streaming(served: Served, most: int = 2000) -> Iterator[Iterator[str]]:
    """A stream that has begun."""
    url = f"{served.url}/v1/chat/completions"
    with httpx.stream("POST", url, json={**LONG, "max_tokens": most}, timeout=60) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        yield lines


def test_sigterm_finishes_what_was_accepted_and_refuses_the_rest(tiny_gguf: Path) -> None:
    with serve_cli(tiny_gguf) as served, streaming(served, 300) as lines:
        served.process.send_signal(signal.SIGTERM)
        statuses = set()
        while 503 not in statuses:
            answer = httpx.post(f"{served.url}/extract", json={"text": CAKE, "task": "recipe"})
            statuses.add(answer.status_code)
        assert answer.headers["Retry-After"]
        assert [line for line in lines if line][-1] == "data: [DONE]"
        assert served.process.wait(30) == 0
        assert "Traceback" not in served.said


def test_ctrl_c_ends_in_the_same_way_and_a_second_one_at_once(tiny_gguf: Path) -> None:
    with serve_cli(tiny_gguf) as served:
        assert served.end(signal.SIGINT) == 130
        assert "Traceback" not in served.said
    with serve_cli(tiny_gguf) as served, streaming(served) as lines:
        served.process.send_signal(signal.SIGINT)
        while health(served)["status"] != "ending":
            pass
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(10) == 130
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
        assert "Traceback" not in served.said


def test_a_stream_of_lines_that_the_end_breaks_off_can_not_be_taken_for_whole(
    tiny_gguf: Path,
) -> None:
    with serve_cli(tiny_gguf) as served, connected(served) as connection:
        connection.sendall(head("/extract/stream?task=recipe", "Transfer-Encoding: chunked"))
        line = json.dumps({"text": CAKE}).encode() + b"\n"
        connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        said = connection.makefile("rb")
        assert b"200" in said.readline()
        while not (row := said.readline()).startswith(b"{"):
            pass
        assert json.loads(row)["status"] == "ok"
        assert served.end() == 0
        assert b"0\r\n\r\n" not in said.read()


def test_a_kill_loses_no_correction_that_was_acknowledged(
    tiny_gguf: Path, corrections: Path
) -> None:
    kept: list[str] = []
    with serve_cli(tiny_gguf, "--corrections", corrections) as served:

        def correct(number: int) -> None:
            gold = {"title": "é" * 2000, "ingredients": [], "directions": []}
            with httpx.Client(base_url=served.url) as client:
                for place in range(1000):
                    body = {"id": f"{number}-{place}", "text": "a", "gold": gold, "task": "recipe"}
                    try:
                        answer = client.post("/corrections", json=body)
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 201
                    kept.append(body["id"])

        threads = [threading.Thread(target=correct, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while len(kept) < 40:
            time.sleep(0.01)
        served.process.kill()
        for thread in threads:
            thread.join()
    pairs, _ = load_pairs(corrections, skip_bad=True)
    assert set(kept) <= {pair.id for pair in pairs}


def test_a_client_that_goes_away_frees_its_slot(tiny_gguf: Path) -> None:
    body = json.dumps({**LONG, "stream": False}).encode()
    with serve_cli(tiny_gguf, "--parallel", 1) as served:
        for _ in range(3):
            with streaming(served):
                assert health(served)["busy"] == 1
            with connected(served) as connection:
                lines = "Content-Type: application/json", f"Content-Length: {len(body)}"
                connection.sendall(head("/v1/chat/completions", *lines) + body)
                while health(served)["busy"] == 0:
                    pass
            assert until_idle(served)
        assert works(served)


def test_lines_are_read_no_further_than_they_are_decoded(tiny_gguf: Path) -> None:
    lines = [json.dumps({"id": str(place), "text": CAKE}).encode() + b"\n" for place in range(40)]
    with serve_cli(tiny_gguf, "--parallel", 2) as served:
        most = 0
        rows = []
        with connected(served) as connection:
            size = f"Content-Length: {sum(map(len, lines))}"
            connection.sendall(head("/extract/stream?task=recipe", size, "Connection: close"))
            connection.sendall(b"".join(lines[:30]))
            for _ in range(20):
                now = health(served)
                most = max(most, now["busy"] + now["queued"])
            assert works(served)
            connection.sendall(b"".join(lines[30:]))
            said = connection.makefile("rb").read()
            rows = [json.loads(each) for each in said.splitlines() if each.startswith(b"{")]
        assert 1 <= most <= 2 + 2 * 2 + 2  # in work, in line, one that is waited for and one ahead
        assert [row["id"] for row in rows] == [str(place) for place in range(40)]


def test_a_row_comes_back_while_lines_are_still_sent(server: Served) -> None:
    line = json.dumps({"text": CAKE}).encode() + b"\n"
    with connected(server) as connection:
        connection.sendall(head("/extract/stream?task=recipe", "Transfer-Encoding: chunked"))
        said = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            while not (row := said.readline()).startswith(b"{"):
                assert row
            assert json.loads(row)["status"] == "ok"
        connection.sendall(b"0\r\n\r\n")
        assert said.read(7) == b"\r\n0\r\n\r\n"


def test_connections_that_say_nothing_or_half_of_it_hold_up_nobody(server: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
    for place, connection in enumerate(silent):
        if place % 3 == 1:
            connection.sendall(b"POST /extract HTT")
        if place % 3 == 2:
            connection.sendall(head("/extract", "Content-Length: 100") + b'{"te')
    assert works(server)
    for connection in silent:
        connection.close()
    assert works(server)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello over TLS\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"403"),  # it names no host
        (b"GET /tasks HTTP/1.1\r\n\r\n", b"400"),
        (head("/extract", "Content-Length: 999999999"), b"413"),
        (head("/extract", "Content-Length: -1"), b"400"),
        (head("/extract", *["X-Long: " + "a" * 8000] * 20), b"400"),
    ],
)
def test_what_is_no_http_gets_a_4xx(server: Served, sent: bytes, status: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").readline()
    assert answer.split()[1] == status
    assert works(server)


def test_a_client_that_does_not_read_holds_up_itself_alone(server: Served) -> None:
    body = json.dumps({**LONG, "max_tokens": 200, "logprobs": True, "top_logprobs": 20}).encode()
    with connected(server) as connection:
        lines = "Content-Type: application/json", f"Content-Length: {len(body)}"
        connection.sendall(head("/v1/chat/completions", *lines) + body)
        for _ in range(3):
            assert works(server)
        said = connection.makefile("rb")
        assert b"data: [DONE]\n" in list(iter(said.readline, b"0\r\n"))


def test_a_body_in_chunks_ends_at_the_limit(server: Served) -> None:
    """The limit of this server is 100,000 bytes."""
    with connected(server) as connection:
        lines = "Content-Type: application/json", "Transfer-Encoding: chunked"
        connection.sendall(head("/extract", *lines))
        piece = b"2710\r\n" + b"a" * 10_000 + b"\r\n"
        for _ in range(11):
            connection.sendall(piece)
        assert b"413" in connection.makefile("rb").readline()
    assert works(server)


def test_the_time_of_a_request_is_limited(tiny_gguf: Path) -> None:
    with serve_cli(tiny_gguf, "--timeout", 1) as served, httpx.Client(timeout=300) as client:
        url = f"{served.url}/v1/chat/completions"
        (choice,) = client.post(url, json={**LONG, "stream": False}).json()["choices"]
        assert (choice["finish_reason"], choice["status"]) == ("length", "truncated_output")
        schema = LONG["response_format"]["json_schema"]["schema"]
        body = {"text": CAKE, "schema": schema, "options": {"temperature": 2.0}}
        row = client.post(f"{served.url}/extract", json=body).json()
        assert row["status"] == "truncated_output"
        assert row["finish_reason"] in ("timeout", "length")  # a fast machine fills the context
        with connected(served) as connection:  # lines that do not come
            connection.sendall(head("/extract/stream?task=recipe", "Content-Length: 100"))
            assert connection.makefile("rb").read().endswith(b"chunked\r\n\r\n")  # no last chunk
        with connected(served) as connection:  # a body that does not come
            lines = "Content-Type: application/json", "Content-Length: 100"
            connection.sendall(head("/extract", *lines) + b'{"te')
            assert b"408" in connection.makefile("rb").readline()


def test_the_log_has_a_line_for_each_request_and_none_of_its_text(server: Served) -> None:
    assert works(server)
    httpx.post(f"{server.url}/extract?q=Sponge", json={"text": [CAKE]})
    until = time.monotonic() + 30  # a line is written when its answer has gone out
    while " POST /extract 400 " not in (said := server.said):
        assert time.monotonic() < until, said
    assert " POST /extract 200 " in said
    assert "Sponge" not in said and "Traceback" not in said


def test_a_key_is_asked_for_where_one_is_set(tiny_gguf: Path) -> None:
    with serve_cli(tiny_gguf, "--api-key-env", "MY_KEY", MY_KEY="a secret") as served:
        assert httpx.get(f"{served.url}/tasks").status_code == 401
        allowed = {"Authorization": "Bearer a secret"}
        assert httpx.get(f"{served.url}/tasks", headers=allowed).status_code == 200
        assert httpx.get(f"{served.url}/health/live").status_code == 200
        assert "a secret" not in served.said


def test_a_stream_client_that_vanishes_leaves_no_work_behind(tiny_gguf: Path) -> None:
    # It sends more than is read ahead: the server does not wait for its next piece.
    with serve_cli(tiny_gguf, "--parallel", "2") as served:
        with connected(served) as connection:
            connection.sendall(head("/extract/stream?task=recipe", "Transfer-Encoding: chunked"))
            part = (json.dumps({"text": CAKE}) + "\n") * 20
            connection.sendall(f"{len(part):x}\r\n{part}\r\n".encode() * 15)
            assert b"200" in connection.recv(100)
            linger = struct.pack("ii", 1, 0)  # gone with a reset
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert until_idle(served)
        numbers = httpx.get(f"{served.url}/metrics").text
        done = re.findall(r'^setaccio_documents_total\{status="ok"\} (\S+)', numbers, re.MULTILINE)
        assert float(done[0] if done else 0) < 150
        assert works(served)
