"""The run folder: everything that a training leaves behind.

RUN/adapter/        adapter (safetensors), tokenizer, chat template
RUN/model/          instead, with `method: full`: the whole model, which export takes as it is
RUN/checkpoints/    checkpoint-N, to resume from; best, the weights of the best evaluation
RUN/config.yaml     the configuration
RUN/task.json       the task
RUN/inputs.json     SHA-256 of what the run learns from, to resume on nothing else, and the folder
                    that relative paths in config.yaml start from
RUN/run.json        provenance and results; written last, so its presence says "finished"
RUN/metrics.jsonl   losses per step
RUN/curves.png      the same as curves, where matplotlib is installed
RUN/tensorboard/    and for TensorBoard
RUN/l3/             GGUF files, while a run is judged by L3
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import UsageError
from setaccio.data.files.digests import package_versions
from setaccio.data.files.locks import files_beside_lock
from setaccio.data.records import atomic_write
from setaccio.data.task.task import Task
from setaccio.train.config.config import TrainConfig, load_config

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "safetensors",
    "tokenizers",
    "bitsandbytes",
    "unsloth",
)
INPUTS = "inputs.json"
OWN_FILES = ("config.yaml", "task.json", INPUTS, "run.json", "metrics.jsonl", "curves.png")
OWN_FOLDERS = ("adapter", "model", "checkpoints", "tensorboard", "wandb", "mlflow", "trackio", "l3")


@dataclass(frozen=True)
class TrainResult:
    """What a training gave.

    Attributes:
        run: the run folder.
        steps: optimiser steps.
        train_loss: mean loss of the last tenth of the steps, in nats per completion token.
        eval_loss_before: evaluation loss before the first step; None without evaluation pairs.
        eval_loss: evaluation loss of the weights that are the result; None without evaluation
            pairs.
        tokens: tokens seen, prompts included and padding excluded.
        seconds: wall clock of the whole run.
        stopped_by: ``steps``, ``time``, ``patience`` or ``divergence``.
        result_step: the step whose weights are the result.
        parts: into how many parts batches were cut because memory was short; 1 if it was not.
        notes: what a person was told, such as that the run was overfitting.
        l3_before: share of held-out documents that come out right from the base under the
            constraint, 0 to 1; None unless ``metric_for_best`` is ``l3``.
        l3: the same, of the weights that are the result.
    """

    run: Path
    steps: int
    train_loss: float
    eval_loss_before: float | None
    eval_loss: float | None
    tokens: int
    seconds: float
    stopped_by: str
    result_step: int | None = None
    parts: int = 1
    notes: tuple[str, ...] = ()
    l3_before: float | None = None
    l3: float | None = None

    @property
    def adapter(self) -> Path:
        """Folder of the adapter, or of the model where it was trained whole."""
        return _result_folder(self.run) or self.run / "adapter"


def _result_folder(run: Path) -> Path | None:
    """Where a run's result lies, if it is there."""
    if (run / "adapter" / "adapter_model.safetensors").is_file():
        return run / "adapter"
    return run / "model" if any((run / "model").glob("*.safetensors")) else None


def check_run(config: TrainConfig, inputs: Mapping[str, str]) -> TrainResult | None:
    """Check that the run folder may be written or resumed; nothing is changed yet.

    Args:
        config: the run's settings.
        inputs: what it learns from, as SHA-256 by name.

    Returns:
        The result, where the run to be resumed is finished already.

    Raises:
        UsageError: an earlier run is in the way, was made with other settings or from other
            inputs, or the folder holds something else.
    """
    out = config.out
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file. Choose another --out.")
    _check_place(out)
    if not out.exists() or not files_beside_lock(out):
        return None
    if not (out / "config.yaml").is_file():
        raise UsageError(f"{out}: holds files that are not a training run. Choose another --out.")
    if config.overwrite:
        return None
    changed = load_config(out / "config.yaml").differences(config)
    if changed:
        raise UsageError(
            f"{out}: a run with other settings is there ({', '.join(changed)} differ). Choose "
            "another --out, use its settings, or start again with --overwrite."
        )
    if not config.resume:
        raise UsageError(
            f"{out}: a run is there. Go on with --resume, start again with --overwrite, or "
            "choose another --out."
        )
    _check_inputs(out, inputs)
    return read_result(out)


def _check_place(out: Path) -> None:
    """Refuse a folder that could not be made or written into."""
    place = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not place.is_dir():
        raise UsageError(f"{out}: {place} is a file. Choose another --out.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"{out}: {place} can not be written. Choose another --out.")


def _check_inputs(out: Path, inputs: Mapping[str, str]) -> None:
    """Compare hashes: a file that keeps its name may have other content by now."""
    known: dict[str, Any] = {}
    for name in ("run.json", INPUTS):
        if (out / name).is_file():
            known.update(_read_json(out / name))
    changed = [
        name.removesuffix("_sha256").replace("_", " ")
        for name, digest in inputs.items()
        if known.get(name, digest) != digest
    ]
    if changed:
        raise UsageError(
            f"{out}: its run began with another content of: {', '.join(changed)} (the SHA-256 "
            "differs). Start again with --overwrite, or choose another --out."
        )


def start_run(config: TrainConfig, task: Task, inputs: Mapping[str, str]) -> None:
    """Make the run folder, an earlier run cleared away where that was asked for."""
    if config.overwrite:
        _clear(config.out)
    with atomic_write(config.out / "config.yaml") as stream:
        stream.write(config.to_yaml())
    with atomic_write(config.out / "task.json") as stream:
        stream.write(task.to_metadata() + "\n")
    with atomic_write(config.out / INPUTS) as stream:
        json.dump({**inputs, "folder": str(Path.cwd())}, stream, indent=2)
        stream.write("\n")


def _clear(out: Path) -> None:
    """Delete what a training wrote, and nothing else."""
    for name in OWN_FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    for name in OWN_FILES:
        (out / name).unlink(missing_ok=True)


def last_checkpoint(out: Path) -> Path | None:
    """The newest complete checkpoint: the trainer writes its state file last, and not at once."""
    found = {
        int(path.parent.name.rpartition("-")[2]): path.parent
        for path in (out / "checkpoints").glob("checkpoint-*/trainer_state.json")
        if _is_whole(path)
    }
    return found[max(found)] if found else None


def _is_whole(path: Path) -> bool:
    """Whether a JSON file was written to its end."""
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a training depends on."""
    found = {name: version for name, version in package_versions(PACKAGES).items() if version}
    return {"python": platform.python_version(), **found}


def write_result(result: TrainResult, provenance: dict[str, Any]) -> None:
    """Write ``run.json``: provenance and result."""
    values = {key: value for key, value in asdict(result).items() if key != "run"}
    with atomic_write(result.run / "run.json") as stream:
        json.dump({**provenance, "result": values}, stream, indent=2, ensure_ascii=False)
        stream.write("\n")


def read_result(out: Path) -> TrainResult | None:
    """The result of a finished run; None where it is not finished.

    Raises:
        UsageError: ``run.json`` can not be read.
    """
    path = out / "run.json"
    if not path.is_file() or _result_folder(out) is None:
        return None
    try:
        values = _read_json(path)["result"]
        return TrainResult(run=out, **{**values, "notes": tuple(values.get("notes", ()))})
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: can not be read. Start again with --overwrite.") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: can not be read. Start again with --overwrite.") from error
    return content if isinstance(content, dict) else {}
