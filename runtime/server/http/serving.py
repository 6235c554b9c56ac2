"""Run the application with uvicorn: a socket that is ours alone, and an end without losses.

The first signal lets what was accepted be finished, while new work is refused; a second one ends
the process at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from setaccio.data.errors import UsageError
from setaccio.runtime.server.http.gate import GONE, Gate

HEAD_SECONDS = 30
"""Seconds for the whole head of a request, and for what was answered to be read at the end."""

_BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """Take a port.

    Args:
        host: a name or an address.
        port: its number; 0 takes a free one.

    Raises:
        UsageError: it is taken, or is not to be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--host {host}: is no address of this machine ({error}).") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # clients that vanished
        found.bind(address)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            said = f"--port {port}: is taken on {host}. Choose another, or end who has it."
        else:
            said = f"{host}:{port}: can not be listened on ({error.strerror})."
        raise UsageError(said) from error
    return found


def address_of(listening: socket.socket) -> str:
    """The URL of a socket that listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Protocol(H11Protocol):
    """Also ends connections that never say what they want, or never read what they are told."""

    _head_until: float | None = None  # while the head of a request is awaited

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # For whoever does not read on for a while, and so would not be told that the client went.
        self._gone = asyncio.Event()
        self.app_state = {**self.app_state, GONE: self._gone}
        self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._gone.set()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._be_patient()  # it is a head that is not whole, or a body that nobody reads
        else:
            self._head_until = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_later()

    def _abort_later(self) -> None:
        """A transport that is closed waits without end for its client to read the rest."""
        self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _be_patient(self) -> None:
        if self._head_until is None:
            self._head_until = self.loop.time() + HEAD_SECONDS
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_at(
                self._head_until, self.timeout_keep_alive_handler
            )


class _Server(uvicorn.Server):
    def __init__(self, gate: Gate, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                gate,
                http=_Protocol,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=HEAD_SECONDS,
            )
        )
        self._gate, self._on_ready = gate, on_ready
        self.signal: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for left in list(self.server_state.connections):  # whose answers are not read
            if left.transport is not None:
                left.transport.abort()
        await asyncio.sleep(0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            os._exit(128 + sig)
        self.signal = sig

    async def on_tick(self, counter: int) -> bool:
        if self.signal is not None:
            self._gate.ending.set()
            if not self._gate.busy:
                return True
        return await super().on_tick(counter)


def run_server(gate: Gate, listening: socket.socket, on_ready: Callable[[], None]) -> bool:
    """Answer requests until a signal comes, and finish those that were accepted.

    Args:
        gate: the application.
        listening: from :func:`listen`; closed when this returns.
        on_ready: called when requests are taken.

    Returns:
        Whether Ctrl-C ended it.
    """
    server = _Server(gate, on_ready)
    server.run([listening])
    return server.signal == signal.SIGINT
