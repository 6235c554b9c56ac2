"""The adapter that a training goes on from: a run's folder, or a LoRA GGUF.

Contract: ``settle(config)`` gives a configuration with ``continue_from`` the values that its
adapter has, and refuses those that contradict it; ``read_parent(path)`` says what the adapter is,
``check_base`` whether it belongs to a base, and ``parent.weights(base)`` gives its factors as PEFT
names them.
"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from setaccio.data.errors import TaskError, TrainError, UsageError
from setaccio.data.files.digests import file_digest
from setaccio.data.task.task import Task, load_task
from setaccio.models import known_models
from setaccio.models.gguf_base.loading import empty_model
from setaccio.models.gguf_base.lora import LoraFile, lora_layers, lora_tensors, read_lora
from setaccio.train.backend.base import Base, resolve_base
from setaccio.train.config.config import load_config
from setaccio.train.config.settings import TrainConfig

if TYPE_CHECKING:
    import torch

ALL = "all-linear"
WEIGHTS = Path("adapter", "adapter_model.safetensors")
SHAPE = (
    *("rank", "alpha", "rslora", "dora", "train_embeddings"),
    *("target_modules", "adapter_layers"),
)
"""Settings that make an adapter what it is."""


class Parent(NamedTuple):
    """An adapter to go on from.

    Attributes:
        path: as it was named.
        sha256: of its file of weights.
        shape: values of the settings of :data:`SHAPE`; a GGUF's targets are known with its base.
        taken: values of further settings, for those that are not given.
        base_name: what it was trained on.
        base_sha256: of the base's weights; None where the adapter does not say.
        base_gguf_sha256: of the GGUF that the base was, or None.
        lora: the GGUF, where it is one.
    """

    path: Path
    sha256: str
    shape: dict[str, Any]
    taken: dict[str, Any]
    base_name: str
    base_sha256: str | None
    base_gguf_sha256: str | None
    lora: LoraFile | None = None

    def weights(self, base: Base) -> dict[str, torch.Tensor]:
        """Its trained tensors under PEFT's names.

        Raises:
            ModelError: a GGUF's factors have no place in the base.
        """
        from safetensors.torch import load_file

        if self.lora is not None:
            return lora_tensors(self.lora, base.folder)
        found: dict[str, torch.Tensor] = load_file(self.path / WEIGHTS)
        return found

    def describe(self) -> str:
        """What it is, in a few words."""
        rank, alpha = self.shape["rank"], self.shape["alpha"]
        return f"{self.path} (SHA-256 {self.sha256[:12]}..., rank {rank}, alpha {alpha:g})"


def read_parent(path: Path) -> Parent:
    """Look at a run's folder or at a LoRA GGUF.

    Raises:
        UsageError: neither of them, a run that is not finished, or one without an adapter.
        ModelError: a GGUF that can not be gone on from.
    """
    if path.is_file():
        return _of_gguf(path)
    if not (path / "config.yaml").is_file():
        what = "holds no training run" if path.is_dir() else "no such run or file"
        raise UsageError(
            f"{path}: {what}. continue_from takes a training run's folder, or the GGUF of a LoRA "
            "adapter."
        )
    if (path / "model" / "config.json").is_file() and not (path / "adapter").is_dir():
        raise UsageError(
            f"{path}: was trained whole and has no adapter. Train on it: --base {path / 'model'}"
        )
    if not (path / "run.json").is_file() or not (path / WEIGHTS).is_file():
        raise UsageError(
            f"{path}: this training is not finished. Go on with it: setaccio train --config "
            f"{path / 'config.yaml'} --resume"
        )
    return _of_run(path)


def _of_run(path: Path) -> Parent:
    old = load_config(path / "config.yaml")
    try:
        record = json.loads((path / "run.json").read_text(encoding="utf-8"))
        own = (path / "task.json").read_text(encoding="utf-8")
        base_name, base = str(record["base_model"]), str(record["base_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: run.json or task.json can not be read. Train it anew."
        ) from error
    task = str(path / "task.json")
    with contextlib.suppress(TaskError):  # by its name, as long as that still means the same
        if load_task(old.task).digest == Task.from_metadata(own, source=task).digest:
            task = old.task
    taken = {"task": task, "template": old.template, "max_length": old.max_length}
    return Parent(
        path,
        file_digest(path / WEIGHTS),
        {name: getattr(old, name) for name in SHAPE},
        {**taken, "base": _where(old.base, record)},
        base_name,
        base,
        record.get("base_gguf_sha256"),
    )


def _where(base: str, record: dict[str, Any]) -> str:
    """A run's base by its name, or by the path that it had where the name leads nowhere now."""
    known = any(model.name == base for model in known_models())
    if known or Path(base).exists():
        return base
    paths = (record.get("base_gguf"), record.get("base_path"))
    return next((str(path) for path in paths if path and Path(path).exists()), base)


def _of_gguf(path: Path) -> Parent:
    lora = read_lora(path)
    taken = {"task": str(path)} if lora.said("task") else {}
    name = lora.said("base_model") or "an unnamed base"
    if any(model.name == name for model in known_models()):
        taken["base"] = name
    plain = {"rslora": False, "dora": False, "train_embeddings": False}
    return Parent(
        path,
        file_digest(path),
        {"rank": lora.rank, "alpha": lora.alpha, **plain},
        taken,
        name,
        lora.said("base_sha256"),
        lora.said("base_gguf_sha256"),
        lora,
    )


def chosen_task(name: str) -> Task:
    """A task by its name or file, or the one that an adapter's GGUF carries.

    Raises:
        TaskError: there is none, or it can not be used.
    """
    if Path(name).suffix.lower() == ".gguf" and Path(name).is_file():
        carried = read_lora(Path(name)).said("task")
        if carried is None:
            raise TaskError(f"{name}: carries no task. Say which with --task.")
        return Task.from_metadata(carried, source=name)
    return load_task(name)


def settle(config: TrainConfig) -> TrainConfig:
    """Take what is not given from the adapter that a training goes on from.

    Returns:
        The same configuration where ``continue_from`` is not given; an equal one where all is
        settled already.

    Raises:
        UsageError: no such adapter, or a setting that contradicts it.
        ModelError: a GGUF that can not be gone on from, or a base that is not there.
    """
    if config.continue_from is None:
        return config
    parent = read_parent(config.continue_from)
    given = config.model_fields_set
    taken = {name: value for name, value in parent.taken.items() if name not in given}
    config = config.model_copy(update=taken)
    shape = _shape_on_base(parent, config)
    for name in given & shape.keys():
        old, new = shape[name], getattr(config, name)
        if not _same(name, old, new, config):
            raise UsageError(
                f"{parent.path}: has {name} {_show(old)}, and {name}: {_show(new)} was asked for. "
                f"Leave {name} out, or train anew without continue_from."
            )
    return config.model_copy(update={n: v for n, v in shape.items() if n not in given})


def _shape_on_base(parent: Parent, config: TrainConfig) -> dict[str, Any]:
    """Values of :data:`SHAPE`, a GGUF's targets included."""
    if parent.lora is None:
        return parent.shape
    base = resolve_base(config.base, allow_download=config.allow_download)
    changed, every = lora_layers(parent.lora, base.folder)
    names, numbers = {name for _, name in changed}, {number for number, _ in changed}
    known, last = {name for _, name in every}, max(number for number, _ in every)
    top = set(range(min(numbers), last + 1))
    if set(changed) != {layer for layer in every if layer[0] in top and layer[1] in names}:
        raise UsageError(
            f"{parent.path}: changes some layers of its kind and not others, which a training here "
            "does not. It can not be gone on from."
        )
    found: dict[str, Any] = {
        "target_modules": ALL if names == known else sorted(names),
        "adapter_layers": None if min(numbers) == 0 else len(top),
    }
    alpha = parent.shape["alpha"]
    if config.rslora and "rslora" in config.model_fields_set:  # the file says alpha * sqrt(rank)
        found |= {"rslora": True, "alpha": round(alpha / math.sqrt(parent.shape["rank"]), 4)}
    return parent.shape | found


def _same(name: str, old: Any, new: Any, config: TrainConfig) -> bool:
    if name == "alpha":
        return math.isclose(old, new, rel_tol=1e-4)
    if name != "target_modules" or old == new:
        return bool(old == new)
    names = [set(value) if isinstance(value, list) else {value} for value in (old, new)]
    if {ALL} in names:
        from setaccio.train.backend.backend_trl import linear_names

        folder = resolve_base(config.base, allow_download=config.allow_download).folder
        every = set(linear_names(empty_model(folder)))
        names = [every if value == {ALL} else value for value in names]
    return names[0] == names[1]


def _show(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else f"{value}"


def check_base(parent: Parent, base: Base, digest: str) -> str:
    """Refuse a base that the adapter was not trained on.

    Args:
        parent: the adapter.
        base: the training's base.
        digest: SHA-256 (hex) of its weights.

    Returns:
        What is to be said of an adapter that does not name its base; else empty.

    Raises:
        TrainError: it is another base.
    """
    if parent.base_sha256 is None and parent.base_gguf_sha256 is None:
        return f"{parent.path}: does not say which base it belongs to; only its shapes are checked."
    same_file = base.gguf_sha256 is not None and base.gguf_sha256 == parent.base_gguf_sha256
    if digest == parent.base_sha256 or same_file:
        return ""
    wanted = parent.base_sha256 or parent.base_gguf_sha256 or ""
    raise TrainError(
        f"{parent.path}: was trained on {parent.base_name} (SHA-256 {wanted[:12]}...), and "
        f"{base.name} has other weights ({digest[:12]}...). Give that base with --base, or train "
        "anew without continue_from."
    )
