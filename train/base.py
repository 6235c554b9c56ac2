"""Grow the tiny base: vocabulary, copying, then extraction from synthetic text.

No pretrained weights can be assumed, so the project carries a base of its own. This module makes
it from the project's own generators, without any recipe among the extraction examples. It is
checkpointed: started again with the same folder it goes on where it stopped.

    python -m setaccio.train.base --work runs/base
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from setaccio.data.prompt import ChatFormat
from setaccio.data.recipe_source import generate_recipe
from setaccio.data.records import atomic_write
from setaccio.data.synthetic import Example, generate
from setaccio.data.task import dump_compact
from setaccio.train.allocator import keep_heap
from setaccio.train.base_data import (
    Batch,
    ExampleEncoder,
    ExampleSource,
    copy_batch,
    extraction_batches,
    stream,
)
from setaccio.train.base_model import BaseOptimizer, completion_loss, new_base, schedule
from setaccio.train.base_tokenizer import CHATML_TEMPLATE, END_OF_TURN, train_tokenizer
from setaccio.train.base_words import vocabulary_words

SEED = 7
STEPS = 12_400
COPY_STEPS = 480
CYCLES = (3600, 10_400)  # steps until the rate has fallen for the first and the second time
RATE = 1e-2
CHECKPOINT_EVERY = 200
REPORT_EVERY = 20
HELD_OUT_SEED = 1_000_003  # examples of this seed are measured, never trained on
VOCABULARY_EXAMPLES = 12_000


def vocabulary_texts(seed: int) -> Iterator[str]:
    """Text to learn the vocabulary from: synthetic examples, and recipes a third as often.

    Recipes shape only the vocabulary, so that the words of the bundled task are not cut to bits.
    """
    for index in range(VOCABULARY_EXAMPLES):
        example = generate(seed, index)
        yield example.text
        yield dump_compact(example.gold)
        if index % 4 == 0:
            yield dump_compact(example.schema)
            yield example.instruction
        if index % 3 == 0:
            recipe = generate_recipe(random.Random(f"vocabulary:{seed}:{index}"))
            yield recipe.title + "\n" + ", ".join(recipe.ingredients)
            yield " ".join(recipe.directions)


def make_tokenizer(work: Path, seed: int) -> Any:
    """Load the run's tokenizer, or train and save it."""
    folder = work / "tokenizer"
    if not folder.exists():
        temporary = work / ".tokenizer"
        train_tokenizer(vocabulary_texts(seed)).save_pretrained(temporary)
        temporary.replace(folder)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


class BaseRun:
    """One resumable run.

    Args:
        work: folder for checkpoints and metrics.
        steps: length of the whole run in optimiser steps.
        seed: of weights, batches and vocabulary.
        rate: peak learning rate.
        on_step: called with the number of steps done after each of them.
    """

    def __init__(
        self,
        work: Path,
        steps: int,
        seed: int = SEED,
        rate: float = RATE,
        on_step: Callable[[int], None] | None = None,
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.work, self.steps, self.seed = work, steps, seed
        self._on_step = on_step
        self.tokenizer = make_tokenizer(work, seed)
        self.pad = self.tokenizer.pad_token_id
        self.encoder = ExampleEncoder(self.tokenizer, ChatFormat(CHATML_TEMPLATE, eos=END_OF_TURN))
        self.exchange = vocabulary_words(self.tokenizer, seed)
        self.model = new_base(self.tokenizer, seed)
        self.optimizer = BaseOptimizer(self.model, rate)
        self.step, self.pool, self.offset, self.seconds = 0, 0, 0, 0.0
        self._resume()

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
        self.step, self.seconds = position["step"], position["seconds"]
        self.pool, self.offset = position["pool"], position["offset"]
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
        }
        (fresh / "state.json").write_text(json.dumps(position))
        former = self.work / ".former"
        shutil.rmtree(former, ignore_errors=True)
        if self._checkpoint.exists():
            self._checkpoint.rename(former)
        fresh.rename(self._checkpoint)
        shutil.rmtree(former, ignore_errors=True)

    def _exchanged(self, seed: int, index: int) -> Example:
        rng = random.Random(f"exchange:{seed}:{index}")
        return self.exchange(rng, generate(seed, index))

    def _batches(self) -> Iterator[Batch]:
        while self.step < COPY_STEPS:
            yield copy_batch(self.seed, self.step, len(self.tokenizer))
        if self.step < CYCLES[-1]:
            yield from self._pooled(generate, until=CYCLES[-1])
        if self.step == CYCLES[-1]:
            self.pool, self.offset = self.pool + 1, 0
        yield from self._pooled(self._exchanged)

    def _pooled(self, source: ExampleSource, until: int | None = None) -> Iterator[Batch]:
        batches = stream(self.encoder, self.pad, self.seed, self.pool, self.offset, source)
        for pool, offset, batch in batches:
            if self.step == until:
                return
            self.pool, self.offset = pool, offset + 1
            yield batch

    def held_out_loss(self, source: ExampleSource = generate) -> float:
        """Mean loss over one pool of examples that training never sees."""
        pool = extraction_batches(self.encoder, self.pad, HELD_OUT_SEED, 0, source)[:12]
        with torch.no_grad():
            losses = [completion_loss(self.model, b.input_ids, b.targets).item() for b in pool]
        return float(sum(losses) / len(losses))

    def run(self, progress: Progress) -> None:
        """Train from the present step to the last, with checkpoints and metrics."""
        bar = progress.add_task("growing the base", total=self.steps, completed=self.step, note="")
        batches = self._batches()
        with (self.work / "metrics.jsonl").open("a") as metrics:
            while self.step < self.steps:
                started = time.perf_counter()
                loss, norm = self._learn(next(batches))
                self.seconds += time.perf_counter() - started
                if self.step % REPORT_EVERY == 0 or self.step == self.steps:
                    metrics.write(json.dumps(self._report(loss, norm)) + "\n")
                    metrics.flush()
                    progress.update(bar, completed=self.step, note=f"loss {loss:.3f}")
                if self._on_step is not None:
                    self._on_step(self.step)

    def _learn(self, batch: Batch) -> tuple[float, float]:
        """One optimiser step; returns the loss and the gradient's norm before clipping."""
        loss = completion_loss(self.model, batch.input_ids, batch.targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step(schedule(self.step, (COPY_STEPS, *CYCLES, self.steps)))
        self.step += 1
        return loss.item(), norm.item()

    def _report(self, loss: float, norm: float) -> dict[str, float]:
        """One line of metrics; writes a checkpoint first where one is due."""
        row = {
            "step": self.step,
            "loss": round(loss, 4),
            "norm": round(norm, 3),
            "seconds": round(self.seconds, 1),
        }
        if self.step % CHECKPOINT_EVERY == 0 or self.step == self.steps:
            row["held_out_loss"] = round(self.held_out_loss(), 4)
            row["exchanged_loss"] = round(self.held_out_loss(self._exchanged), 4)
            self.save()
        return row

    def publish(self, folder: Path) -> None:
        """Save the base as bf16 safetensors with its tokenizer, whole or not at all."""
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        self.model.to(torch.bfloat16).save_pretrained(fresh)
        for leftover in ("local_files_only", "is_local"):  # how it was loaded, not what it is
            self.tokenizer.init_kwargs.pop(leftover, None)
        self.tokenizer.save_pretrained(fresh)
        for path in fresh.iterdir():
            path.chmod(0o644)
        with atomic_write(fresh / "growth.json") as stream_:
            facts = {"steps": self.step, "seconds": round(self.seconds), "seed": self.seed}
            json.dump(facts, stream_, indent=2)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def main() -> None:
    """Parse the command line and grow the base."""
    keep_heap("setaccio.train.base")
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/base"))
    parser.add_argument("--out", type=Path, default=None, help="where to save the finished base")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run = BaseRun(arguments.work, arguments.steps, arguments.seed, arguments.rate)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    ) as progress:
        run.run(progress)
    run.publish(arguments.out or arguments.work / "model")


if __name__ == "__main__":
    main()
