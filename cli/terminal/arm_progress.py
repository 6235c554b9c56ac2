"""How far the arms of a comparison are, shown on standard error.

On a terminal there is one line per arm, redrawn; elsewhere a plain line now and then. Answers of an
untuned model can take minutes each, so tokens are shown as they come, not documents alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from setaccio.eval.arms.progress import ArmProgress, Progress

LOG_EVERY = 15.0
"""Seconds between two plain lines."""


class _Lines:
    """Plain lines, now and then."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console, self._clock = console, clock
        self._next = clock() + LOG_EVERY

    def __call__(self, state: ArmProgress) -> None:
        if self._clock() < self._next:
            return
        self._next = self._clock() + LOG_EVERY
        self._console.print(state.line, markup=False, soft_wrap=True)


class _Bars:
    """One redrawn line per arm, with time spent and time left."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[flow]}", markup=False),
            console=console,
        )
        self._arms: dict[str, TaskID] = {}

    def __call__(self, state: ArmProgress) -> None:
        if state.arm not in self._arms:
            self._bars.start()  # not before: without a bar in it, it ends as an empty line
            self._arms[state.arm] = self._bars.add_task(state.arm, total=state.total, flow="")
        self._bars.update(self._arms[state.arm], completed=state.done, flow=state.flow)

    def stop(self) -> None:
        """Leave what is shown, and the cursor below it."""
        if self._arms:
            self._bars.stop()


@contextmanager
def show_progress(
    console: Console | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Show how far the arms are.

    Args:
        console: where; by default standard error.
        clock: gives seconds.

    Yields:
        The callback to pass as ``progress``.
    """
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Lines(console, clock)
        return
    bars = _Bars(console)
    try:
        yield bars
    finally:
        bars.stop()
