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
    with Bars(*columns, console=Console(stderr=True)) as bars:

        def advance(arm: str, done: int, total: int) -> None:
            if arm not in arms:
                arms[arm] = bars.add_task(arm, total=total)
            bars.update(arms[arm], completed=done)

        yield advance
