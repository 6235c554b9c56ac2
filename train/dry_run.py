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
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from setaccio.train.backend.base import load_tokenizer
from setaccio.train.config.idle import idle_settings, refuse_without_evaluation
from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.pairs import tell_problems
from setaccio.train.inputs.sources import (
    choose_backend,
    encode_sources,
    require_extra,
    training_sources,
)
from setaccio.train.record.run_folder import check_run, run_inputs

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
    sources = training_sources(config)
    tell_problems(sources.problems, sources.task.notes)
    inputs = run_inputs(sources.base, sources.task, sources.learned, sources.held_out)
    check_run(config, inputs)
    backend = choose_backend(config)

    import torch

    from setaccio.train.fit import assemble, check_goes_together, needs
    from setaccio.train.inputs.sample import show_batch
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.record.plan import make_plan
    from setaccio.train.record.preflight import check_resources
    from setaccio.train.record.progress import Reporter, quiet
    from setaccio.train.record.trackers import check_trackers

    check_trackers(config)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    reporter = Reporter(Clock(config.max_minutes, time.monotonic()), console)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        tokenizer = load_tokenizer(sources.base)
        rows = encode_sources(config, sources, tokenizer)
        refuse_without_evaluation(config, len(rows.train), len(rows.eval))
        reporter.show(idle_settings(config, len(rows.train), len(rows.eval)))
        check_goes_together(config, rows, backend)
        needed = needs(config, sources.base, rows)
        check_resources(needed, config)
        away = config.model_copy(update={"out": Path(folder)})
        trainer = assemble(away, sources.base, tokenizer, rows, backend, reporter, needed=needed)
        batch = next(iter(trainer.get_train_dataloader()))
        reporter.console.print(show_batch(batch, tokenizer, SHOWN_ROWS))
        plan = make_plan(config, needed, trainer, len(rows.train))
    reporter.show(plan.lines())
    return plan
