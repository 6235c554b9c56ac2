"""How long the base grows, and in which stages: one plan for a CPU, one for a GPU.

Every number that decides a run's length is here. A plan with ``minutes`` ends when they are up: the
learning rate then follows whichever is further, steps or time, so that it falls to nothing at the
end all the same. Copying is always learned in full, since nothing comes of what follows without it.
"""

from __future__ import annotations

from typing import NamedTuple

from setaccio.train.base_data import TOKENS_PER_BATCH


class Plan(NamedTuple):
    """The stages of one run.

    Attributes:
        steps: length of the whole run in optimiser steps.
        copy_steps: of them, those that learn to copy.
        cycles: steps until the rate has fallen for the first and the second time; after the last
            of them, words are exchanged.
        tokens: most tokens of a batch, padding included.
        minutes: limit of the time spent in steps, or None.
        checkpoint_every: steps between checkpoints, each with the held-out losses.
        report_every: steps between lines of metrics.
        measured: batches of each kind that the held-out losses are measured on.
    """

    steps: int
    copy_steps: int
    cycles: tuple[int, int]
    tokens: int = TOKENS_PER_BATCH
    minutes: float | None = None
    checkpoint_every: int = 200
    report_every: int = 20
    measured: int = 12

    @property
    def ends(self) -> tuple[int, ...]:
        """Where copying ends, and each cycle of the rate after it."""
        return (self.copy_steps, *self.cycles, self.steps)

    def place(self, step: int, seconds: float, copied: float) -> int:
        """Where on the plan a run is, in steps: the further one of steps done and time spent.

        Args:
            step: steps done.
            seconds: time spent in steps.
            copied: of it, the time that copying took.
        """
        if self.minutes is None or step < self.copy_steps:
            return step
        share = (seconds - copied) / max(60 * self.minutes - copied, 1.0)
        timed = self.copy_steps + int(share * (self.steps - self.copy_steps))
        return min(self.steps, max(step, timed))


PLANS = {
    "cpu": Plan(12_400, 480, (3600, 10_400)),  # 75 million tokens, two hours on two cores
    # A batch 16 times as large, a billion tokens at most; the stages have the same shares.
    "gpu": Plan(10_000, 480, (2900, 8400), 16 * TOKENS_PER_BATCH, minutes=5.0),
    # Every stage for a step or two, to see that a machine can do it.
    "rehearsal": Plan(6, 2, (3, 4), checkpoint_every=3, report_every=1, measured=1),
}
