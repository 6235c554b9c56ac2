"""How far the training is, in steps or in time, and the learning rate that follows from it.

Progress runs from 0 to 1 and is the larger of two shares: steps done of the step limit, seconds
gone of the time budget. The learning rate is a function of progress alone, so a run that its time
budget ends has warmed up and cooled down exactly like one that its steps end, on any machine.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from setaccio.data.records import atomic_write

CLOCK_FILE = "setaccio_clock.json"
EVAL_RESERVE = 1.25  # time kept for the last evaluation, relative to the first one
SAVE_SECONDS = 2.0


def rate_at(progress: float, shape: str, warmup: float) -> float:
    """Learning rate as a share of its peak.

    Args:
        progress: 0 at the start, 1 at the end.
        shape: ``cosine``, ``linear`` or ``constant`` after the warm-up.
        warmup: share of the training over which the rate rises linearly.
    """
    if progress < warmup:
        # Not zero at the very start: the first step would be wasted.
        return max(progress / warmup, 0.01)
    rest = min((progress - warmup) / (1 - warmup), 1.0)
    if shape == "cosine":
        return 0.5 * (1 + math.cos(math.pi * rest))
    return 1 - rest if shape == "linear" else 1.0


class Clock(TrainerCallback):  # type: ignore[misc]  # transformers is not typed for mypy here
    """Measures progress and ends the training when the time budget does.

    Args:
        minutes: the time budget, or None.
        started: when the whole run began, on ``now``'s scale, so that loading counts.
        now: a monotonic clock in seconds.
    """

    def __init__(
        self, minutes: float | None, started: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.now = now
        self.started = started
        self.budget = None if minutes is None else 60 * minutes
        self.reserve = SAVE_SECONDS
        self.first_step = self.last_step = self.slowest_step = self.evaluation = 0.0
        self.total_steps = 0
        self.out_of_time = False
        self._evaluating_since: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, those before a resume included."""
        return self.now() - self.started

    def progress(self, step: int) -> float:
        """How far the training is, 0 to 1, after ``step`` optimiser steps."""
        share = step / self.total_steps if self.total_steps else 0.0
        if self.budget is not None and self.first_step:
            span = max(self.budget - self.reserve - self.first_step, 1e-9)
            share = max(share, (self.elapsed - self.first_step) / span)
        return min(max(share, 0.0), 1.0)

    def resume_from(self, checkpoint: Path) -> None:
        """Count the seconds that the run had used when the checkpoint was written."""
        path = checkpoint / CLOCK_FILE
        if path.is_file():
            saved = json.loads(path.read_text(encoding="utf-8"))
            self.started -= float(saved["seconds"])
            self.first_step = float(saved["first_step"])

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take the step limit, and begin to measure the first evaluation."""
        self.total_steps = state.max_steps
        self._evaluating_since = self.now()

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Reserve as much time at the end as the first evaluation took."""
        if self._evaluating_since is not None:
            self.evaluation = EVAL_RESERVE * (self.now() - self._evaluating_since)
            self.reserve += self.evaluation
            self._evaluating_since = None

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note when the first step begins: warm-up is counted from there."""
        self._evaluating_since = None
        self.last_step = self.elapsed
        if not self.first_step:
            self.first_step = self.elapsed

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Stop before a step, or an evaluation and a step, that would end after the budget."""
        self.slowest_step = max(self.slowest_step, self.elapsed - self.last_step)
        if self.budget is None:
            return control
        ahead = self.slowest_step + (self.evaluation if control.should_evaluate else 0.0)
        if self.elapsed + ahead > self.budget - self.reserve:
            self.out_of_time = True
            control.should_training_stop = True
            control.should_evaluate = True
            control.should_save = True
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the seconds used with the checkpoint."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        with atomic_write(folder / CLOCK_FILE) as stream:
            json.dump({"seconds": self.elapsed, "first_step": self.first_step}, stream)
