"""One training: callbacks, trainer, the loop, and what to do when it diverges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from setaccio.data.errors import TrainError
from setaccio.train.backend.base import Base
from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.sources import Rows
from setaccio.train.loop.saving import load_weights, read_kept
from setaccio.train.record.run_folder import last_checkpoint

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from setaccio.train.loop.early_stopping import Watch
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.loop.scoring import Scorer
    from setaccio.train.loop.trainer import Trainer
    from setaccio.train.record.preflight import MemoryEstimate
    from setaccio.train.record.progress import Reporter

BEST = "best"


class Fitted(NamedTuple):
    """A trained model, still in memory.

    Attributes:
        trainer: holds the model.
        watch: knows the best evaluation.
        step: the step whose weights the model has; None where none is worth keeping.
        problem: why the training broke off, or None.
    """

    trainer: Trainer
    watch: Watch
    step: int | None
    problem: TrainError | None


def needs(config: TrainConfig, base: Base, rows: Rows) -> MemoryEstimate:
    """Memory and disk of a run.

    Raises:
        TrainError: no layer of the base matches ``target_modules``.
    """
    import torch

    from setaccio.train.backend.backend_trl import weight_bytes
    from setaccio.train.record.preflight import estimate

    longest = max(len(row.input_ids) for row in rows.train)
    completion = max(sum(row.completion_mask) for row in rows.train)
    on_cpu = not torch.cuda.is_available()
    return estimate(config, base, longest, completion, weight_bytes(config), on_cpu=on_cpu)


def check_goes_together(config: TrainConfig, rows: Rows, backend: str) -> None:
    """Refuse settings that the back end or the number of processes rules out.

    Raises:
        TrainError: pairs can not be packed or weighed here, or several processes can not train.
    """
    import torch

    from setaccio.train.backend.ranks import world_size

    special = config.packing or any(row.weight != 1 for row in rows.train)
    if backend == "unsloth" and special:
        raise TrainError("packing and weights: not with Unsloth's own loss. Use --backend trl.")
    if world_size() > 1 and (special or not torch.cuda.is_available()):
        raise TrainError(
            "Several processes train together on GPUs only, without packing and weights. Start "
            "the command without accelerate launch."
        )


def assemble(
    config: TrainConfig,
    base: Base,
    tokenizer: Any,
    rows: Rows,
    backend: str,
    reporter: Reporter,
    callbacks: Sequence[Any] = (),
    needed: MemoryEstimate | None = None,
) -> Trainer:
    """Load the base and make the trainer.

    Raises:
        ModelError: the base can not be loaded.
        TrainError: pairs can not be packed with this model.
    """
    from setaccio.train.backend import backend_trl, backend_unsloth
    from setaccio.train.inputs.packing import check_no_leak
    from setaccio.train.loop.trainer import build_trainer

    prepare = backend_unsloth.prepare_unsloth if backend == "unsloth" else backend_trl.prepare_trl
    prepared = prepare(config, base)
    if config.packing:
        check_no_leak(prepared.model)
    return build_trainer(
        config,
        prepared.model,
        tokenizer,
        rows.train,
        rows.eval,
        clock=reporter.clock,
        checkpoints=config.out / "checkpoints",
        bf16=backend_trl.uses_bf16(config),
        callbacks=callbacks,
        peft_config=prepared.peft_config,
        tell=reporter.tell,
        part_tokens=needed.part_tokens if needed else None,
        recompute=needed.recompute if needed else False,
    )


def fit(
    config: TrainConfig,
    base: Base,
    tokenizer: Any,
    rows: Rows,
    backend: str,
    clock: Clock,
    extra: Sequence[TrainerCallback],
    needed: MemoryEstimate,
    reporter: Reporter,
    scorer: Scorer | None = None,
) -> Fitted:
    """Prepare and train; ``scorer`` measures L3 at each evaluation.

    Raises:
        TrainError: memory does not suffice even for a single row.
    """
    from setaccio.train.backend.ranks import leads, world_size
    from setaccio.train.loop.early_stopping import Watch
    from setaccio.train.loop.oom_retry import is_out_of_memory
    from setaccio.train.loop.scoring import score_present
    from setaccio.train.record.plan import make_plan
    from setaccio.train.record.progress import DivergedError, MetricsFile, read_metrics
    from setaccio.train.record.trackers import trackers

    checkpoint = last_checkpoint(config.out)
    step = 0
    if checkpoint is not None:
        clock.resume_from(checkpoint)
        step = int(checkpoint.name.rpartition("-")[2])
    metrics = config.out / "metrics.jsonl"
    history = [row for row in read_metrics(metrics) if row["step"] <= step]
    watch = Watch(config, config.out / "checkpoints" / BEST, reporter.tell, history)
    callbacks: list[Any] = [watch]
    if leads():
        callbacks = [reporter, MetricsFile(metrics, clock, step), *trackers(config, step), watch]
    trainer = assemble(
        config, base, tokenizer, rows, backend, reporter, [*callbacks, *extra], needed
    )
    if scorer is not None:
        trainer.score_l3 = lambda: score_present(trainer, config, scorer)
    if leads() and world_size() == 1 and backend == "trl" and not checkpoint:
        reporter.show(make_plan(config, needed, trainer, len(rows.train)).lines())
        reporter.pace = trainer.pace
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except DivergedError as error:
        return Fitted(trainer, watch, _last_good(config, trainer, watch), error)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise TrainError(
            "Out of memory with a single row. Lower max_length, or pass --set "
            "gradient_checkpointing=true or --method qlora; then start again with --overwrite."
        ) from error
    finally:
        reporter.close()
    return Fitted(trainer, watch, _best(config, trainer, watch, reporter), None)


def _best(config: TrainConfig, trainer: Trainer, watch: Watch, reporter: Reporter) -> int:
    """Put the best weights into the model, where they are not the last ones; returns their step."""
    last = int(trainer.state.global_step)
    kept = watch.kept()
    if not config.keep_best or kept is None or watch.best is None or watch.best.step == last:
        return last
    load_weights(trainer.model, watch.folder)
    what = f"evaluation loss, {kept.eval_loss:.3f}," if kept.l3 is None else f"L3, {kept.l3:.0%},"
    reporter.tell(f"the weights of step {kept.step} are the result: their {what} is the best one")
    return kept.step


def _last_good(config: TrainConfig, trainer: Any, watch: Watch) -> int | None:
    """Put the last good weights into the model: the best ones, or those of the last checkpoint."""
    kept = read_kept(watch.folder)
    if kept is not None:
        load_weights(trainer.model, watch.folder)
        return kept.step
    checkpoint: Path | None = last_checkpoint(config.out)
    if checkpoint is None:
        return None
    trainer._load_from_checkpoint(str(checkpoint))
    return int(checkpoint.name.rpartition("-")[2])
