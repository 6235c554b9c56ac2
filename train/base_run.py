"""One run that grows the tiny base: steps, checkpoints, held-out losses, and the finished base.

On a CPU, a run that is interrupted and resumed ends with the very weights of one that is not. On a
GPU, and under a limit in minutes, it goes on just so, but no two runs are alike to the bit.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from safetensors.torch import load_file, save_file

from setaccio.data.errors import UsageError
from setaccio.data.records import atomic_write
from setaccio.data.synthetic import generate
from setaccio.train.base_data import Batch, extraction_batches
from setaccio.train.base_model import BaseOptimizer, completion_loss, new_base, schedule
from setaccio.train.base_plan import PLANS, Plan
from setaccio.train.base_stream import COPY, EXCHANGED, PLAIN, BatchMaker, BatchStream, Job
from setaccio.train.base_vocabulary import make_tokenizer

SEED = 7
RATE = 1e-2
HELD_OUT_SEED = 1_000_003  # examples of this seed are measured, never trained on


def held_out_losses(
    model: Any, maker: BatchMaker, batches: int = PLANS["cpu"].measured
) -> dict[str, float]:
    """Mean losses over examples that training never sees, in nats per completion token.

    Args:
        model: a base with the maker's vocabulary.
        maker: gives the examples; they are the same for every size of its batches.
        batches: how many of them, of each kind.

    Returns:
        ``held_out_loss`` of plain examples, ``exchanged_loss`` of those with exchanged words.
    """
    losses = {}
    for name, source in (("held_out_loss", generate), ("exchanged_loss", maker.exchanged)):
        pool = extraction_batches(maker.encoder, maker.pad, HELD_OUT_SEED, 0, source)
        with torch.no_grad():
            each = [completion_loss(model, b.input_ids, b.targets).item() for b in pool[:batches]]
        losses[name] = round(float(sum(each) / len(each)), 4)
    return losses


class BaseRun:
    """One resumable run.

    Args:
        work: folder for checkpoints and metrics.
        plan: its stages.
        seed: of weights, batches and vocabulary.
        rate: peak learning rate.
        on_step: called with the number of steps done after each of them.
        device: ``cpu`` or ``cuda``.
        workers: processes that make batches beside this one.

    Raises:
        UsageError: the folder's run was begun with batches of another size.
    """

    def __init__(
        self,
        work: Path,
        plan: Plan = PLANS["cpu"],
        seed: int = SEED,
        rate: float = RATE,
        on_step: Callable[[int], None] | None = None,
        device: str = "cpu",
        workers: int = 0,
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.work, self.plan, self.seed = work, plan, seed
        self._on_step = on_step
        self.tokenizer = make_tokenizer(work, seed)
        self.maker = BatchMaker(self.tokenizer, seed, plan.tokens)
        self.model = new_base(self.tokenizer, seed).to(device)
        self.optimizer = BaseOptimizer(self.model, rate)
        self.step, self.seconds, self.copied = 0, 0.0, 0.0
        self.kind, self.pool, self.offset = PLAIN, 0, 0
        self.tokens: int | None = 0
        self._measured: tuple[int, dict[str, float]] = (-1, {})
        self._resume()
        self.stream = BatchStream(self.maker, work / "tokenizer", workers)

    @property
    def place(self) -> int:
        """Where on the plan the run is, in steps."""
        return self.plan.place(self.step, self.seconds, self.copied)

    @property
    def finished(self) -> bool:
        """Whether the plan is done."""
        return self.place >= self.plan.steps

    @property
    def _checkpoint(self) -> Path:
        return self.work / "checkpoint"

    def _resume(self) -> None:
        former = self.work / ".former"
        if former.exists() and not self._checkpoint.exists():
            former.rename(self._checkpoint)  # killed between the two renames of a save
        state = self._checkpoint / "state.json"
        if not state.exists():
            return
        position = json.loads(state.read_text())
        begun = position.get("tokens_per_batch", PLANS["cpu"].tokens)
        if begun != self.plan.tokens:
            raise UsageError(
                f"{self.work}: was begun with {begun} tokens per batch, not {self.plan.tokens}. "
                f"Pass --tokens-per-batch {begun}, or another --work."
            )
        self.step, self.seconds = position["step"], position["seconds"]
        self.pool, self.offset = position["pool"], position["offset"]
        # Checkpoints of before 21 November 2026 hold no more than that.
        self.kind = position.get("kind", EXCHANGED if self.step > self.plan.cycles[-1] else PLAIN)
        self.copied, self.tokens = position.get("copied", 0.0), position.get("tokens")
        self.model.load_state_dict(load_file(self._checkpoint / "model.safetensors"), strict=False)
        self.model.tie_weights()
        self.optimizer.load(self._checkpoint / "optimizer.safetensors")
        self._drop_later_metrics()

    def _drop_later_metrics(self) -> None:
        """Forget what was measured after the checkpoint: those steps are done again."""
        path = self.work / "metrics.jsonl"
        if path.exists():
            lines = path.read_text().splitlines(keepends=True)
            with atomic_write(path) as stream_:
                stream_.writelines(x for x in lines if json.loads(x)["step"] <= self.step)

    def save(self) -> None:
        """Write a checkpoint; the former one is kept until the new one is complete."""
        fresh = self.work / ".checkpoint"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        tensors = {n: p.detach().contiguous() for n, p in self.model.named_parameters()}
        save_file(tensors, fresh / "model.safetensors")
        self.optimizer.save(fresh / "optimizer.safetensors")
        position = {
            "step": self.step,
            "seconds": self.seconds,
            "pool": self.pool,
            "offset": self.offset,
            "kind": self.kind,
            "copied": self.copied,
            "tokens": self.tokens,
            "tokens_per_batch": self.plan.tokens,
        }
        (fresh / "state.json").write_text(json.dumps(position))
        former = self.work / ".former"
        shutil.rmtree(former, ignore_errors=True)
        if self._checkpoint.exists():
            self._checkpoint.rename(former)
        fresh.rename(self._checkpoint)
        shutil.rmtree(former, ignore_errors=True)

    def _batches(self) -> Iterator[Batch]:
        copies = (Job(COPY, step) for step in range(self.step, self.plan.copy_steps))
        for (batch,) in self.stream.results(copies):
            yield batch
        if self.kind == PLAIN:
            yield from self._pooled(until=self.plan.cycles[-1])
            self.kind, self.pool, self.offset = EXCHANGED, self.pool + 1, 0
        yield from self._pooled()

    def _pooled(self, until: int | None = None) -> Iterator[Batch]:
        kind, first, skipped = self.kind, self.pool, self.offset
        made = self.stream.results(Job(kind, number) for number in count(first))
        for number, batches in enumerate(made, first):
            for offset in range(skipped, len(batches)):
                if until is not None and self.place >= until:
                    made.close()
                    return
                self.pool, self.offset = number, offset + 1
                yield batches[offset]
            skipped = 0

    def held_out(self) -> dict[str, float]:
        """Both held-out losses; see :func:`held_out_losses`."""
        if self._measured[0] != self.step:
            losses = held_out_losses(self.model, self.maker, self.plan.measured)
            self._measured = (self.step, losses)
        return self._measured[1]

    def run(self, progress: Progress) -> None:
        """Train from the present step to the last, with checkpoints and metrics."""
        bar = progress.add_task(
            "growing the base", total=self.plan.steps, completed=self.place, note=""
        )
        batches = self._batches()
        try:
            with (self.work / "metrics.jsonl").open("a") as metrics:
                while not self.finished:
                    loss, norm = self._timed_step(batches)
                    if self.step % self.plan.report_every == 0 or self.finished:
                        row = self._report(loss.item(), norm.item())
                        metrics.write(json.dumps(row) + "\n")
                        metrics.flush()
                        progress.update(bar, completed=self.place, note=f"loss {row['loss']:.3f}")
                    if self._on_step is not None:
                        self._on_step(self.step)
        finally:
            self.stream.close()

    def _timed_step(self, batches: Iterator[Batch]) -> tuple[torch.Tensor, torch.Tensor]:
        """One step with the next batch; its time and tokens are counted."""
        started = time.perf_counter()
        batch = next(batches)
        learned = self._learn(batch)
        self.seconds += time.perf_counter() - started
        if self.tokens is not None:
            self.tokens += batch.tokens
        if self.step == self.plan.copy_steps:
            self.copied = self.seconds
        return learned

    def _learn(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimiser step; returns the loss and the gradient's norm before clipping."""
        loss = completion_loss(self.model, batch.input_ids, batch.targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step(schedule(self.place, self.plan.ends))
        self.step += 1
        return loss.detach(), norm

    def _report(self, loss: float, norm: float) -> dict[str, float]:
        """One line of metrics; writes a checkpoint first where one is due."""
        row = {
            "step": self.step,
            "loss": round(loss, 4),
            "norm": round(norm, 3),
            "seconds": round(self.seconds, 1),
        }
        if self.step % self.plan.checkpoint_every == 0 or self.finished:
            row |= self.held_out()
            self.save()
        return row

    def facts(self) -> dict[str, Any]:
        """What ``growth.json`` says of the run; ``tokens`` is null where they were not counted."""
        where = self.model.device.type
        return {
            "steps": self.step,
            "seconds": round(self.seconds),
            "seed": self.seed,
            "device": torch.cuda.get_device_name() if where == "cuda" else where,
            "torch": torch.__version__,
            "tokens": self.tokens,
            "tokens_per_batch": self.plan.tokens,
            **self.held_out(),
        }

    def publish(self, folder: Path) -> None:
        """Save the base as bf16 safetensors with its tokenizer, whole or not at all."""
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        facts = self.facts()  # measured before the weights are rounded
        self.model.to("cpu", torch.bfloat16).save_pretrained(fresh)
        for leftover in ("local_files_only", "is_local"):  # how it was loaded, not what it is
            self.tokenizer.init_kwargs.pop(leftover, None)
        self.tokenizer.save_pretrained(fresh)
        for path in fresh.iterdir():
            path.chmod(0o644)
        with atomic_write(fresh / "growth.json") as stream_:
            json.dump(facts, stream_, indent=2)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
