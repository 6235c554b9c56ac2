"""Bodies are strict JSON: no ``NaN``, no half characters, not nested without end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from setaccio.data.files.json_text import parse_json, unwritable
from setaccio.runtime.server.http.errors import HttpError

_LONG = 200_000
"""Bytes whose parsing would hold up the others."""


class StrictModel(BaseModel):
    """Part of a request: types are not guessed, and what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


def read_body(body: bytes) -> Any:
    """Parse a body.

    Raises:
        HttpError: it is not UTF-8, not JSON, nested too deeply or holds half a surrogate pair.
    """
    try:
        text = body.decode()
        value = parse_json(text)
    except UnicodeDecodeError as error:
        raise HttpError(400, f"The body is not UTF-8 at byte {error.start}.") from error
    except ValueError as error:
        raise HttpError(400, f"The body is not JSON ({error}).") from error
    if "\\ud" in text.lower() and unwritable(value):
        raise HttpError(400, "The body holds half of a surrogate pair, which is no Unicode text.")
    return value


class _StrictRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        if len(body) < _LONG:
            return read_body(body)
        return await run_in_threadpool(read_body, body)


class StrictRoute(APIRoute):
    """A route whose body is read by :func:`read_body`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, which sees the stricter request."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if self.body_field is not None and not _is_json(request):
                raise HttpError(415, "Send the body with Content-Type: application/json.")
            return await handler(_StrictRequest(request.scope, request.receive))

        return handle


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json"
