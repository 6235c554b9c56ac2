"""A progress bar on standard error for :func:`setaccio.eval.compare.compare`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)

from setaccio.eval.compare import Progress


@contextmanager
def show_progress() -> Iterator[Progress]:
    """One bar per arm with documents done, time spent and time left.

    Yields:
        The callback to pass as ``progress``.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    arms: dict[str, TaskID] = {}
    bars = Bars(*columns, console=Console(stderr=True))

    def advance(arm: str, done: int, total: int) -> None:
        if arm not in arms:
            bars.start()  # not before: without a bar in it, it ends as an empty line
            arms[arm] = bars.add_task(arm, total=total)
        bars.update(arms[arm], completed=done)

    try:
        yield advance
    finally:
        if arms:
            bars.stop()
