"""What a person sees while a model is trained, and what the run folder keeps of it.

On a terminal a rich progress bar on standard error; elsewhere a plain line every ten seconds.
Losses go to ``metrics.jsonl``, one JSON object a line, flushed as they come. The libraries' own
bars, prints and warnings are silenced.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from transformers import TrainerCallback

from setaccio.data.errors import TrainError
from setaccio.data.records import atomic_write
from setaccio.train.backend.device import leads
from setaccio.train.loop.schedule import Clock
from setaccio.train.record.pace import TimeLeft

LINE_SECONDS = 10.0
FIRST_LINE = 3  # after so many steps there is a line in any case
GIB = 2**30
NOISY = ("transformers", "trl", "peft", "accelerate", "datasets", "torch", "bitsandbytes")
FINITE = {"loss": "loss", "eval_loss": "evaluation loss", "grad_norm": "gradient"}
KEPT = ("loss", "eval_loss", "eval_l3", "learning_rate", "grad_norm")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' bars, log lines below errors, and warnings; restored afterwards."""
    import datasets
    from transformers.utils import logging as transformers_logging

    levels = {name: logging.getLogger(name).level for name in NOISY}
    verbosity = transformers_logging.get_verbosity()
    with warnings.catch_warnings():
        for name in NOISY:
            warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
            logging.getLogger(name).setLevel(logging.ERROR)
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        datasets.disable_progress_bars()
        try:
            yield
        finally:
            datasets.enable_progress_bars()
            transformers_logging.enable_progress_bar()
            transformers_logging.set_verbosity(verbosity)
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def clock_text(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class DivergedError(TrainError):
    """The loss or its gradient is no longer a number; nothing after that step is worth keeping."""


def memory_used() -> str:
    """Memory that this process holds, and that PyTorch holds on the GPU where there is one."""
    import torch

    text = f"{psutil.Process().memory_info().rss / GIB:.1f} GiB"
    if torch.cuda.is_available():
        text += f", GPU {torch.cuda.memory_reserved() / GIB:.1f} GiB"
    return text


class Reporter(TrainerCallback):  # type: ignore[misc]  # transformers is not typed for mypy here
    """Shows progress on standard error.

    Args:
        clock: how far the training is.
        console: where to write; standard error by default.
    """

    def __init__(self, clock: Clock, console: Console | None = None) -> None:
        self.clock = clock
        self.console = console or Console(stderr=True)
        self.loss = self.eval_loss = self.l3 = math.nan
        self.begun = self.last_line = 0.0
        self.steps_before = self.tokens_before = 0
        self._pace: TimeLeft | None = None
        self.bar: Progress | None = None
        self.row = TaskID(0)
        self.notes: list[str] = []

    def show(self, lines: list[str]) -> None:
        """Print lines, above the bar where there is one."""
        for line in lines if leads() else []:
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def tell(self, sentence: str) -> None:
        """Print what a person should know, and keep it for the run's record."""
        self.notes.append(sentence)
        self.show([sentence])

    def follow(self, pace: TimeLeft | None) -> None:
        """Take the time left from measured steps and evaluations from now on."""
        self._pace = pace

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the bar."""
        self.begun = self.last_line = time.monotonic()
        self.steps_before = state.global_step
        self.tokens_before = state.num_input_tokens_seen
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("training"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self.console,
                transient=False,
            )
            self.bar.start()
            self.row = self.bar.add_task("loading", total=1.0)

    def describe(self, state: Any) -> str:
        """One line: step, losses, tokens per second, memory, time left."""
        spent = max(time.monotonic() - self.begun, 1e-9)
        parts = [f"step {state.global_step}"]
        for name, value, form in (
            ("loss", self.loss, ".3f"),
            ("eval loss", self.eval_loss, ".3f"),
            ("L3", self.l3, ".0%"),
        ):
            if not math.isnan(value):
                parts.append(f"{name} {value:{form}}")
        parts.append(f"{(state.num_input_tokens_seen - self.tokens_before) / spent:,.0f} tokens/s")
        parts.append(memory_used())
        left = self._pace.left(state.global_step) if self._pace else None
        if left is None:
            steps_left = state.max_steps - state.global_step
            left = float(steps_left * spent / max(state.global_step - self.steps_before, 1))
        if self.clock.budget is not None:
            left = min(self.clock.budget - self.clock.elapsed, left)
        if self.clock.budget is not None or self.clock.progress(state.global_step):
            parts.append(f"{clock_text(left)} left")
        return ", ".join(parts)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Take the newest losses."""
        logs = logs or {}
        self.loss = logs.get("loss", self.loss)
        self.eval_loss = logs.get("eval_loss", self.eval_loss)
        self.l3 = logs.get("eval_l3", self.l3)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        """Note how long an evaluation takes."""
        if self._pace is not None:
            self._pace.evaluated(metrics["eval_runtime"])

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note when a step begins."""
        if self._pace is not None:
            self._pace.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar, or write a line when ten seconds have gone."""
        if self._pace is not None:
            self._pace.end(state.global_step)
        if self.bar is not None:
            done = self.clock.progress(state.global_step)
            self.bar.update(self.row, completed=done, description=self.describe(state))
        elif time.monotonic() - self.last_line >= LINE_SECONDS or state.global_step == FIRST_LINE:
            self.line(state)

    def line(self, state: Any) -> None:
        """Write one plain line."""
        self.last_line = time.monotonic()
        share = self.clock.progress(state.global_step)
        self.show([f"training {share:4.0%}  {self.describe(state)}"])

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close the bar."""
        if self.bar is None:
            self.line(state)
        else:
            self.bar.update(self.row, completed=1.0, description=self.describe(state))
        self.close()

    def close(self) -> None:
        """Give the terminal back, also after an error."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


class MetricsFile(TrainerCallback):  # type: ignore[misc]
    """Appends losses to a JSON Lines file.

    Args:
        path: the file; lines of steps after ``resumed_step`` are dropped first, because they are
            trained again.
        clock: measures seconds.
        resumed_step: the step to go on from, 0 for a new run.
    """

    def __init__(self, path: Path, clock: Clock, resumed_step: int = 0) -> None:
        self.path = path
        self.clock = clock
        kept = [row for row in read_metrics(path) if row["step"] <= resumed_step]
        with atomic_write(path) as stream:
            stream.writelines(json.dumps(row) + "\n" for row in kept if resumed_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Write one line, flushed.

        Raises:
            DivergedError: the loss, or its gradient, is no longer a number; raised before the
                step could be saved.
        """
        values = {key: float(logs[key]) for key in KEPT if logs and key in logs}
        if not values:
            return
        row = {
            "step": state.global_step,
            **values,
            "tokens": state.num_input_tokens_seen,
            "seconds": round(self.clock.elapsed, 2),
        }
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        for key, name in FINITE.items():
            if not math.isfinite(values.get(key, 0.0)):
                raise DivergedError(
                    f"The {name} is no longer a number at step {state.global_step}. Lower the "
                    "learning rate (--set learning_rate=...), or pass --set precision=fp32."
                )


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read ``metrics.jsonl``; a torn last line is left out."""
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
    return rows
