"""What a run will take, said before it starts: memory, disk, steps and time.

Memory and disk are computed (:mod:`setaccio.train.inputs.preflight`); time is measured on a forward
and a backward pass of one batch of typical rows, which changes neither weights nor random numbers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setaccio.train.inputs.preflight import MemoryEstimate, free_memory
from setaccio.train.loop.oom_retry import is_out_of_memory
from setaccio.train.record.pace import TimeLeft, common_start
from setaccio.train.record.progress import clock_text

if TYPE_CHECKING:
    from setaccio.train.inputs.prepare import TrainInputs
    from setaccio.train.loop.trainer import Trainer

NEVER = 10**9  # steps
FORWARD_SHARE = 1 / 2  # of a forward and a backward pass, which has no gradients of frozen weights
OVERHEAD = 1.05  # optimiser, data, checkpoints


@dataclass(frozen=True)
class RunPlan:
    """What a run will take.

    Attributes:
        estimate: memory and disk.
        free: bytes of memory that are free.
        steps: optimiser steps; None where only the time is limited.
        seconds: of training and evaluation; None where it was not measured.
        pairs: to learn from.
        effective_batch: rows per optimiser step.
        extracts: whether every evaluation extracts documents too, which the time does not count.
        pace: estimates the time left from here; None where no batch could be timed.
    """

    estimate: MemoryEstimate
    free: int
    steps: int | None
    seconds: float | None
    pairs: int
    effective_batch: int
    extracts: bool = False
    pace: TimeLeft | None = None

    def lines(self) -> list[str]:
        """The plan as a few lines to print."""
        need = self.estimate
        length = f"{self.steps:,} steps" if self.steps else "as many steps as the time allows"
        spent = "" if self.seconds is None else f", about {clock_text(self.seconds)}"
        if self.extracts:
            spent += " without the extractions for L3"
        how = ""
        if need.part_tokens is not None:
            how = f"; batches in parts of at most {need.part_tokens:,} tokens"
        if need.recompute:
            how += ", with recomputed activations, for one row needs much"
        return [
            f"estimate: {_size(need.memory)} of memory, {_size(self.free)} are free (base "
            f"{_size(need.weights)}, training state {_size(need.adapter)}, activations "
            f"{_size(need.activations)}, logits {_size(need.logits)}); {_size(need.disk)} of "
            f"disk{how}",
            f"estimate: {self.pairs:,} pairs, {self.effective_batch} rows a step, {length}{spent}; "
            f"{need.trained:,} of {need.parameters:,} weights trained",
        ]


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def make_plan(inputs: TrainInputs, trainer: Trainer) -> RunPlan:
    """Count the steps of a trainer that is ready to train, and measure their time."""
    config = inputs.config
    steps = trainer.args.max_steps if trainer.args.max_steps > 0 else None
    pace = measure_pace(trainer, steps)
    limits = [60 * config.max_minutes] if config.max_minutes else []
    needs = pace.left(0) if pace else None
    if needs is not None:
        limits.append(OVERHEAD * needs)
    return RunPlan(
        estimate=inputs.needed,
        free=free_memory(),
        steps=steps,
        seconds=min(limits, default=None),
        pairs=len(inputs.rows.train),
        effective_batch=config.batch_size * config.gradient_accumulation,
        extracts=config.metric_for_best == "l3",
        pace=pace,
    )


def measure_pace(trainer: Trainer, steps: int | None) -> TimeLeft | None:
    """Time a batch of a trainer that is ready, and count the work of all steps.

    Returns:
        None where the batch does not fit into memory; the training computes it in parts.
    """
    settings = trainer.settings
    shared = common_start(trainer.train_dataset["input_ids"]) if trainer.flat else 0
    lengths: list[int] = list(trainer.train_dataset["length"])

    def work(rows: Sequence[int], of: Sequence[int]) -> int:
        return shared + sum(of[row] - shared for row in rows)

    order = list(trainer._get_train_sampler())
    size = settings.batch_size
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    works = [work(rows, lengths) for rows in batches]
    accumulated = settings.gradient_accumulation
    per_step = [sum(works[i : i + accumulated]) for i in range(0, len(works), accumulated)]
    typical = batches[sorted(range(len(works)), key=works.__getitem__)[len(works) // 2]]
    spent = seconds_for(trainer, typical)
    if spent is None:
        return None
    each = spent / work(typical, lengths)
    held_out = list(trainer.eval_dataset["length"]) if trainer.eval_dataset else []
    groups = [list(range(i, min(i + size, len(held_out)))) for i in range(0, len(held_out), size)]
    evaluation = FORWARD_SHARE * each * sum(work(rows, held_out) for rows in groups)
    due = [0, *range(settings.eval_steps or NEVER, steps or 0, settings.eval_steps or NEVER)]
    return TimeLeft(per_step, steps, each, [*due, steps or NEVER] if held_out else [], evaluation)


def seconds_for(trainer: Trainer, chosen: Sequence[int]) -> float | None:
    """Seconds of a forward and a backward pass of these rows; None if they do not fit."""
    import torch

    rows = [dict(trainer.train_dataset[index]) for index in chosen]
    model: Any = trainer.model
    device = next(model.parameters()).device
    batch = {name: value.to(device) for name, value in trainer.data_collator(rows).items()}
    training = model.training
    model.train()
    spent = 0.0

    def both(part: Any) -> torch.Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=trainer.args.bf16):
            loss = trainer.compute_loss(model, part)
        loss.backward()
        return loss.detach()

    try:
        # The first pass compiles kernels and makes the heap grow, the second is like all others.
        for _ in range(2):
            begun = time.monotonic()
            with torch.random.fork_rng():
                trainer.oom_retry.run(batch, both) if trainer.oom_retry.tokens else both(batch)
            if device.type == "cuda":
                torch.cuda.synchronize()
            model.zero_grad(set_to_none=True)
            spent = time.monotonic() - begun
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return None
    finally:
        model.zero_grad(set_to_none=True)
        model.train(training)
        trainer.forget_metrics()
    return spent
