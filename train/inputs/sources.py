"""What a training starts from: task, base, pairs, and the back end that fits the machine."""

from __future__ import annotations

import importlib.util
from typing import Any, NamedTuple

from rich.console import Console

from setaccio.data.errors import MissingExtraError, TrainError, UsageError
from setaccio.data.pairs.checks import doubt_of_labels
from setaccio.data.records import Pair, pairs_digest
from setaccio.data.task.task import Task
from setaccio.train.backend.base import Base, end_token_ids, resolve_base
from setaccio.train.config.idle import refuse_without_evaluation
from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.encode import Encoded, EncodeReport, encode_pairs
from setaccio.train.inputs.pairs import Mixed, mixed_pairs, tell_problems
from setaccio.train.inputs.parent import Parent, check_base, chosen_task, read_parent

REQUIRED = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")


class Sources(NamedTuple):
    """What a run reads.

    Attributes:
        task: the task.
        base: the base model on disk.
        mixed: its pairs, old ones among them where it goes on from an adapter.
        parent: that adapter, or None.
        doubt: what is to be said of that adapter; empty where there is nothing.
        digests: SHA-256 (hex) of task, base and pairs by name, as the run folder keeps them.
    """

    task: Task
    base: Base
    mixed: Mixed
    parent: Parent | None
    doubt: str
    digests: dict[str, str]

    @property
    def learned(self) -> list[Pair]:
        """Pairs to learn from."""
        return self.mixed.learned

    @property
    def held_out(self) -> list[Pair]:
        """Pairs of the evaluation loss."""
        return self.mixed.held_out

    def start(self) -> list[str]:
        """Sentences about what the training goes on from; none where it begins anew."""
        if self.parent is None:
            return []
        said = f"goes on from {self.parent.describe()} with {self.mixed.describe()}"
        return [said, *filter(None, [self.doubt])]


class Rows(NamedTuple):
    """Encoded pairs of a run."""

    train: list[Encoded]
    eval: list[Encoded]
    left_out: EncodeReport


def require_extra() -> None:
    """Check that the training packages are installed, without importing them.

    Raises:
        MissingExtraError: one is absent.
    """
    for package in REQUIRED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("train", package)


def check_trackers(config: TrainConfig) -> None:
    """Check that the packages behind ``report_to`` are installed.

    Raises:
        MissingExtraError: TensorBoard is absent.
        UsageError: another package is absent; names it.
    """
    for name in config.report_to:
        if importlib.util.find_spec(name) is not None:
            continue
        if name == "tensorboard":
            raise MissingExtraError("train", name)
        raise UsageError(
            f"report_to: {name} is not installed. Run: pip install {name}; or leave it out of "
            "report_to."
        )


def training_sources(config: TrainConfig) -> Sources:
    """Read the task and the pairs, and find the base; lines left out are named on standard error.

    Raises:
        TaskError: the task can not be used.
        DataError: the pairs can not be read.
        TrainError: an evaluation is asked for, and no pair is held out for it; or the adapter to
            go on from belongs to another base.
        UsageError: there is no such adapter, or it is not known what it has learned from.
        ModelError: the base is not there.
    """
    task = chosen_task(config.task)
    mixed = mixed_pairs(config)
    # Before the base, which may have to be made first.
    refuse_without_evaluation(config, len(mixed.learned), len(mixed.held_out))
    base = resolve_base(config.base, allow_download=config.allow_download, template=config.template)
    unseen = doubt_of_labels([*mixed.learned, *mixed.held_out])
    tell_problems(mixed.problems, [*task.notes, *filter(None, [unseen])])
    digests = {
        "base_sha256": base.digest(),
        "task_sha256": task.digest,
        "pairs_sha256": pairs_digest(mixed.learned),
        "eval_pairs_sha256": pairs_digest(mixed.held_out),
    }
    if config.continue_from is None:
        return Sources(task, base, mixed, None, "", digests)
    parent = read_parent(config.continue_from)
    doubt = check_base(parent, base, digests["base_sha256"])
    digests["parent_adapter_sha256"] = parent.sha256
    return Sources(task, base, mixed, parent, doubt, digests)


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
    end_ids = end_token_ids(sources.base, tokenizer)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task("encoding pairs", total=len(sources.learned) + len(sources.held_out))

        def encoded(pairs: list[Pair]) -> tuple[list[Encoded], EncodeReport]:
            return encode_pairs(
                tokenizer,
                sources.task,
                pairs,
                config.max_length,
                end_ids=end_ids,
                drop_long=config.drop_long,
                drop_invalid=config.drop_invalid,
                advance=lambda count: bar.advance(row, count),
            )

        train, first = encoded(sources.learned)
        held_out, second = encoded(sources.held_out) if sources.held_out else ([], EncodeReport())
    left_out = EncodeReport(first.long + second.long, first.invalid + second.invalid)
    if left_out.long or left_out.invalid:
        console.print(
            f"left out: {len(left_out.long)} too long, {len(left_out.invalid)} with invalid gold"
        )
    return Rows(train, held_out, left_out)
