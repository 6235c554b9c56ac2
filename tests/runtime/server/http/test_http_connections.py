"""Connections that never get on are ended: heads without end, answers that nobody reads."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from setaccio.runtime.server.http import serving
from setaccio.runtime.server.http.gate import Gate
from setaccio.runtime.server.http.serving import _Server, listen

PATIENCE = 60.0


@pytest.fixture
def served(app: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], socket.socket]]:
    """Connects to a server in this process that is patient for a second only."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 1)
    ready = threading.Event()
    server = _Server(app, ready.set)
    opened = []

    def connect() -> socket.socket:
        found = socket.socket()
        found.settimeout(PATIENCE)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        found.connect(listening.getsockname()[:2])
        opened.append(found)
        return found

    with listen("127.0.0.1", 0) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert ready.wait(PATIENCE)
        yield connect
        server.signal = signal.SIGTERM
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for each in opened:
        each.close()


def ends(connection: socket.socket) -> bool:
    """Whether the server ends it; while it does not, it is sent a byte now and then."""
    until = time.monotonic() + PATIENCE
    connection.settimeout(0.1)
    while time.monotonic() < until:
        try:
            if connection.recv(1000) == b"":
                return True
            connection.send(b"a")
        except TimeoutError:
            try:
                connection.send(b"a")
            except OSError:
                return True
        except OSError:
            return True
    return False


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HTTP/1.1\r\nX: ",
        b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n",
    ],
)
def test_a_client_that_goes_on_byte_by_byte_is_cut(
    served: Callable[[], socket.socket], sent: bytes
) -> None:
    connection = served()
    connection.sendall(sent)
    assert ends(connection)


def test_the_server_ends_though_an_answer_is_not_read(
    served: Callable[[], socket.socket],
) -> None:
    connection = served()
    connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(4) == b"HTTP"
