"""Errors over HTTP: one envelope, the one that OpenAI's clients read.

    {"error": {"message": "...", "type": "invalid_request_error", "param": "schema", "code": null}}

A message names the parameter at fault and says what to do; it never quotes a document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
MOST_NAMED = 5
"""Faults of one request that are named."""


class HttpError(HTTPException):
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        message: what is wrong and what to do.
        param: the parameter at fault.
        code: a word that programs can test.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.param, self.code = param, code


class ErrorDetail(BaseModel):
    """What is wrong."""

    message: str = Field(description="what is wrong and what to do")
    type: str = Field(description="kind of error, such as `invalid_request_error`")
    param: str | None = Field(description="the parameter at fault")
    code: str | None = Field(description="a word that programs can test")


class ErrorBody(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorDetail


def error_body(error: HTTPException) -> dict[str, Any]:
    """The envelope of an error."""
    status = error.status_code
    detail = ErrorDetail(
        message=str(error.detail),
        type=_KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        param=getattr(error, "param", None),
        code=getattr(error, "code", None),
    )
    return ErrorBody(error=detail).model_dump()


def error_response(error: HTTPException) -> JSONResponse:
    """The answer that an error becomes."""
    return JSONResponse(error_body(error), error.status_code, error.headers)


def describe(faults: Sequence[Any]) -> str:
    """What pydantic says of a value, without quoting it.

    Args:
        faults: its errors.
    """
    said = [f"{_named(fault)}: {_said(fault)}".removeprefix(": ") for fault in faults]
    more = f"; and {len(said) - MOST_NAMED} more" if len(said) > MOST_NAMED else ""
    return "; ".join(said[:MOST_NAMED]) + more + "."


def _said(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "is not supported here; leave it out"
    return str(fault["msg"])


def _named(fault: Any) -> str:
    where = fault["loc"]
    return ".".join(map(str, where[1:] if where[:1] in (("body",), ("query",)) else where))


def from_validation(error: RequestValidationError) -> HttpError:
    """The error that a request gets which does not fit its model."""
    faults = error.errors()
    return HttpError(400, describe(faults), param=_named(faults[0]) or None)


async def answer_http(_: Request, error: Exception) -> JSONResponse:
    """Exception handler for refusals, ours and the framework's."""
    assert isinstance(error, HTTPException)  # noqa: S101
    return error_response(error)


async def answer_validation(_: Request, error: Exception) -> JSONResponse:
    """Exception handler for requests that do not fit their model."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return error_response(from_validation(error))


async def answer_fault(_: Request, __: Exception) -> JSONResponse:
    """Exception handler for faults of ours."""
    return error_response(HttpError(500, "A fault of the server; its log says where."))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route for its OpenAPI description; those of every route come by themselves.

    Args:
        statuses: further ones.
    """
    what = {
        400: "The request is wrong; the message names the parameter.",
        401: "The key is missing or wrong.",
        403: "The request comes from another site, or names another host.",
        404: "Nothing goes by that name here.",
        405: "The route has no such method.",
        408: "The body did not come in time.",
        413: "The body is larger than the server takes.",
        415: "The body is not sent as JSON.",
        429: "The queue is full; see Retry-After.",
        500: "A fault of the server.",
        501: "This server has not got what reads such a file.",
        503: "The server is about to end.",
        504: "The time limit of a request ran out.",
    }
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorBody, "description": what[status]}
        for status in sorted({400, 401, 403, 405, 408, 413, 415, 500, 503, *statuses})
    }
    # Named, so that FastAPI does not describe a 422, which is never given.
    return {**found, "4XX": {"model": ErrorBody, "description": "Another fault of the request."}}
