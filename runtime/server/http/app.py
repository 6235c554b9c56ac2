"""The application: every route behind the one gate.

    >>> app = create_app(engine, make_catalogue(engine, "smollm2"), RequestLimits())

It is ASGI; :mod:`setaccio.runtime.server.http.serving` runs it with uvicorn.
"""

from __future__ import annotations

import asyncio

from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.catalogue import Catalogue
from setaccio.runtime.server.http.chat.chat_routes import openai_routes
from setaccio.runtime.server.http.corrections import Corrections
from setaccio.runtime.server.http.extract.document_routes import document_routes
from setaccio.runtime.server.http.extract.extract_routes import extract_routes
from setaccio.runtime.server.http.extract.file_reader import FileReader
from setaccio.runtime.server.http.gate import Gate, RequestLimits
from setaccio.runtime.server.http.metrics import Metrics
from setaccio.runtime.server.http.pages import page_app
from setaccio.runtime.server.http.service_routes import service_routes


def create_app(engine: Engine, catalogue: Catalogue, limits: RequestLimits) -> Gate:
    """Put the application together.

    Args:
        engine: what answers; it stays the caller's to close.
        catalogue: what the engine can be asked for.
        limits: what is let pass.

    Raises:
        UsageError: the file of corrections can not be written to.
    """
    metrics = Metrics(engine.stats)
    corrections = None if limits.corrections is None else Corrections(limits.corrections)
    ending = asyncio.Event()
    reader = FileReader(limits.max_body, limits.timeout)
    api = page_app(
        "page.html",
        title="Setaccio",
        summary="Free text in, JSON that always fits your schema out.",
        version="1",
    )
    api.include_router(openai_routes(engine, catalogue, limits.timeout))
    api.include_router(
        extract_routes(
            engine,
            catalogue,
            reader,
            seconds=limits.timeout,
            longest_line=limits.max_body,
            ending=ending,
        )
    )
    api.include_router(document_routes(reader))
    gate = Gate(api, limits, metrics, ending)
    api.include_router(
        service_routes(
            catalogue, engine.stats, metrics, corrections=corrections, draining=ending.is_set
        )
    )
    return gate
