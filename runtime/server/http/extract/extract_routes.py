"""``/extract``: documents in, rows out; one at once as it is decoded, some, or a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

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
    extract_requests,
)
from setaccio.runtime.server.http.extract.row_stream import LineStream, rows_in_order
from setaccio.runtime.server.request_types import ExtractRequest
from setaccio.runtime.server.ticket import Ticket

_EVENTS = """The row of `text`, or the rows of `texts` or `documents`. With `stream`, server-sent
events: `delta` (`{"text"}`, what the answer grew by), `reset` (what came so far is void), and at
the end `done` (the row) or `error`."""


def extract_routes(
    engine: Engine,
    catalogue: Catalogue,
    *,
    seconds: float,
    longest_line: int,
    ending: asyncio.Event,
) -> APIRouter:
    """The routes.

    Args:
        engine: what answers.
        catalogue: which tasks and adapters there are.
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

    @router.post(
        "/extract", response_model=None, responses={**documented(404, 429, 504), **answers}
    )
    async def extract_documents(body: ExtractBody, request: Request) -> Response:
        """Extract from one document, or from several that are decoded together."""
        documents = body.given()
        if body.stream and body.text is None:
            raise HttpError(400, "stream: is for one text. Use /extract/stream.", param="stream")
        asked = await run_in_threadpool(
            extract_requests, body, documents, catalogue, seconds, stream=body.stream
        )
        if body.stream:
            ticket: Ticket[Extraction] = await submit(engine, asked[0], "schema")
            return EventStream(_events(ticket), ticket.cancel)
        rows = await while_there(request, _answer_all(engine, asked, seconds))
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


async def _answer_all(engine: Engine, asked: list[ExtractRequest], seconds: float) -> list[str]:
    rows = rows_in_order(engine, _each(asked), seconds=seconds)
    try:
        return [row async for row in rows]
    finally:
        await rows.aclose()  # type: ignore[attr-defined]


async def _each(asked: list[ExtractRequest]) -> AsyncIterator[ExtractRequest | str]:
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
