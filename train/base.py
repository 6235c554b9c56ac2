"""Grow the tiny base: vocabulary, copying, then extraction from synthetic text.

No pretrained weights can be assumed, so the project carries a base of its own. This module makes
it from the project's own generators, without any recipe among the extraction examples. It is
checkpointed: started again with the same folder it goes on where it stopped.

    python -m setaccio.train.base --work runs/base
    python -m setaccio.train.base --work runs/base-gpu --device cuda     # minutes; see docs/gpu.md
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from setaccio.data.errors import UsageError
from setaccio.train.allocator import keep_heap
from setaccio.train.base_plan import PLANS, Plan
from setaccio.train.base_run import RATE, SEED, BaseRun


def parse_plan(arguments: argparse.Namespace, device: str) -> Plan:
    """The plan that the command line asks for, by default the device's own."""
    plan = PLANS[arguments.plan or ("gpu" if device == "cuda" else "cpu")]
    given = {
        "steps": arguments.steps,
        "tokens": arguments.tokens_per_batch,
        "minutes": arguments.minutes,
    }
    return plan._replace(**{name: value for name, value in given.items() if value is not None})


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--work", type=Path, default=Path("runs/base"), help="checkpoints; resumed where they are")
    add("--out", type=Path, help="where to save the finished base (default: WORK/model)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    add("--plan", choices=tuple(PLANS), help="the stages (default: gpu on cuda, else cpu)")
    add("--steps", type=int, help="length of the run (default: the plan's)")
    add("--minutes", type=float, help="end after this time spent in steps (default: the plan's)")
    add("--tokens-per-batch", type=int, help="padding included (default: the plan's)")
    add("--workers", type=int, help="processes that make batches (default: 0; cuda: cores less 1)")
    add("--seed", type=int, default=SEED, help="of weights, batches and vocabulary")
    add("--rate", type=float, default=RATE, help="peak learning rate")
    add("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch, on the CPU")
    return parser


def main() -> int:
    """Parse the command line and grow the base; returns the exit code."""
    keep_heap("setaccio.train.base")
    arguments = parser().parse_args()
    torch.set_num_threads(arguments.threads)
    device: str = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    workers = arguments.workers
    if workers is None:
        workers = max(1, len(os.sched_getaffinity(0)) - 1) if device == "cuda" else 0
    try:
        if device == "cuda" and not torch.cuda.is_available():
            raise UsageError("--device cuda: torch sees no GPU. Use --device cpu.")
        run = BaseRun(
            arguments.work,
            parse_plan(arguments, device),
            arguments.seed,
            arguments.rate,
            device=device,
            workers=workers,
        )
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    ) as progress:
        run.run(progress)
    run.publish(arguments.out or arguments.work / "model")
    return 0


if __name__ == "__main__":
    sys.exit(main())
