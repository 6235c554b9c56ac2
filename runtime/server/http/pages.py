"""What every application of the server begins with: its page, and one form for all errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from setaccio.runtime.server.http.errors import answer_fault, answer_http, answer_validation

PAGE_FOLDER = Path(__file__).parents[1] / "page"


def page_app(page: str, **options: Any) -> FastAPI:
    """An application with a page at ``/`` and nothing else yet.

    Args:
        page: its file's name in :data:`PAGE_FOLDER`.
        options: for ``FastAPI``, such as the title.
    """
    return FastAPI(
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            HTTPException: answer_http,
            RequestValidationError: answer_validation,
            Exception: answer_fault,
        },
        routes=_page_routes(page),
        **options,
    )


def _page_routes(page: str) -> list[BaseRoute]:
    async def show_page(_: object) -> Response:
        return FileResponse(PAGE_FOLDER / page, headers={"Cache-Control": "no-cache"})

    return [
        Route("/", show_page, name="page"),
        Mount("/page", StaticFiles(directory=PAGE_FOLDER), name="page files"),
    ]
