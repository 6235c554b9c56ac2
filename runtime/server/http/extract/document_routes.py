"""``/texts``: the texts of a PDF, an e-mail, a web page, a Word or an Excel file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from setaccio.data.documents.extracted import pack_places
from setaccio.data.records import Document, Problem
from setaccio.runtime.server.http.answers import while_there
from setaccio.runtime.server.http.body import StrictRoute
from setaccio.runtime.server.http.errors import documented
from setaccio.runtime.server.http.extract.extract_models import PlacesBody
from setaccio.runtime.server.http.extract.file_reader import FileReader


class DocumentText(BaseModel):
    """A text of a file; an e-mail and each of its attachments have one."""

    id: str
    text: str
    note: str = Field(description="what of the file is not in the text; empty where all of it is")
    places: PlacesBody | None = Field(None, description="what stands where in the file")


class DocumentTexts(BaseModel):
    """What a file holds; `documents` are what `/extract` takes."""

    documents: list[DocumentText]
    problems: list[str]


def document_routes(reader: FileReader) -> APIRouter:
    """The route.

    Args:
        reader: what reads files.
    """
    router = APIRouter(route_class=StrictRoute, tags=["Extraction"])
    body: dict[str, Any] = {
        "description": "The file as it is.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }

    @router.post(
        "/texts",
        responses=documented(429, 501),
        response_model_exclude_none=True,
        openapi_extra={"requestBody": body},
    )
    async def read_file(
        request: Request,
        name: Annotated[str, Query(max_length=255, description="what the file is called")] = "",
    ) -> DocumentTexts:
        """Read a document that is no plain text; its name only helps to tell what it is.

        It is read in a process of its own, which is held to limits. What can not be read is said
        in `problems`.
        """
        content = await request.body()
        found = await while_there(request, reader.read(content, name or "document"))
        return DocumentTexts(
            documents=[_text_of(each) for each in found if isinstance(each, Document)],
            problems=[str(each) for each in found if isinstance(each, Problem)],
        )

    return router


def _text_of(document: Document) -> DocumentText:
    places = document.source_map
    packed = PlacesBody(**pack_places(places)) if places and places.starts else None
    note = places.note if places else ""
    return DocumentText(id=document.id, text=document.text, note=note, places=packed)
