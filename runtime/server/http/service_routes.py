"""What is asked about the server: tasks, health, metrics; corrected answers; the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from setaccio.data.schema.validation.patterns import JUDGE_SECONDS, search_limit
from setaccio.runtime.server.http.body import StrictModel, StrictRoute
from setaccio.runtime.server.http.catalogue import Catalogue
from setaccio.runtime.server.http.corrections import Corrections
from setaccio.runtime.server.http.errors import MOST_NAMED, HttpError, documented
from setaccio.runtime.server.http.extract.extract_models import Id, Name, read_schema
from setaccio.runtime.server.http.metrics import Metrics
from setaccio.runtime.server.request_types import EngineStats


class TaskCard(BaseModel):
    """A task that can be asked for."""

    name: str
    instruction: str
    schema_: dict[str, Any] = Field(serialization_alias="schema")
    adapter: str | None = Field(description="the adapter that was trained for it")


class Health(BaseModel):
    """How the server is."""

    status: Literal["ok", "starting", "ending", "failed"]
    live: bool
    ready: bool
    slots: int
    busy: int
    queued: int
    corrections: bool = Field(description="whether corrected answers are taken")
    version: str


class CorrectionBody(StrictModel):
    """A pair: what should have come out of a text."""

    id: Id | None = None
    text: str = Field(min_length=1)
    gold: dict[str, Any] = Field(description="the right answer, whole")
    task: Name | None = Field(None, description="whose schema it must fit")
    schema_: dict[str, Any] | None = Field(None, alias="schema", description="instead of a task")
    instruction: str | None = Field(None, description="what was asked, beside a schema")
    adapter: Name | None = Field(None, description="the model that was asked for")
    from_model: Id | None = Field(None, description="the `model` of the corrected row")
    data: Any = Field(None, description="the answer that was corrected")


class KeptPair(BaseModel):
    """A pair that is on the disk."""

    id: str
    file: str


def service_routes(
    catalogue: Catalogue,
    stats: Callable[[], EngineStats],
    metrics: Metrics,
    *,
    corrections: Corrections | None,
    draining: Callable[[], bool],
) -> APIRouter:
    """The routes.

    Args:
        catalogue: what there is.
        stats: gives the engine's state.
        metrics: the numbers.
        corrections: where corrected answers go; None refuses them.
        draining: whether the process is about to end.
    """
    router = APIRouter(route_class=StrictRoute, tags=["Service"])

    @router.get("/tasks", responses=documented())
    async def list_tasks() -> list[TaskCard]:
        """The tasks, with their schemas, and which adapter was trained for each."""
        return [
            TaskCard(
                name=name,
                instruction=offer.task.instruction,
                schema_=offer.task.json_schema,
                adapter=offer.adapter,
            )
            for name, offer in catalogue.tasks.items()
        ]

    @router.post("/corrections", status_code=201, responses=documented(404))
    def keep_correction(body: CorrectionBody) -> KeptPair:
        """Keep a corrected answer as a pair for training; when this answers, it is on the disk."""
        if corrections is None:
            raise HttpError(404, "Corrections are not kept here. Start with --corrections FILE.")
        _check_correction(body, catalogue)
        given = body.model_dump(by_alias=True)
        pair = {key: value for key, value in given.items() if value is not None}
        try:
            return KeptPair(id=corrections.add(pair), file=str(corrections.path))
        except OSError as error:
            said = f"The pair can not be written ({error.strerror})."
            raise HttpError(500, said) from error

    @router.get("/health/live", responses=documented())
    async def live() -> Response:
        """Whether the process works; otherwise it is to be started anew."""
        return _answer("ok" if stats().live else "failed", good=stats().live)

    @router.get("/health/ready", responses=documented())
    async def ready() -> Response:
        """Whether requests are taken."""
        state = _state(stats(), draining())
        return _answer(state, good=state == "ok")

    @router.get("/health", responses=documented())
    async def health() -> Health:
        """Both, and how busy it is."""
        now = stats()
        state = _state(now, draining())
        return Health(
            status=state,
            live=now.live,
            ready=state == "ok",
            slots=now.slots,
            busy=now.busy,
            queued=now.queued,
            corrections=corrections is not None,
            version=_version(),
        )

    text = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics."}

    @router.get("/metrics", response_class=Response, responses={**documented(), 200: text})
    async def show_metrics() -> Response:
        """The numbers for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _check_correction(body: CorrectionBody, catalogue: Catalogue) -> None:
    if (body.task is None) == (body.schema_ is None):
        raise HttpError(400, "task: give a task, or a schema.", param="task")
    if not body.text.strip():
        raise HttpError(400, "text: is empty.", param="text")
    if body.task is not None:
        task = catalogue.offer(body.task).task
    else:
        task = read_schema(body.schema_ or {}, None)
    try:
        with search_limit(JUDGE_SECONDS):
            problems = task.problems(body.gold)
    except ValueError as error:
        raise HttpError(400, f"gold: can not be judged: {error}.", param="gold") from error
    if problems:  # without what they quote
        places = list(dict.fromkeys(each.partition(": ")[0] for each in problems))
        more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
        said = f"gold: does not fit the schema at {', '.join(places[:MOST_NAMED])}{more}."
        raise HttpError(400, said, param="gold")


def _state(now: EngineStats, draining: bool) -> Literal["ok", "starting", "ending", "failed"]:
    if not now.live:
        return "failed"
    if draining:
        return "ending"
    return "ok" if now.ready else "starting"


def _answer(state: str, *, good: bool) -> JSONResponse:
    return JSONResponse({"status": state}, 200 if good else 503)


def _version() -> str:
    from importlib.metadata import version

    return version("setaccio")
