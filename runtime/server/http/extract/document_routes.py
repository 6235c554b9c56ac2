"""``/texts``: the texts of a PDF, an e-mail, a web page, a Word or an Excel file."""

from __future__ import annotations

import tempfile
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from setaccio.data.documents.child import Limits
from setaccio.data.documents.reading import read_stream
from setaccio.data.errors import MissingExtraError
from setaccio.data.records import Problem
from setaccio.runtime.server.http.answers import while_there
from setaccio.runtime.server.http.body import StrictRoute
from setaccio.runtime.server.http.errors import HttpError, documented

AT_ONCE, MOST_WAITING = 2, 8
"""Files that are read at once, each in a process of its own, and those that may wait for that."""


class DocumentText(BaseModel):
    """A text of a file; an e-mail and each of its attachments have one."""

    id: str
    text: str
    note: str = Field(description="what of the file is not in the text; empty where all of it is")


class DocumentTexts(BaseModel):
    """What a file holds."""

    documents: list[DocumentText]
    problems: list[str]


def document_routes(longest: int, seconds: float) -> APIRouter:
    """The route.

    Args:
        longest: bytes of a file.
        seconds: what reading one may take.
    """
    router = APIRouter(route_class=StrictRoute, tags=["Extraction"])
    limits = Limits(file_bytes=longest, documents=100, seconds=max(1, int(seconds)))
    body: dict[str, Any] = {
        "description": "The file as it is.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }

    room: list[anyio.CapacityLimiter] = []  # made where the event loop is

    @router.post("/texts", responses=documented(429, 501), openapi_extra={"requestBody": body})
    async def read_file(
        request: Request,
        name: Annotated[str, Query(max_length=255, description="what the file is called")] = "",
    ) -> DocumentTexts:
        """Read a document that is no plain text; its name only helps to tell what it is.

        It is read in a process of its own, which is held to limits. What can not be read is said
        in `problems`.
        """
        content = await request.body()
        if not room:
            room.append(anyio.CapacityLimiter(AT_ONCE))
        if room[0].statistics().tasks_waiting >= MOST_WAITING:
            raise HttpError(
                429,
                f"{MOST_WAITING} files wait to be read already. Try again in 5 seconds.",
                code="queue_full",
                headers={"Retry-After": "5"},
            )
        read = anyio.to_thread.run_sync(
            _read, content, name or "document", limits, limiter=room[0], abandon_on_cancel=False
        )
        try:
            return await while_there(request, read)
        except MissingExtraError as error:
            raise HttpError(501, str(error)) from error

    return router


def _read(content: bytes, name: str, limits: Limits) -> DocumentTexts:
    found = DocumentTexts(documents=[], problems=[])
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        for item in read_stream(file, name, limits):
            if isinstance(item, Problem):
                found.problems.append(str(item))
            else:
                note = item.source_map.note if item.source_map else ""
                found.documents.append(DocumentText(id=item.id, text=item.text, note=note))
    return found
