"""Inputs become a trainer, the trainer trains: its result, and what to do when it diverges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from setaccio.data.errors import TrainError
from setaccio.train.inputs.prepare import TrainInputs
from setaccio.train.loop.saving import load_weights, put_adapter, read_kept
from setaccio.train.record.run_folder import last_checkpoint

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from setaccio.train.loop.early_stopping import EarlyStopping
    from setaccio.train.loop.scoring import Scorer
    from setaccio.train.loop.trainer import Trainer
    from setaccio.train.record.progress import Reporter

BEST = "best"


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        inputs: from :func:`setaccio.train.inputs.prepare.prepare_inputs`.
        reporter: shows progress; its clock measures the time budget.
        callbacks: further transformers callbacks.
        scorer: measures L3 at each evaluation, or None.
    """

    inputs: TrainInputs
    reporter: Reporter
    callbacks: Sequence[TrainerCallback] = ()
    scorer: Scorer | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained model, still in memory.

    Attributes:
        trainer: holds the model.
        stopping: knows the best evaluation.
        step: the step whose weights the model has; None where none is worth keeping.
        problem: why the training broke off, or None.
    """

    trainer: Trainer
    stopping: EarlyStopping
    step: int | None
    problem: TrainError | None


def build_trainer(training: Training) -> Trainer:
    """Load the base and make the trainer, its adapter that of the parent where there is one.

    Raises:
        ModelError: the base can not be loaded.
        TrainError: pairs can not be packed with this model, or the parent's adapter does not fit.
    """
    from setaccio.train.backend import backend_trl, backend_unsloth
    from setaccio.train.inputs.packing import check_no_leak
    from setaccio.train.loop.trainer import Trainer

    inputs = training.inputs
    unsloth = inputs.backend == "unsloth"
    prepare = backend_unsloth.prepare_unsloth if unsloth else backend_trl.prepare_trl
    model, peft_config = prepare(inputs.config, inputs.base)
    if inputs.config.packing:
        check_no_leak(model)
    trainer = Trainer(training, model, peft_config)
    if inputs.parent is not None:
        weights = inputs.parent.weights(inputs.base)
        put_adapter(trainer.accelerator.unwrap_model(trainer.model), weights, inputs.parent.path)
    return trainer


def fit(training: Training) -> Fitted:
    """Train, from the last checkpoint where there is one.

    Raises:
        TrainError: memory does not suffice even for a single row.
    """
    from setaccio.train.backend.device import leads, world_size
    from setaccio.train.loop.early_stopping import EarlyStopping
    from setaccio.train.loop.oom_retry import is_out_of_memory
    from setaccio.train.record.plan import make_plan
    from setaccio.train.record.progress import DivergedError, MetricsFile, read_metrics
    from setaccio.train.record.trackers import keep_in_run_folder, tensorboard

    inputs, reporter, config = training.inputs, training.reporter, training.inputs.config
    checkpoint = last_checkpoint(config.out)
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    if checkpoint:
        reporter.clock.resume_from(checkpoint)
    metrics = config.out / "metrics.jsonl"
    history = [row for row in read_metrics(metrics) if row["step"] <= step]
    best = config.out / "checkpoints" / BEST
    stopping = EarlyStopping(config, best, reporter.tell, history)
    callbacks = [stopping, *training.callbacks]
    if leads():
        keep_in_run_folder(config)
        written = [MetricsFile(metrics, reporter.clock, step), *tensorboard(config, step)]
        callbacks = [reporter, *written, *callbacks]
    trainer = build_trainer(replace(training, callbacks=callbacks))
    if leads() and world_size() == 1 and inputs.backend == "trl" and not checkpoint:
        plan = make_plan(inputs, trainer)
        reporter.show(plan.lines())
        reporter.follow(plan.pace)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except DivergedError as error:
        return Fitted(trainer, stopping, _last_good(trainer, stopping), error)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise TrainError(
            "Out of memory with a single row. Lower max_length, or pass --set "
            "gradient_checkpointing=true or --method qlora; then start again with --overwrite."
        ) from error
    finally:
        reporter.close()
    return Fitted(trainer, stopping, _best(trainer, stopping, reporter), None)


def _best(trainer: Trainer, stopping: EarlyStopping, reporter: Reporter) -> int:
    """Put the best weights into the model, where they are not the last ones; returns their step."""
    last = int(trainer.state.global_step)
    kept = stopping.kept()
    if not trainer.settings.keep_best or kept is None or kept.step == last:
        return last
    load_weights(trainer.model, stopping.folder)
    what = f"evaluation loss, {kept.eval_loss:.3f}," if kept.l3 is None else f"L3, {kept.l3:.0%},"
    reporter.tell(f"the weights of step {kept.step} are the result: their {what} is the best one")
    return kept.step


def _last_good(trainer: Trainer, stopping: EarlyStopping) -> int | None:
    """Put the last good weights into the model: the best ones, or those of the last checkpoint."""
    kept = read_kept(stopping.folder)
    if kept is not None:
        load_weights(trainer.model, stopping.folder)
        return kept.step
    checkpoint = last_checkpoint(trainer.settings.out)
    if checkpoint is None:
        return None
    trainer._load_from_checkpoint(str(checkpoint))
    return int(checkpoint.name.rpartition("-")[2])
