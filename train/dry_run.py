"""Everything that a training does before its first step, and nothing after.

    from setaccio.train import load_config
    from setaccio.train.dry_run import dry_run
    dry_run(load_config(None, {"pairs": "pairs.jsonl", "out": "runs/recipe"}))

Pairs are read, checked and encoded, the base is loaded, a batch is timed; memory, time and disk
are estimated, and the first batch is shown, as the trainer's own collator makes it, with the
tokens that teach nothing in grey. Nothing is written.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from setaccio.train.config.idle import idle_settings
from setaccio.train.config.settings import TrainConfig
from setaccio.train.fit import Training, build_trainer
from setaccio.train.inputs.parent import settle
from setaccio.train.inputs.prepare import prepare_inputs
from setaccio.train.inputs.sources import choose_backend, require_extra, training_sources
from setaccio.train.record.run_folder import check_run

if TYPE_CHECKING:
    from setaccio.train.record.plan import RunPlan

SHOWN_ROWS = 2


def dry_run(config: TrainConfig, console: Console | None = None) -> RunPlan:
    """Check a configuration on the real data and base, and say what the run will take.

    Args:
        config: every setting.
        console: where to write; standard error by default.

    Returns:
        Memory, disk, steps and time.

    Raises:
        TrainError: the data, the memory or the disk would not serve.
        UsageError: a package behind ``report_to`` is not installed, or ``out`` could not be used.
        ModelError: the base is not there or can not be loaded.
        TaskError: the task can not be used.
        DataError: the pairs can not be read.
    """
    require_extra()
    config = settle(config)
    sources = training_sources(config)
    check_run(config, sources.digests)
    backend = choose_backend(config)

    from setaccio.train.inputs.sample import show_batch
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.record.plan import make_plan
    from setaccio.train.record.progress import Reporter, quiet

    reporter = Reporter(Clock(config.max_minutes, time.monotonic()), console)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        inputs = prepare_inputs(config, sources, backend)
        reporter.show(idle_settings(config, len(inputs.rows.train), len(inputs.rows.eval)))
        # The trainer makes its folder; the run's stays as it is.
        away = replace(inputs, config=config.model_copy(update={"out": Path(folder)}))
        trainer = build_trainer(Training(away, reporter))
        batch = next(iter(trainer.get_train_dataloader()))
        reporter.console.print(show_batch(batch, inputs.tokenizer, SHOWN_ROWS))
        plan = make_plan(inputs, trainer)
    reporter.show([*sources.start(), *plan.lines()])
    return plan
