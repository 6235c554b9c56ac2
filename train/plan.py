"""What a run will take, said before it starts: memory, disk, steps and time.

Memory and disk are computed (:mod:`setaccio.train.preflight`); time is measured on a forward and a
backward pass of one batch of typical rows, which changes neither weights nor random numbers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setaccio.train.halving import is_out_of_memory
from setaccio.train.preflight import Estimate, free_memory
from setaccio.train.progress import duration
from setaccio.train.settings import TrainConfig

if TYPE_CHECKING:
    from setaccio.train.trainer import Trainer

FORWARD_SHARE = 1 / 3  # of a forward and a backward pass
OVERHEAD = 1.1  # optimiser, data, checkpoints


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    Attributes:
        estimate: memory and disk.
        free: bytes of memory that are free.
        steps: optimiser steps; None where only the time is limited.
        seconds: of training and evaluation; None where it was not measured.
        pairs: to learn from.
        effective_batch: rows per optimiser step.
        extracts: whether every evaluation extracts documents too, which the time does not count.
    """

    estimate: Estimate
    free: int
    steps: int | None
    seconds: float | None
    pairs: int
    effective_batch: int
    extracts: bool = False

    def lines(self) -> list[str]:
        """The plan as a few lines to print."""
        need = self.estimate
        length = f"{self.steps:,} steps" if self.steps else "as many steps as the time allows"
        spent = "" if self.seconds is None else f", about {duration(self.seconds)}"
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
            f"{_size(need.activations)}, logits {_size(need.logits)}); {_size(need.disk)} of disk{how}",
            f"estimate: {self.pairs:,} pairs, {self.effective_batch} rows a step, {length}{spent}; "
            f"{need.trained:,} of {need.parameters:,} weights trained",
        ]


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def make_plan(config: TrainConfig, needed: Estimate, trainer: Trainer, pairs: int) -> Plan:
    """Count steps and measure their time.

    Args:
        config: the run's settings.
        needed: from :func:`setaccio.train.preflight.estimate`.
        trainer: ready to train.
        pairs: number of pairs to learn from.
    """
    lengths = trainer.train_dataset["length"]
    batch = config.batch_size * config.gradient_accumulation
    per_epoch = -(-len(lengths) // batch)
    steps = trainer.args.max_steps if trainer.args.max_steps > 0 else None
    if steps is None and config.epoch_limit is not None:
        steps = max(1, -int(-config.epoch_limit * per_epoch // 1))
    seconds = 60 * config.max_minutes if config.max_minutes else None
    if steps is not None:
        pace = seconds_per_token(trainer)
        if pace is not None:
            learned = steps * sum(lengths) / per_epoch
            count = 2 + (steps // config.eval_steps if config.eval_steps else 0)
            held_out = sum(trainer.eval_dataset["length"]) if trainer.eval_dataset else 0
            needs = pace * (OVERHEAD * learned + FORWARD_SHARE * count * held_out)
            seconds = needs if seconds is None else min(seconds, needs)
    extracts = config.metric_for_best == "l3"
    return Plan(needed, free_memory(), steps, seconds, pairs, batch, extracts)


def seconds_per_token(trainer: Trainer) -> float | None:
    """Seconds that a forward and a backward pass take per token of a typical batch.

    Returns:
        None where the batch does not fit into memory; the training will halve it.
    """
    import torch

    lengths: list[int] = list(trainer.train_dataset["length"])
    size = min(trainer.args.train_batch_size, len(lengths))
    start = (len(lengths) - size) // 2
    chosen = sorted(range(len(lengths)), key=lengths.__getitem__)[start : start + size]
    rows = [dict(trainer.train_dataset[index]) for index in chosen]
    model: Any = trainer.model
    device = next(model.parameters()).device
    batch = {name: value.to(device) for name, value in trainer.data_collator(rows).items()}
    training = model.training
    model.train()
    spent = 0.0
    try:
        # The first pass compiles kernels, the second is like all that follow.
        for _ in range(2):
            begun = time.monotonic()
            with (
                torch.random.fork_rng(),
                torch.autocast(device.type, dtype=torch.bfloat16, enabled=trainer.args.bf16),
            ):
                trainer.compute_loss(model, batch).backward()
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
    return spent / sum(lengths[index] for index in chosen)
