"""Find what an export needs in the folder that was given.

Contract: ``find_inputs(path)`` understands a training run (``adapter/``, ``task.json``,
``run.json``), an adapter folder and a whole model's folder, and says what is missing by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import ExportError, ModelError, UsageError
from setaccio.data.files.digests import weights_digest
from setaccio.data.task.task import Task
from setaccio.models import known_models, model_path
from setaccio.models.gguf_base import base_folder

ADAPTER_CONFIG = "adapter_config.json"
TASK_FILE = "task.json"
RUN_FILE = "run.json"
RUN_CONFIG = "config.yaml"
# Kept from a run's record, under `setaccio.` in the GGUF.
PROVENANCE = (
    "base_model",
    "base_sha256",
    "base_gguf_sha256",
    "training_data_sha256",
    "training_pairs",
    "parent_adapter_sha256",
)


class Inputs(NamedTuple):
    """What is exported.

    Attributes:
        model: folder of the base, or of the whole model when there is no adapter.
        adapter: the adapter's folder, or None.
        task: the task that the files will carry, or None.
        provenance: text values for the metadata.
        name: what to call the files.
        base_gguf: the quantised file that ``model`` was dequantised from, as the run names it, or
            None.
    """

    model: Path
    adapter: Path | None
    task: Task | None
    provenance: dict[str, str]
    name: str
    base_gguf: Path | None = None


def find_inputs(path: Path, *, base: Path | None = None, task: Task | None = None) -> Inputs:
    """Look at a folder and collect model, adapter, task and provenance.

    Args:
        path: a training run, an adapter or a model.
        base: overrides the base that the adapter names: a folder, a GGUF or a known model's name.
        task: overrides the run's task.

    Raises:
        UsageError: there is no such folder.
        ExportError: the folder is none of the three, its training is not finished, the base is
            not to be found, or it is not the one that the run was trained on.
        TaskError: ``task.json`` is not a task.
    """
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder. Give a training run, an adapter or a model.")
    given, path = path, path.resolve()
    if not (path / "adapter").is_dir() and (path / "model" / "config.json").is_file():
        # Trained in full: the run holds a whole model.
        return find_inputs(path / "model", base=base, task=task)._replace(name=path.name)
    adapter = next((f for f in (path / "adapter", path) if (f / ADAPTER_CONFIG).is_file()), None)
    if adapter is None and not (path / "config.json").is_file():
        if (path / RUN_CONFIG).is_file():
            raise ExportError(
                f"{given}: this training is not finished. Go on with it: "
                f"setaccio train --config {given / RUN_CONFIG} --resume"
            )
        raise ExportError(
            f"{path}: no training run, adapter or model; it holds neither {ADAPTER_CONFIG} nor "
            "config.json."
        )
    run = path.parent if adapter == path and (path.parent / RUN_FILE).is_file() else path
    record = _read_json(run / RUN_FILE)
    if task is None and (run / TASK_FILE).is_file():
        text = (run / TASK_FILE).read_text(encoding="utf-8")
        task = Task.from_metadata(text, source=str(run / TASK_FILE))
    provenance = {key: str(record[key]) for key in PROVENANCE if record.get(key)}
    if adapter is None:
        return Inputs(path, None, task, provenance, path.name)
    named = _read_json(adapter / ADAPTER_CONFIG).get("base_model_name_or_path")
    names = [named, record.get("base_path"), record.get("base_model"), record.get("base_gguf")]
    model = _find_base(base, names, run)
    _check_base(model, record, adapter)
    provenance.setdefault("base_model", model.name)
    gguf = Path(str(record["base_gguf"])) if record.get("base_gguf") else None
    return Inputs(model, adapter, task, provenance, run.name, gguf)


def make_folder(folder: Path) -> None:
    """Make the folder that an export writes into.

    Raises:
        UsageError: a file is in its place, or it can not be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"{folder}: is a file. Name a folder for the export.") from error
    except OSError as error:
        raise UsageError(f"{folder}: can not be made ({error.strerror}).") from error


def _check_base(model: Path, record: dict[str, Any], adapter: Path) -> None:
    """Compare the base with the run's record, where there is one: an adapter fits one base only."""
    wanted = record.get("base_sha256")
    # Trained on 4-bit files, the run can only be merged into the 16-bit ones they were made from.
    if not wanted or record.get("base_quantised"):
        return
    found = weights_digest(model)
    if found != wanted:
        raise ExportError(
            f"{adapter}: was trained on other weights than those in {model} (SHA-256 "
            f"{wanted[:12]}..., found {found[:12]}...). Give the folder of the base it was trained "
            "on (option --base), or train anew on this one."
        )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExportError(f"{path}: not JSON ({error}).") from error
    return content if isinstance(content, dict) else {}


def _find_base(base: Path | None, named: list[Any], run: Path) -> Path:
    """Folders may be named relative to the run or to where the command runs; hubs are not asked."""
    if base is not None:
        candidates = [base]
    else:
        names = [Path(str(name)) for name in named if name]
        candidates = [folder / name for name in names for folder in (Path(), run)]
    try:
        # A known model has a file; those of the Hub have none.
        known = [model.name for model in known_models() if model.hub is None]
        if base is not None and str(base) in known and not base.is_file():
            candidates.append(model_path(str(base)))
        for candidate in candidates:
            if (candidate / "config.json").is_file():
                return candidate.resolve()
            if candidate.suffix.lower() == ".gguf" and candidate.is_file():
                return base_folder(candidate).folder  # made anew where the cache was cleared
    except ModelError as error:
        raise ExportError(str(error)) from error
    wanted = base or next((name for name in named if name), "unknown")
    raise ExportError(
        f"The base model {wanted} is not a folder here. Give what the adapter was trained on with "
        "the option --base: the folder of the 16-bit base, a GGUF, or a known model's name."
    )
