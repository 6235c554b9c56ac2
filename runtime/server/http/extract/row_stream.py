"""Many documents of one client: a few of them in the engine at a time, rows in order.

How far a client's documents are read hangs on how fast its rows are taken. Other clients have their
own window, so a slow reader holds up itself alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from setaccio.data.records import Document
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.answers import result_of, submit
from setaccio.runtime.server.http.body import read_body
from setaccio.runtime.server.http.catalogue import Catalogue
from setaccio.runtime.server.http.errors import HttpError, describe
from setaccio.runtime.server.http.extract.extract_models import (
    LineBody,
    error_row,
    extract_requests,
)
from setaccio.runtime.server.http.gate import GONE
from setaccio.runtime.server.request_types import ExtractRequest
from setaccio.runtime.server.ticket import Ticket

TOO_LATE = 504
"""Status of what was not begun within its time."""

WAIT = 0.05
"""Seconds until a full queue is tried again."""

Refused = Callable[[ExtractRequest, HttpError], str]
_Item = Ticket[Extraction] | str | BaseException | None


async def rows_in_order(
    engine: Engine,
    asked: AsyncIterator[ExtractRequest | str],
    refused: Refused | None = None,
    seconds: float | None = None,
) -> AsyncIterator[str]:
    """Rows of documents, in order. Closing the iterator calls off what is left.

    Args:
        engine: what answers; its slots say how many documents are begun.
        asked: what to do; a row in place of what can not be asked.
        refused: makes a row of a document that the engine refuses; without it that is raised.
        seconds: what all may take together; None leaves each its own time.

    Raises:
        HttpError: a document was refused, or the queue is full before the first.
    """
    waiting: asyncio.Queue[_Item] = asyncio.Queue(2 * engine.slots)
    until = None if seconds is None else time.monotonic() + seconds
    feeder = asyncio.ensure_future(_feed(engine, asked, refused, waiting, until))
    item: _Item = None
    try:
        while (item := await waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item if isinstance(item, str) else (await result_of(item)).to_json()
    finally:
        feeder.cancel()
        await asyncio.wait({feeder})
        for left in [item, *_drained(waiting)]:
            if isinstance(left, Ticket):
                left.cancel()


def _drained(waiting: asyncio.Queue[_Item]) -> list[_Item]:
    return [waiting.get_nowait() for _ in range(waiting.qsize())]


async def _feed(
    engine: Engine,
    asked: AsyncIterator[ExtractRequest | str],
    refused: Refused | None,
    waiting: asyncio.Queue[_Item],
    until: float | None,
) -> None:
    """Take up one document after another, as there is room for them."""
    ticket: Ticket[Extraction] | None = None
    try:
        async for each in asked:
            if isinstance(each, str):
                await waiting.put(each)
                continue
            try:
                patient = refused is not None or bool(ticket)
                ticket = await _admit(engine, each, until, patient=patient)
            except HttpError as error:
                if refused is None and error.status_code != TOO_LATE:
                    raise
                await waiting.put((refused or refused_row)(each, error))
            else:
                await waiting.put(ticket)
        await waiting.put(None)
    except asyncio.CancelledError:
        if ticket is not None:  # it may be in nobody's hands
            ticket.cancel()
        raise
    except Exception as error:
        await waiting.put(error)


async def _admit(
    engine: Engine, asked: ExtractRequest, until: float | None, *, patient: bool
) -> Ticket[Extraction]:
    """Submit a document with the time that is left for it."""
    own = asked.seconds or math.inf
    until = time.monotonic() + own if until is None else until
    while True:
        left = min(own, until - time.monotonic())
        if left <= 0:
            raise HttpError(TOO_LATE, "The time limit ran out before it was begun.")
        asked = replace(asked, seconds=None if left == math.inf else left)
        try:
            ticket: Ticket[Extraction] = await submit(engine, asked, "schema")
            return ticket
        except HttpError as error:
            if error.status_code != 429 or not patient:
                raise
        await asyncio.sleep(WAIT)


def refused_row(asked: ExtractRequest, error: HttpError) -> str:
    """The row of a document that the engine did not take."""
    document = asked.document
    return error_row(
        document.id if isinstance(document, Document) else "document", str(error.detail)
    )


class LineStream(Response):
    """Rows for lines, while the lines still come.

    Args:
        engine: what answers.
        catalogue: which tasks and adapters there are.
        defaults: what lines mean that say nothing of it.
        seconds: time limit of a document.
        longest: bytes of a line; of a longer one an error row is made.
        ending: set when no more lines are to be taken. The answer then breaks off behind the rows
            of what was taken, so that it can not be mistaken for a whole one.
    """

    media_type = "application/x-ndjson"

    def __init__(
        self,
        engine: Engine,
        catalogue: Catalogue,
        defaults: Mapping[str, str | None],
        *,
        seconds: float,
        longest: int,
        ending: asyncio.Event,
    ) -> None:
        super().__init__()
        self._engine, self._catalogue, self._defaults = engine, catalogue, defaults
        self._seconds, self._longest, self._ending = seconds, longest, ending
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a client that goes away ends it."""
        work = asyncio.ensure_future(self._write(send))
        tasks = {work, asyncio.ensure_future(self._read(receive))}
        lost = scope.get("state", {}).get(GONE)
        if lost is not None:
            tasks.add(asyncio.ensure_future(lost.wait()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _read(self, receive: Receive) -> None:
        """Take pieces of the body as they are asked for, and end when the client has gone."""
        more = True
        while (message := await receive())["type"] != "http.disconnect":
            if more:
                await self._pieces.put(message.get("body", b""))
                more = message.get("more_body", False)
                if not more:
                    await self._pieces.put(None)

    async def _write(self, send: Send) -> None:
        headers = [(b"content-type", self.media_type.encode()), (b"x-accel-buffering", b"no")]
        start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
        rows = rows_in_order(self._engine, self._asked(), refused_row)
        try:
            await send(start)
            async for row in rows:
                body = f"{row}\n".encode()
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await rows.aclose()  # type: ignore[attr-defined]

    async def _asked(self) -> AsyncIterator[ExtractRequest | str]:
        number = 0
        async for line in self._lines():
            number += 1
            if line is None:
                said = f"the line is longer than {self._longest} bytes."
                yield error_row(f"line {number}", said)
            elif line.strip():
                yield await self._ask(line, f"line {number}")

    async def _lines(self) -> AsyncIterator[bytes | None]:
        """Lines of the body, None for one that is too long; the last may have no end."""
        rest, skipping = b"", False
        while (piece := await self._next_piece()) is not None:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield None if skipping or len(line) > self._longest else line
                skipping = False
            if len(rest) > self._longest:
                rest, skipping = b"", True
        if rest or skipping:
            yield None if skipping else rest

    async def _next_piece(self) -> bytes | None:
        piece = asyncio.ensure_future(self._pieces.get())
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait(
                {piece, ending}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if self._ending.is_set():
                raise HttpError(503, "The server is about to end.")
            if not piece.done():
                raise HttpError(408, "The next line did not come in time.")
            return piece.result()
        finally:
            piece.cancel()
            ending.cancel()

    async def _ask(self, line: bytes, name: str) -> ExtractRequest | str:
        """What a line asks for, or the row that says what is wrong with it."""
        try:
            return await run_in_threadpool(self._parse, line, name)
        except ValidationError as error:
            return error_row(name, describe(error.errors()))
        except HttpError as error:
            return error_row(name, str(error.detail))

    def _parse(self, line: bytes, name: str) -> ExtractRequest:
        value = read_body(line)
        if isinstance(value, dict):
            value = {**self._missing(value), **value}
        body = LineBody.model_validate(value)
        document = Document(name if body.id is None else body.id, body.text)
        (asked,) = extract_requests(body, [document], self._catalogue, self._seconds, stream=False)
        return asked

    def _missing(self, value: dict[str, Any]) -> dict[str, str | None]:
        """The defaults; a line with a schema of its own takes no other's task."""
        return {
            key: default
            for key, default in self._defaults.items()
            if not (key == "task" and "schema" in value)
        }
