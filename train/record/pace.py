"""How long a training still takes: work that is left, at the speed of the steps done so far.

A step's work is the tokens that it computes, a shared prefix counted once. So batches of long and
of short rows differ, and the estimate holds after few steps.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

RECENT = 30  # steps whose speed counts: other programs come and go


def common_start(rows: Sequence[Sequence[int]]) -> int:
    """Length of the prefix that all rows share."""
    first = rows[0]
    common = min(map(len, rows))
    for row in rows[1:]:
        while row[:common] != first[:common]:
            same = (a == b for a, b in zip(row, first, strict=False))
            common = next((i for i, equal in enumerate(same) if not equal), common)
    return common


class TimeLeft:
    """Estimates the seconds that are left.

    Args:
        work: of each step of the first pass over the pairs, in order.
        steps: of the whole training; None where only time limits it.
        seconds_per_work: measured before the first step.
        evaluations: numbers of the steps after which there is an evaluation.
        evaluation: seconds that one is expected to take.
        now: a monotonic clock in seconds.
    """

    def __init__(
        self,
        work: Sequence[float],
        steps: int | None,
        seconds_per_work: float,
        evaluations: Sequence[int] = (),
        evaluation: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.work = list(work)
        self.steps = steps
        self.seconds_per_work = seconds_per_work
        self.evaluations = list(evaluations)
        self.evaluation = evaluation
        self.now = now
        self.done: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._begun = 0.0

    def between(self, first: int, last: int) -> float:
        """Work of the steps after the first up to the last; each pass is taken for the first."""
        size = len(self.work)
        passes, rest = divmod(last - first, size)
        start = first % size
        twice = self.work + self.work
        return passes * sum(self.work) + sum(twice[start : start + rest])

    def begin(self) -> None:
        """Note that a step begins."""
        self._begun = self.now()

    def end(self, step: int) -> None:
        """The step of this number (from 1) has ended."""
        if self._begun:
            self.done.append((self.now() - self._begun, self.between(step - 1, step)))

    def evaluated(self, seconds: float) -> None:
        """An evaluation took so long."""
        self.evaluation = seconds

    def left(self, step: int) -> float | None:
        """Seconds after so many steps; None where no number of steps is set."""
        if self.steps is None:
            return None
        speed = self.seconds_per_work
        if self.done:
            speed = sum(spent for spent, _ in self.done) / sum(work for _, work in self.done)
        due = sum(each > step or (each == step == 0) for each in self.evaluations)
        return speed * self.between(step, self.steps) + due * self.evaluation
