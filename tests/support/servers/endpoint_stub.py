"""A small real HTTP server: says what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], str]
"""Status, headers and body."""


def completion(text: str, finish: str = "stop", usage: tuple[int, int] | None = (100, 20)) -> Reply:
    """A chat completion as the protocol has it."""
    message = {"role": "assistant", "content": text}
    body: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if usage:
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        body["usage"] = dict(zip(names, (*usage, sum(usage)), strict=True))
    return 200, {}, json.dumps(body)


def failure(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """An error as the protocol has it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, json.dumps({"error": {"message": message, "code": code}})


@dataclass
class Stub:
    """The server's side of a test.

    Attributes:
        url: base URL to give to a client.
        replies: what is said next, in order; the last one is said again and again.
        answer: makes the reply from the request instead, where it is set.
        requests: bodies of what was asked.
        keys: the Authorization headers that came with them.
    """

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Reply] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def reply(self, body: dict[str, Any]) -> Reply:
        if self.answer:
            return self.answer(body)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def serve(
    *replies: Reply, answer: Callable[[dict[str, Any]], Reply] | None = None
) -> Iterator[Stub]:
    """Serve on a free port of this machine until the block ends."""
    stub = Stub(replies=list(replies), answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.requests.append(body)
            stub.keys.append(self.headers.get("Authorization", ""))
            status, headers, text = stub.reply(body)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
