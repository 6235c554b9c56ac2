"""The review over HTTP: the rows, one after another, what is said of them, and the page.

Everything stands behind the server's gate: requests must name this machine as their host, pages of
other sites are refused, and no page may run or load anything from elsewhere.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import Counter
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.responses import Response

from setaccio.data.files.json_text import dump_compact
from setaccio.data.schema.validation.patterns import JUDGE_SECONDS, search_limit
from setaccio.data.task.task import Task
from setaccio.runtime.server.http.body import StrictModel, StrictRoute
from setaccio.runtime.server.http.errors import MOST_NAMED, HttpError
from setaccio.runtime.server.http.gate import Gate, RequestLimits
from setaccio.runtime.server.http.pages import page_app
from setaccio.runtime.server.review.rows import ReviewRows
from setaccio.runtime.server.review.verdicts import SKIPPED, Verdicts

MOST_BYTES = 50_000_000


class VerdictBody(StrictModel):
    """What is said of a row."""

    gold: dict[str, Any] | None = Field(None, description="the right answer, whole")
    skip: bool = Field(False, description="put the row off")


class ReviewTurns:
    """Which row comes next, and how many have which verdict.

    Args:
        rows: what is reviewed.
        verdicts: what was said of it.

    Attributes:
        rows: as given.
        verdicts: as given.
        lock: to be held by whoever asks; requests come from several threads.
    """

    def __init__(self, rows: ReviewRows, verdicts: Verdicts) -> None:
        self.rows, self.verdicts = rows, verdicts
        self.lock = threading.Lock()
        self._keys = [place.document for place in rows.places]
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        self._must = {key for key, place in zip(self._keys, rows.places, strict=True) if place.must}
        self._first = 0

    def _said(self, number: int) -> bool:
        key = self._keys[number]
        return key in self.verdicts.decided or key in self.verdicts.skipped

    def next(self, after: int | None = None) -> int | None:
        """Number of the next row without a verdict, those that were skipped last.

        Args:
            after: number of the row that was just shown; it is not given again.
        """
        while self._first < len(self._keys) and self._said(self._first):
            self._first += 1
        for number in range(self._first, len(self._keys)):
            if number != after and not self._said(number):
                return number
        put_off = (self._numbers.get(key) for key in self.verdicts.skipped)
        return next((one for one in put_off if one is not None and one != after), None)

    def state(self, after: int | None = None) -> dict[str, Any]:
        """Counts of all rows and of those that must be looked at, and the next row."""
        decided = {k: v for k, (v, _) in self.verdicts.decided.items() if k in self._numbers}
        skipped = sum(key in self._numbers for key in self.verdicts.skipped)
        return {
            "rows": len(self._keys),
            "must": len(self._must),
            "must_left": len(self._must - decided.keys()),
            "counts": {**Counter(decided.values()), SKIPPED: skipped},
            "next": self.next(after),
        }

    def shown(self, number: int) -> dict[str, Any]:
        """A row and what was said of it."""
        key = self._keys[number]
        verdict, gold = self.verdicts.decided.get(key, (None, None))
        row = self.rows.read(self.rows.places[number])
        said = SKIPPED if key in self.verdicts.skipped else verdict
        return {"number": number, "row": row, "verdict": said, "gold": gold}


def create_review_app(turns: ReviewTurns, task: Task) -> Gate:
    """Put the application together.

    Args:
        turns: the rows and what is said of them.
        task: whose schema what is kept must fit.
    """
    ending = asyncio.Event()
    api = page_app("review.html", title="Setaccio review", openapi_url=None)
    api.include_router(_routes(turns, task))
    return Gate(api, RequestLimits(max_body=MOST_BYTES), None, ending)


def _routes(turns: ReviewTurns, task: Task) -> APIRouter:
    router = APIRouter(route_class=StrictRoute)

    def check(number: int) -> int:
        if not 0 <= number < len(turns.rows.places):
            raise HttpError(404, "There is no such row.")
        return number

    @router.get("/review")
    def show_state() -> Response:
        """What is reviewed, and how far it is."""
        with turns.lock:
            about = {
                "task": {"name": task.name, "schema": task.json_schema},
                "source": turns.rows.path.name,
                "file": str(turns.verdicts.path),
                "budgeted": turns.rows.budgeted,
            }
            return _json({**about, **turns.state()})

    @router.get("/rows/{number}")
    def show_row(number: int) -> Response:
        """A row with its text."""
        with turns.lock:
            return _json(turns.shown(check(number)))

    @router.post("/rows/{number}")
    def judge_row(number: int, body: VerdictBody) -> Response:
        """Keep what is right, or put the row off; when this answers, it is on the disk."""
        with turns.lock:
            row = turns.rows.read(turns.rows.places[check(number)])
            try:
                if body.skip:
                    turns.verdicts.skip(row)
                    said = SKIPPED
                else:
                    _check_gold(task, body.gold)
                    said = turns.verdicts.keep(row, body.gold or {})
            except OSError as error:
                raise HttpError(500, f"It can not be written ({error.strerror}).") from error
            return _json({"verdict": said, **turns.state(number)})

    @router.post("/end")
    async def end() -> Response:
        """End the review; what was said is on the disk already."""

        async def stop() -> None:
            signal.raise_signal(signal.SIGTERM)  # the server's own way to end without losses

        return Response(status_code=204, background=BackgroundTask(stop))

    return router


def _check_gold(task: Task, gold: dict[str, Any] | None) -> None:
    if gold is None:
        raise HttpError(400, "gold: give the right answer, or skip the row.", param="gold")
    try:
        with search_limit(JUDGE_SECONDS):
            problems = task.problems(gold)
    except ValueError as error:
        raise HttpError(400, f"The answer can not be judged: {error}.", param="gold") from error
    if problems:  # whoever reads it has the values before their eyes
        more = f"; and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
        said = f"Does not fit the schema: {'; '.join(problems[:MOST_NAMED])}{more}."
        raise HttpError(400, said, param="gold")


def _json(value: Any) -> Response:
    text = dump_compact(value).encode("utf-8", "backslashreplace")
    return Response(text, media_type="application/json")
