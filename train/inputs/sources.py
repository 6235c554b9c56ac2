"""What a training starts from: task, base, pairs, and the back end that fits the machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console

from setaccio.data.errors import MissingExtraError, TrainError
from setaccio.data.records import Pair, Problem
from setaccio.data.task.task import Task, load_task
from setaccio.train.backend.base import Base, end_token_ids, resolve_base
from setaccio.train.config.idle import refuse_without_evaluation
from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.encode import Encoded, EncodeReport, encode_pairs
from setaccio.train.inputs.pairs import training_pairs

REQUIRED = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")


class Sources(NamedTuple):
    """Task, base and pairs of a run, and the lines that were left out."""

    task: Task
    base: Base
    learned: list[Pair]
    held_out: list[Pair]
    problems: list[Problem]


class Rows(NamedTuple):
    """Encoded pairs of a run."""

    train: list[Encoded]
    eval: list[Encoded]
    left_out: EncodeReport


def require_extra() -> None:
    """Check that the training packages are installed, without importing them.

    Raises:
        MissingExtraError: names the first one that is absent.
    """
    for package in REQUIRED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("train", package)


def training_sources(config: TrainConfig) -> Sources:
    """Read the task and the pairs, and find the base.

    Raises:
        TaskError: the task can not be used.
        DataError: the pairs can not be read.
        TrainError: an evaluation is asked for, and no pair is held out for it.
        ModelError: the base is not there.
    """
    task = load_task(config.task)
    learned, held_out, problems = training_pairs(config)
    # Before the base, which may have to be made first.
    refuse_without_evaluation(config, len(learned), len(held_out))
    base = resolve_base(config.base, allow_download=config.allow_download, template=config.template)
    return Sources(task, base, learned, held_out, problems)


def choose_backend(config: TrainConfig) -> str:
    """Decide between ``trl`` and ``unsloth``, and import Unsloth first where it is chosen.

    Raises:
        MissingExtraError: Unsloth is demanded and absent.
        TrainError: Unsloth is demanded and there is no GPU.
    """
    import torch

    from setaccio.train.backend import backend_unsloth

    gpu = torch.cuda.is_available()
    if config.backend == "auto":
        name = "unsloth" if gpu and backend_unsloth.installed() else "trl"
    else:
        name = config.backend
    if name == "unsloth":
        if backend_unsloth.installed() and not gpu:
            raise TrainError("backend: Unsloth needs an NVIDIA GPU, and torch sees none. Use trl.")
        backend_unsloth.load()
    return name


def encode_sources(config: TrainConfig, sources: Sources, tokenizer: Any) -> Rows:
    """Encode both parts, with a bar on a terminal; what is left out is counted.

    Raises:
        TrainError: pairs that would train the wrong thing.
    """
    from rich.progress import Progress

    console = Console(stderr=True)
    parts: Sequence[list[Pair]] = (sources.learned, sources.held_out)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task("encoding pairs", total=sum(map(len, parts)))
        encoded, reports = [], []
        for pairs in parts:
            rows, report = (
                encode_pairs(
                    tokenizer,
                    sources.task,
                    pairs,
                    config.max_length,
                    end_ids=end_token_ids(sources.base, tokenizer),
                    drop_long=config.drop_long,
                    drop_invalid=config.drop_invalid,
                    advance=lambda count: bar.advance(row, count),
                )
                if pairs
                else ([], EncodeReport())
            )
            encoded.append(rows)
            reports.append(report)
    long = tuple(name for report in reports for name in report.long)
    invalid = tuple(name for report in reports for name in report.invalid)
    if long or invalid:
        console.print(f"left out: {len(long)} too long, {len(invalid)} with invalid gold")
    return Rows(encoded[0], encoded[1], EncodeReport(long, invalid))
