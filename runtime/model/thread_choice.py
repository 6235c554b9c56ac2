"""How many threads compute, by what they get of the processor while they do.

Threads wait for each other many times in a pass. Where another program uses a core, one of them
waits for its turn and all the others with it: two threads are then several times slower than one.
So the share of the processor that the threads get is measured in every pass; where it is low, one
thread fewer computes, and now and then one more is tried again. How many compute does not change
what comes out: each row of a product is computed by one thread, in one order.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST_SHARE = 0.75
"""Of the wall time, that the threads of an undisturbed pass spend computing, on the average."""

FORGET = 0.15  # weight of a new measurement
PASSES = 6  # passes before a judgement, so that one hiccup is none
FIRST_PAUSE, GREATEST_PAUSE = 0.5, 8.0  # seconds until one more thread is tried


class ThreadChoice:
    """Chooses the number of threads of each pass.

    Args:
        most: most threads.
        clock: gives the time in seconds.

    Attributes:
        now: threads that the next pass should take.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.now = most
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._retry = 0.0
        self._start_measuring()

    def _start_measuring(self) -> None:
        self._share, self._passes = 1.0, 0

    def next(self, useful: int) -> int:
        """Threads for the next pass.

        Args:
            useful: most threads that have enough to do in it.
        """
        if self.now < self.most and self._clock() >= self._retry:
            self.now += 1
            self._start_measuring()
        return max(1, min(self.now, useful))

    def measured(self, threads: int, wall: float, computing: float) -> None:
        """Take note of a pass.

        Args:
            threads: that took part.
            wall: seconds it took.
            computing: seconds of processor time that all its threads had in it.
        """
        if threads != self.now or threads < 2 or wall <= 0:
            return
        share = min(1.0, computing / (wall * threads))
        self._share += FORGET * (share - self._share)
        self._passes += 1
        if self._passes < PASSES:
            return
        if self._share < LEAST_SHARE:
            self.now -= 1
            self._retry = self._clock() + self._pause
            self._pause = min(2 * self._pause, GREATEST_PAUSE)
            self._start_measuring()
        elif self._passes > 4 * PASSES:  # it has been quiet for a while
            self._pause = FIRST_PAUSE
