"""What goes wrong on a network, done to a server on purpose; afterwards a plain request must be as
before.

Each fault is answered with a clean 4xx or with nothing. What the server answers is counted, and
after each fault one text is extracted again: its answer must be the first one's.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

NOTHING = "nothing"
LARGE = 10_000_000
"""Bytes of a large body: the server's own limit."""

HEAD_SECONDS = 30.0
"""In which a server of ours ends a connection whose head does not come."""

_AT_ONCE = 16
_HTTP_PATIENCE = 300.0
_CLOSING = 3.0
"""Seconds in which the server may answer what it was sent by hand."""

_MALFORMED = (
    b"",
    b"null",
    b"[]",
    b"{",
    b'{"text": ',
    b'{"text": 1}',
    b'{"text": NaN}',
    b"{'text': 'a'}",
    b'{"text": "\\ud800"}',
    b'{"text": "a", "texts": ["b"]}',
    b'{"text": "a", "file": "/etc/passwd"}',
    b'{"text": "a", "schema": {"type": "nothing"}}',
)
_NO_UTF8 = (b'{"text": "\xff\xfe"}', b'{"text": "\xc3("}', b'{"text": "\xed\xa0\x80"}', b"\xff")
_NO_HTTP = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /extract HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: many\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
)


@dataclass
class Fault:
    """A kind of fault, and how the server took it.

    Attributes:
        name: what was done.
        answers: how often each status came, or nothing.
        unharmed: whether a plain request was answered as before, afterwards.
        freed: seconds until no slot was taken any more; infinite where one stayed so.
    """

    name: str
    answers: Counter[str] = field(default_factory=Counter)
    unharmed: bool = False
    freed: float = math.inf

    @property
    def clean(self) -> bool:
        """Whether every answer was a 4xx or nothing."""
        return all(each == NOTHING or each.startswith("4") for each in self.answers)


class Saboteur:
    """Does the faults to one server.

    Args:
        url: where it listens.
        text: what is extracted from, before and after.
        task: name of the task.
        times: disconnects; twice as many lines of a stream whose rows are not read, a twentieth as
            many connections that are half open.
        patience: seconds that slow clients are slow; above :data:`HEAD_SECONDS`, connections that
            are half open are also seen to be ended.
    """

    def __init__(self, url: str, text: str, task: str, *, times: int, patience: float) -> None:
        self._url, self._text, self._task = url, text, task
        self._times, self._patience = times, patience
        at = urlsplit(url)
        self._host, self._port = at.hostname or "", at.port or 80
        self._before: Any = None

    async def run(self) -> AsyncIterator[Fault]:
        """Do all of them, one kind after the other."""
        self._before = await self._extract()
        kinds: dict[str, Callable[[Counter[str]], Awaitable[None]]] = {
            "reads a byte at a time": self._read_slowly,
            "sends without reading": self._never_read,
            "half-open connections": self._half_open,
            "bodies of 10 MB": self._large,
            "invalid UTF-8": lambda answers: self._bodies(_NO_UTF8, answers),
            "malformed JSON": lambda answers: self._bodies(_MALFORMED, answers),
            "no HTTP": self._no_http,
            "disconnects in mid-answer": self._disconnect,
        }
        for name, act in kinds.items():
            fault = Fault(name)
            await act(fault.answers)
            fault.freed = await self._until_idle()
            fault.unharmed = await self._extract() == self._before
            yield fault

    async def _extract(self) -> Any:
        async with httpx.AsyncClient(base_url=self._url, timeout=_HTTP_PATIENCE) as http:
            body = {"text": self._text, "task": self._task}
            row = (await http.post("/extract", json=body)).raise_for_status().json()
        return row["status"], row["data"], row["spans"]

    async def _until_idle(self) -> float:
        """Seconds until every slot is free."""
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=self._url, timeout=_HTTP_PATIENCE) as http:
            while (passed := time.monotonic() - began) < _HTTP_PATIENCE:
                state = (await http.get("/health")).json()
                if state["busy"] == state["queued"] == 0:
                    return passed
                await asyncio.sleep(0.02)
        return math.inf

    def _request(self, path: str, body: bytes, length: int | None = None) -> bytes:
        kind = "application/x-ndjson" if path.startswith("/extract/stream") else "application/json"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: {kind}\r\n"
        )
        size = len(body) if length is None else length
        return f"{head}Content-Length: {size}\r\n\r\n".encode() + body

    def _stream(self) -> bytes:
        """A request for an answer as it is decoded."""
        body = {"text": self._text, "task": self._task, "stream": True}
        return self._request("/extract", json.dumps(body).encode())

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)

    async def _read_slowly(self, answers: Counter[str]) -> None:
        reader, writer = await self._open()
        writer.write(self._stream())
        until = time.monotonic() + self._patience
        meanwhile = asyncio.create_task(self._extract())
        while time.monotonic() < until and await reader.read(1):
            await asyncio.sleep(0.02)
        good = await meanwhile == self._before
        answers[NOTHING if good else "another answer"] += 1
        writer.transport.abort()

    async def _never_read(self, answers: Counter[str]) -> None:
        _, writer = await self._open()
        line = json.dumps({"text": self._text, "task": self._task}).encode() + b"\n"
        writer.write(self._request("/extract/stream", b"", 1_000_000_000))
        try:
            for _ in range(2 * self._times):
                writer.write(line)
                await asyncio.wait_for(writer.drain(), self._patience)
        except (TimeoutError, asyncio.TimeoutError):
            pass  # the server takes no more, as it should
        answers[NOTHING if await self._extract() == self._before else "another answer"] += 1
        writer.transport.abort()

    async def _half_open(self, answers: Counter[str]) -> None:
        starts = (b"", b"POST /extr", self._request("/extract", b'{"text": "', 1000))
        opened = [await self._open() for _ in range(max(3, self._times // 20))]
        for number, (_, writer) in enumerate(opened):
            writer.write(starts[number % len(starts)])
        answers[NOTHING if await self._extract() == self._before else "another answer"] += 1
        seen = self._patience > HEAD_SECONDS  # otherwise their end is not waited for
        until = time.monotonic() + self._patience
        for number, (reader, writer) in enumerate(opened):
            # A body may take as long as a request; a head may not.
            if seen and number % len(starts) < len(starts) - 1:
                answers[await _end(reader, until - time.monotonic())] += 1
            else:
                answers[await _status(reader, 0.01)] += 1
            writer.transport.abort()

    async def _large(self, answers: Counter[str]) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'{"text": "'
            for _ in range(LARGE // 100_000 + 1):
                yield b"a" * 100_000

        whole = b'{"text": "' + b"a" * LARGE + b'"}'
        for body in (whole, pieces(), b"[" * (LARGE - 1), b'"' * (LARGE - 1)):
            answers[await self._post(body)] += 1

    async def _bodies(self, bodies: tuple[bytes, ...], answers: Counter[str]) -> None:
        for body in bodies:
            answers[await self._post(body)] += 1
            answers[await self._post(body, "/v1/chat/completions")] += 1

    async def _post(self, body: Any, path: str = "/extract") -> str:
        headers = {"Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=self._url, timeout=_HTTP_PATIENCE) as http:
            try:
                answer = await http.post(path, content=body, headers=headers)
            except httpx.TransportError:  # it was refused before all of it was sent
                return NOTHING
        return str(answer.status_code)

    async def _no_http(self, answers: Counter[str]) -> None:
        for content in _NO_HTTP:
            reader, writer = await self._open()
            writer.write(content)
            answers[await _status(reader, _CLOSING)] += 1
            writer.transport.abort()

    async def _disconnect(self, answers: Counter[str]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def once() -> str:
            async with gate:
                reader, writer = await self._open()
                writer.write(self._stream())
                try:
                    said = await reader.readuntil(b"event: delta")
                except asyncio.IncompleteReadError as error:
                    said = error.partial
                finally:
                    writer.transport.abort()
                status = said[9:12].decode("ascii", "replace")
                return NOTHING if status == "200" else status or NOTHING

        answers.update(await asyncio.gather(*(once() for _ in range(self._times))))


async def _end(reader: asyncio.StreamReader, seconds: float) -> str:
    """Nothing where the connection is ended in time."""
    try:
        await asyncio.wait_for(reader.read(), max(0.01, seconds))
    except (TimeoutError, asyncio.TimeoutError):
        return "kept open"
    except ConnectionError:
        pass
    return NOTHING


async def _status(reader: asyncio.StreamReader, seconds: float) -> str:
    """The status of what is answered in some seconds."""
    try:
        said = await asyncio.wait_for(reader.read(64), seconds)
    except (TimeoutError, asyncio.TimeoutError, ConnectionError):
        return NOTHING
    found = re.match(rb"HTTP/1.[01] (\d{3})", said)
    return found[1].decode() if found else NOTHING
