"""Fine-tune a base on pairs: ``train(config)`` writes a run folder with an adapter in it.

    from setaccio.train import load_config, train
    train(load_config("tiny", {"pairs": "pairs.jsonl", "out": "runs/recipe"}))

One path serves every machine: pairs are checked and encoded, the run's needs are estimated, a back
end (TRL + PEFT anywhere, Unsloth on a GPU) prepares the model, and one trainer trains it. The loss
is computed on completions only. A run that was interrupted goes on from its last checkpoint, to
the same losses. The checkpoints' optimiser state is in PyTorch's own format, as the library
writes it, and is read back with ``weights_only``.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from setaccio.data.errors import MissingExtraError, TrainError
from setaccio.data.records import Pair
from setaccio.data.task import Task, load_task
from setaccio.train.config import TrainConfig
from setaccio.train.encode import Encoded, EncodeReport, encode_pairs
from setaccio.train.models import Base, end_token_ids, load_tokenizer, resolve_base
from setaccio.train.pairs import read_pairs, tell_problems
from setaccio.train.run_folder import (
    TrainResult,
    check_run,
    last_checkpoint,
    run_inputs,
    save_adapter,
    start_run,
    training_digest,
    versions,
    write_result,
)

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from setaccio.train.schedule import Clock

REQUIRED = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")


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


def choose_backend(config: TrainConfig) -> str:
    """Decide between ``trl`` and ``unsloth``, and import Unsloth first where it is chosen.

    Raises:
        MissingExtraError: Unsloth is demanded and absent.
        TrainError: Unsloth is demanded and there is no GPU.
    """
    import torch

    from setaccio.train import backend_unsloth

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


def _encode(
    config: TrainConfig, base: Base, tokenizer: Any, task: Task, parts: Sequence[list[Pair]]
) -> Rows:
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task("encoding pairs", total=sum(map(len, parts)))
        encoded, reports = [], []
        for pairs in parts:
            rows, report = (
                encode_pairs(
                    tokenizer,
                    task,
                    pairs,
                    config.max_length,
                    end_ids=end_token_ids(base, tokenizer),
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


def _preflight(config: TrainConfig, base: Base, rows: Rows) -> None:
    from setaccio.train.backend_trl import weight_bytes
    from setaccio.train.preflight import check, estimate

    longest = max(len(row.input_ids) for row in rows.train)
    completion = max(sum(row.completion_mask) for row in rows.train)
    check(estimate(config, base, longest, completion, weight_bytes(config)), config)


def _callbacks(config: TrainConfig, clock: Clock, step: int) -> list[Any]:
    from setaccio.train.progress import MetricsFile, Reporter

    callbacks: list[Any] = [Reporter(clock), MetricsFile(config.out / "metrics.jsonl", clock, step)]
    if "tensorboard" in config.report_to:
        if importlib.util.find_spec("tensorboard") is None:
            raise MissingExtraError("train", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter
        from transformers.integrations import TensorBoardCallback

        writer = SummaryWriter(
            log_dir=str(config.out / "tensorboard"), purge_step=step + 1 if step else None
        )
        callbacks.append(TensorBoardCallback(writer))
    return callbacks


def _fit(
    config: TrainConfig,
    base: Base,
    tokenizer: Any,
    rows: Rows,
    backend: str,
    clock: Clock,
    extra: Sequence[TrainerCallback],
) -> Any:
    """Prepare, train and return the trainer."""
    import torch

    from setaccio.train import backend_trl, backend_unsloth
    from setaccio.train.trainer import build_trainer

    prepare = backend_unsloth.prepare if backend == "unsloth" else backend_trl.prepare
    prepared = prepare(config, base)
    checkpoint = last_checkpoint(config.out)
    step = 0
    if checkpoint is not None:
        clock.resume_from(checkpoint)
        step = int(checkpoint.name.rpartition("-")[2])
    callbacks = _callbacks(config, clock, step)
    trainer = build_trainer(
        config,
        prepared.model,
        tokenizer,
        rows.train,
        rows.eval,
        clock=clock,
        checkpoints=config.out / "checkpoints",
        bf16=backend_trl.uses_bf16(config),
        callbacks=[*callbacks, *extra],
        peft_config=prepared.peft_config,
    )
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise TrainError(
            "The GPU is out of memory. Halve batch_size and double gradient_accumulation, or pass "
            "--set gradient_checkpointing=true; then go on with --resume."
        ) from error
    finally:
        callbacks[0].close()
    return trainer


def _result(config: TrainConfig, trainer: Any, clock: Clock) -> TrainResult:
    from setaccio.train.progress import read_metrics

    metrics = read_metrics(config.out / "metrics.jsonl")
    losses = [row["loss"] for row in metrics if "loss" in row]
    evals = [row["eval_loss"] for row in metrics if "eval_loss" in row]
    last = losses[-max(1, len(losses) // 10) :]
    return TrainResult(
        run=config.out,
        steps=trainer.state.global_step,
        train_loss=sum(last) / len(last),
        eval_loss_before=evals[0] if evals else None,
        eval_loss=evals[-1] if evals else None,
        tokens=trainer.state.num_input_tokens_seen,
        seconds=round(clock.elapsed, 2),
        stopped_by="time" if clock.out_of_time else "steps",
    )


def train(config: TrainConfig, callbacks: Sequence[TrainerCallback] = ()) -> TrainResult:
    """Fine-tune a base on pairs.

    Args:
        config: every setting; see :class:`setaccio.train.TrainConfig`.
        callbacks: further transformers callbacks.

    Returns:
        Losses, steps and time; the adapter lies in ``config.out / "adapter"``. A finished run
        that is resumed returns what it returned before.

    Raises:
        TrainError: the data, the memory or the disk would not serve, or the loss diverged.
        UsageError: the run folder is in use by another run.
        MissingExtraError: a package of the ``train`` or ``gpu`` extra is not installed.
        ModelError: the base is not there or can not be loaded.
        TaskError: the task can not be used.
        DataError: the pairs can not be read.
    """
    started = time.monotonic()
    require_extra()
    task = load_task(config.task)
    learned, held_out, problems = read_pairs(config)
    tell_problems(problems)
    base = resolve_base(config.base, allow_download=config.allow_download)
    inputs = run_inputs(base, task, learned, held_out)
    finished = check_run(config, inputs)
    if finished is not None:
        return finished
    backend = choose_backend(config)

    import torch

    from setaccio.train.progress import quiet
    from setaccio.train.schedule import Clock

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with quiet():
        tokenizer = load_tokenizer(base)
        rows = _encode(config, base, tokenizer, task, (learned, held_out))
        _preflight(config, base, rows)
        start_run(config, task, inputs)
        clock = Clock(config.max_minutes, started)
        trainer = _fit(config, base, tokenizer, rows, backend, clock, callbacks)
        save_adapter(trainer.model, tokenizer, config.out)
    result = _result(config, trainer, clock)
    left_out = {*rows.left_out.long, *rows.left_out.invalid}
    used = [pair for pair in learned if pair.id not in left_out]
    record = _provenance(config, base, task, backend, rows, used)
    record["left_out"]["bad_lines"] = len(problems)
    write_result(result, record)
    return result


def _provenance(
    config: TrainConfig, base: Base, task: Task, backend: str, rows: Rows, used: Sequence[Pair]
) -> dict[str, Any]:
    return {
        "base_model": base.name,
        "base_path": str(Path(base.folder).absolute()),
        "base_sha256": base.digest(),
        "base_quantised": base.quantised,
        "task": task.name,
        "task_sha256": task.digest,
        "training_data_sha256": training_digest(used),
        "training_pairs": len(rows.train),
        "evaluation_pairs": len(rows.eval),
        "left_out": {"long": len(rows.left_out.long), "invalid": len(rows.left_out.invalid)},
        "backend": backend,
        "seed": config.seed,
        "config": config.model_dump(mode="json", exclude={"resume", "overwrite"}),
        "versions": versions(),
    }
