"""Between asyncio and the engine: requests go in, answers come out, and who goes away is let go."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from setaccio.data.errors import (
    EngineError,
    NotBegunError,
    QueueFullError,
    SchemaError,
    SetaccioError,
    TaskError,
)
from setaccio.data.files.json_text import dump_compact
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.errors import HttpError
from setaccio.runtime.server.request_types import ChatRequest, ChatResult, ExtractRequest
from setaccio.runtime.server.ticket import Ticket

Result = TypeVar("Result", Extraction, ChatResult)
Work = TypeVar("Work")
GONE = 499
"""Status of a request whose client did not wait; nobody sees it but the log."""


async def submit(engine: Engine, asked: ExtractRequest | ChatRequest, param: str) -> Any:
    """Hand a request to the engine.

    Args:
        engine: what answers.
        asked: what is asked.
        param: the parameter that the schema came in.

    Returns:
        The ticket that belongs to the request.

    Raises:
        HttpError: it is refused.
    """
    take: Callable[[Any], Any] = engine.submit
    work = asyncio.ensure_future(run_in_threadpool(take, asked))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:  # the thread goes on, to a ticket that nobody holds
        work.add_done_callback(_call_off)
        raise
    except QueueFullError as error:
        refuse_now(error)
    except (SchemaError, ValueError) as error:  # such as a pattern that searches too long
        raise HttpError(400, str(error), param=param, code="unsupported_schema") from error
    except TaskError as error:
        raise HttpError(400, str(error), param="task") from error
    except SetaccioError as error:
        raise HttpError(400, str(error)) from error


def _call_off(work: asyncio.Future[Any]) -> None:
    if not work.cancelled() and work.exception() is None:
        work.result().cancel()


def refuse_now(error: QueueFullError) -> NoReturn:
    """Say when to come again.

    Raises:
        HttpError: always.
    """
    raise HttpError(
        503 if error.closing else 429,
        str(error),
        code="closing" if error.closing else "queue_full",
        headers={"Retry-After": str(max(1, math.ceil(error.retry_after)))},
    )


async def result_of(ticket: Ticket[Result]) -> Result:
    """Wait for the result.

    Raises:
        HttpError: there is none.
    """
    try:
        return await ticket.wait()
    except concurrent.futures.CancelledError as error:
        raise HttpError(503, "The server is about to end.", code="closing") from error
    except NotBegunError as error:
        raise HttpError(504, f"{error}.") from error
    except EngineError as error:
        raise HttpError(500, str(error)) from error


async def while_there(request: Request, work: Coroutine[Any, Any, Work]) -> Work:
    """Do something for a client, as long as it waits; its request must have been read.

    Raises:
        HttpError: the client went away.
    """
    answer = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise HttpError(GONE, "The client went away.")
        return answer.result()
    finally:
        for task in (answer, gone):
            task.cancel()
        await asyncio.wait({answer, gone})


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def finish(ticket: Ticket[Result], request: Request) -> Result:
    """The result, if the client waits for it; otherwise the request is called off."""
    try:
        return await while_there(request, result_of(ticket))
    finally:
        ticket.cancel()


def event(data: Any, name: str | None = None) -> str:
    """A server-sent event.

    Args:
        data: JSON, or text that is JSON already, or a word.
        name: the event's name, where it has one.
    """
    text = data if isinstance(data, str) else dump_compact(data)
    return f"event: {name}\ndata: {text}\n\n" if name else f"data: {text}\n\n"


class EventStream(StreamingResponse):
    """Server-sent events.

    Args:
        events: from :func:`event`.
        release: called when the answer has ended, however it did.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str], release: Callable[[], None]) -> None:
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; a client that goes away ends them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()
