"""``/extract``: documents in, rows out; one at once as it is decoded, some, or a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from setaccio.data.records import Document, Problem
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.answers import EventStream, event, result_of, submit, while_there
from setaccio.runtime.server.http.body import StrictRoute
from setaccio.runtime.server.http.catalogue import Catalogue
from setaccio.runtime.server.http.errors import HttpError, documented, error_body
from setaccio.runtime.server.http.extract.extract_models import (
    ExtractBody,
    ExtractionRow,
    ExtractionRows,
    File,
    extract_requests,
    fault_row,
)
from setaccio.runtime.server.http.extract.file_reader import FileReader
from setaccio.runtime.server.http.extract.row_stream import LineStream, rows_in_order
from setaccio.runtime.server.request_types import ExtractRequest
from setaccio.runtime.server.ticket import Ticket

_EVENTS = """The row of `text`, or the rows of `texts` or `documents`. With `stream`, server-sent
events: `delta` (`{"text"}`, what the answer grew by), `reset` (what came so far is void), and at
the end `done` (the row) or `error`."""


def extract_routes(
    engine: Engine,
    catalogue: Catalogue,
    reader: FileReader,
    *,
    seconds: float,
    longest_line: int,
    ending: asyncio.Event,
) -> APIRouter:
    """The routes.

    Args:
        engine: what answers.
        catalogue: which tasks and adapters there are.
        reader: what reads files.
        seconds: time limit of a request, and of a line of a stream.
        longest_line: bytes of a line of a stream.
        ending: set when streams are to take no more lines.
    """
    router = APIRouter(route_class=StrictRoute, tags=["Extraction"])
    answers: dict[int | str, dict[str, Any]] = {
        200: {
            "model": ExtractionRow | ExtractionRows,
            "description": _EVENTS,
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    }

    async def answer_all(body: ExtractBody, given: list[Document | File]) -> list[str]:
        """Rows of documents, and of the files' texts and faults in their places."""
        until = time.monotonic() + seconds
        found: list[Document | Problem] = []
        for each in given:
            if isinstance(each, Document):
                found.append(each)
            else:
                found += await reader.read(each.content, each.name)
        documents = [each for each in found if isinstance(each, Document)]
        requests = await run_in_threadpool(
            extract_requests, body, documents, catalogue, seconds, stream=False
        )
        waiting = iter(requests)
        asked = [
            next(waiting)
            if isinstance(each, Document)
            else fault_row(each, body, engine, catalogue)
            for each in found
        ]
        return await _answer_all(engine, asked, until - time.monotonic())

    @router.post(
        "/extract", response_model=None, responses={**documented(404, 429, 501, 504), **answers}
    )
    async def extract_documents(body: ExtractBody, request: Request) -> Response:
        """Extract from one document, or from several that are decoded together."""
        given = body.given()
        if body.stream:
            (only,) = given if len(given) == 1 and body.texts is None else [None]
            if not isinstance(only, Document):
                said = "stream: is for one text. Use /extract/stream."
                raise HttpError(400, said, param="stream")
            (asked,) = await run_in_threadpool(
                extract_requests, body, [only], catalogue, seconds, stream=True
            )
            ticket: Ticket[Extraction] = await submit(engine, asked, "schema")
            return EventStream(_events(ticket), ticket.cancel)
        rows = await while_there(request, answer_all(body, given))
        lines = ",".join(rows)
        text = lines if body.text is not None else f'{{"rows":[{lines}]}}'
        return Response(text, media_type="application/json")

    @router.post(
        "/extract/stream",
        response_model=None,
        responses={
            **documented(404),
            200: {
                "description": "A row for each line, in their order, as soon as it is there.",
                "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
            },
        },
        openapi_extra={
            "requestBody": {
                "description": 'Lines of `{"text"}`, with an `id`, and a task, schema, adapter or '
                "options of their own where they have any.",
                "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
            }
        },
    )
    async def extract_lines(task: str | None = None, adapter: str | None = None) -> Response:
        """Extract from as many documents as come, line by line; rows come back meanwhile.

        Lines are read no faster than they are decoded, and decoded no faster than the rows are
        read. So read while you send.
        """
        defaults = {"task": task, "adapter": adapter}
        if task is not None:
            catalogue.offer(task)
        if adapter is not None:
            catalogue.adapter_of(adapter, "adapter")
        return LineStream(
            engine, catalogue, defaults, seconds=seconds, longest=longest_line, ending=ending
        )

    return router


async def _answer_all(
    engine: Engine, asked: list[ExtractRequest | str], seconds: float
) -> list[str]:
    rows = rows_in_order(engine, _each(asked), seconds=seconds)
    try:
        return [row async for row in rows]
    finally:
        await rows.aclose()  # type: ignore[attr-defined]


async def _each(asked: list[ExtractRequest | str]) -> AsyncIterator[ExtractRequest | str]:
    for one in asked:
        yield one


async def _events(ticket: Ticket[Extraction]) -> AsyncIterator[str]:
    try:
        async for delta in ticket:
            if delta.reset:
                yield event({}, "reset")
            if delta.text:
                yield event({"text": delta.text}, "delta")
        yield event((await result_of(ticket)).to_json(), "done")
    except HttpError as error:
        yield event(error_body(error), "error")
