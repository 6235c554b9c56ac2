"""What every request passes first: who may ask, how much it may send, how long it may take.

A body is counted while it is read, so one that comes in chunks has no way around the limit. A
request whose client reads nothing, or sends nothing, ends; nobody else waits for it. Logs carry
method, route, status and seconds.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from setaccio.runtime.server.http.errors import HttpError, error_response

if TYPE_CHECKING:
    from setaccio.runtime.server.http.metrics import Metrics

GONE = "gone"
"""Key of a request's ``state`` for an event that is set when its connection is lost."""

LOG = logging.getLogger("setaccio.serve")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_ROUTES = frozenset({"/health/live", "/"})
"""Routes that need no key: what a supervisor asks, and the page, which asks for the key itself."""

PAGE = "/page/"
STREAMED = frozenset({"/extract/stream"})
"""Routes whose body is read piece by piece and has no end that could be waited for."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WHILE_ENDING = ("/health", "/metrics", PAGE)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


@dataclass(frozen=True)
class RequestLimits:
    """What a server lets pass.

    Attributes:
        hosts: names that a request may be meant for, in small letters; None takes any. On the
            loopback this keeps pages of other sites from reaching the server under a name of
            theirs (DNS rebinding).
        behind: names of proxies before the server; pages that they hand on are its own.
        key: what clients must present, or None.
        max_body: bytes of a body, and of a line of a streamed one.
        timeout: seconds that a request may take; also that a client may take to read or send.
        corrections: the file that corrected answers are added to, or None.
    """

    hosts: frozenset[str] | None = LOOPBACK_NAMES
    behind: frozenset[str] = frozenset()
    key: str | None = field(default=None, repr=False)
    max_body: int = 10_000_000
    timeout: float = 300.0
    corrections: Path | None = None


class Gate:
    """An ASGI application around another; it tells ``metrics``, if there are any, of each request.

    Attributes:
        app: what it guards.
        ending: once it is set new work is refused, because the process is about to end.
        busy: requests that are being answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: RequestLimits,
        metrics: Metrics | None,
        ending: asyncio.Event,
    ) -> None:
        self.app = app
        self.ending = ending
        self.busy = 0
        self._limits, self._behind = limits, limits.behind
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began = time.monotonic()
        passage = _Passage(receive, send, self._limits, scope["path"] not in STREAMED)
        self.busy += 1
        try:
            await self._pass(scope, passage)
        except Exception as error:  # its text may quote a document
            place = _place(error)
            kind = type(error).__name__
            LOG.error("%s %s: %s in %s", _method(scope), _route(scope), kind, place)
        finally:
            self.busy -= 1
            seconds, method, route = time.monotonic() - began, _method(scope), _route(scope)
            if self._metrics is not None:
                self._metrics.request(method, route, passage.status, seconds)
            LOG.info("%s %s %d %.3f s", method, route, passage.status, seconds)

    async def _pass(self, scope: Scope, passage: _Passage) -> None:
        try:
            self._admit(scope, Headers(scope=scope))
        except HttpError as error:
            await error_response(error)(scope, passage.receive, passage.send)
            return
        await self.app(scope, passage.receive, passage.send)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        host, path = headers.get("host", ""), scope["path"]
        if self._limits.hosts is not None and _name(host) not in self._limits.hosts:
            raise HttpError(403, "This server does not go by the name in the Host header.")
        origin = headers.get("origin")
        site = (origin or "").lower().partition("://")[2]
        foreign = origin is not None and site != host.lower() and _name(site) not in self._behind
        if foreign and scope["method"] not in _SAFE:
            raise HttpError(403, "Requests from pages of other sites are refused.")
        if self._limits.key is not None and not (path in OPEN_ROUTES or path.startswith(PAGE)):
            _check_key(headers.get("authorization", ""), self._limits.key)
        if self.ending.is_set() and not path.startswith(_WHILE_ENDING):
            raise HttpError(
                503,
                "The server is about to end.",
                headers={"Retry-After": "5", "Connection": "close"},
            )
        length = headers.get("content-length", "")
        if path not in STREAMED and length.isdecimal() and int(length) > self._limits.max_body:
            raise _too_large(self._limits.max_body)


class _Passage:
    """The two channels of a request, with their limits."""

    def __init__(self, receive: Receive, send: Send, limits: RequestLimits, counted: bool) -> None:
        self._receive, self._send, self._limits = receive, send, limits
        self._counted = counted
        self._left = limits.max_body
        self._until = anyio.current_time() + limits.timeout
        self._whole = False
        self.status = 499  # the client went away, until something was answered

    async def receive(self) -> Message:
        if self._whole or not self._counted:
            return await self._receive()
        with anyio.move_on_after(self._until - anyio.current_time()) as scope:
            message = await self._receive()
        if scope.cancelled_caught:
            raise HttpError(408, "The body did not come in time.", headers={"Connection": "close"})
        self._left -= len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._left < 0:
            raise _too_large(self._limits.max_body)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "no-store")
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        with anyio.fail_after(self._limits.timeout):  # a client that does not read
            await self._send(message)


def _check_key(given: str, key: str) -> None:
    scheme, _, presented = given.partition(" ")
    right = hmac.compare_digest(presented.strip().encode("utf-8", "replace"), key.encode())
    if not right or scheme.lower() != "bearer":
        raise HttpError(
            401,
            "The key is missing or wrong. Send it as Authorization: Bearer KEY.",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _too_large(most: int) -> HttpError:
    return HttpError(
        413,
        f"The body is larger than {most} bytes. Send less at once, or use /extract/stream.",
        headers={"Connection": "close"},
    )


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _method(scope: Scope) -> str:
    """The method, if it is one; clients may invent others."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    """The route's pattern; what was asked for may be anything."""
    route = getattr(scope.get("route"), "path", None)
    return route if isinstance(route, str) else "other"


def _place(error: Exception) -> str:
    """File and line where an error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "no place"
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
