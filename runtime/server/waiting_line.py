"""Requests that wait for a slot: a bounded line, fair between adapters and between documents."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

from setaccio.runtime.server.work import Work

LATEST = 64
"""Requests that the mean waiting time is of."""


class WaitingLine:
    """What the decoder draws from.

    Each adapter has a line of its own, and they are served in turn; of a document in many parts
    one part is drawn at a time, and others come before the next.

    Args:
        limit: requests that may wait without having begun.

    Attributes:
        limit: as given.
        changed: guards all of it, and is notified of every change.
        waits: seconds that the latest requests waited.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.changed = threading.Condition()
        self.waits: deque[float] = deque(maxlen=LATEST)
        self._lines: OrderedDict[int, deque[Work]] = OrderedDict()
        self._places = 0

    @property
    def taken(self) -> int:
        """Places of requests that have not begun."""
        return self._places

    def take_place(self) -> bool:
        """Take a place for a request that will be added; False where there is none."""
        with self.changed:
            free = self._places < self.limit
            self._places += free
            return free

    def give_place(self) -> None:
        """Give back a place."""
        with self.changed:
            self._places -= 1
            self.changed.notify_all()

    def note_begin(self, work: Work) -> None:
        """Take note that a request waits no longer: it is decoded, or never will be."""
        with self.changed:
            if work.begun is None:
                work.begun = time.monotonic()
                self.waits.append(work.begun - work.asked)
                self.give_place()

    def add(self, work: Work) -> None:
        """Add a request, or one that has parts to be decoded again."""
        with self.changed:
            self._lines.setdefault(work.line, deque()).append(work)
            self.changed.notify_all()

    def remove(self, work: Work) -> None:
        """Take a request out, if it is there."""
        with self.changed:
            line = self._lines.get(work.line, deque())
            if work in line:
                line.remove(work)
                if not line:
                    del self._lines[work.line]

    def next(self) -> Work | None:
        """The request that is next; it stays, behind the others, if it has other parts."""
        with self.changed:
            if not self._lines:
                return None
            key, line = next(iter(self._lines.items()))
            work = line.popleft()
            if len(work.waiting) > 1:
                line.append(work)
            if line:
                self._lines.move_to_end(key)
            else:
                del self._lines[key]
            return work

    def waiting(self) -> list[Work]:
        """What is in line."""
        with self.changed:
            return [work for line in self._lines.values() for work in line]

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self._lines)
