"""Progress of many documents on standard error: done, in all, time left.

Nothing is shown in the first two seconds. On a terminal it is one line that is redrawn, unless
the results themselves go to that terminal; elsewhere it is a plain line now and then.
"""

from __future__ import annotations

import sys
import time

from setaccio.cli.terminal.console import tell

PATIENCE = 2.0
"""Seconds of silence."""

TERMINAL_EVERY = 0.2
LOG_EVERY = 15.0


def duration(seconds: float) -> str:
    """Seconds in the largest fitting unit, such as ``42 s``, ``3 min`` or ``1.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class Meter:
    """Counts documents and says how far they are; use it in a ``with`` statement.

    Args:
        total: documents in all, or None when that is unknown.
        results_on_terminal: whether results are being printed to the terminal.
        noun: what is counted, in the plural.
    """

    def __init__(
        self, total: int | None, *, results_on_terminal: bool, noun: str = "documents"
    ) -> None:
        self.total = total
        self.noun = noun
        self.done = 0
        self.failed = 0
        self._redraw = sys.stderr.isatty()
        self._quiet = self._redraw and results_on_terminal
        self._began = time.monotonic()
        self._next = self._began + PATIENCE
        self._width = 0

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def count(self, *, failed: bool) -> None:
        """Note that a document is done."""
        self.done += 1
        self.failed += failed
        now = time.monotonic()
        if now < self._next or self._quiet:
            return
        self._next = now + (TERMINAL_EVERY if self._redraw else LOG_EVERY)
        self._show()

    def skip(self) -> None:
        """Note that a document needs nothing done, so that the time left is that of the others."""
        if self.total is not None:
            self.total -= 1

    def line(self) -> str:
        """The progress in words."""
        if self.total is None:
            return f"{self.done} {self.noun} done in {duration(self.seconds)}"
        left = (self.total - self.done) * self.seconds / max(1, self.done)
        return f"{self.done} of {self.total} {self.noun}, {duration(left)} left"

    def clear(self) -> None:
        """Make room for another message on the terminal."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0

    def _show(self) -> None:
        if not self._redraw:
            tell(self.line())
            return
        text = self.line()
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
