"""LoRA adapters as GGUF, loaded beside a base that several of them share.

    >>> model = load_model("base-q8_0.gguf")
    >>> recipes = Extractor(model, recipe_task, adapter=load_adapter(model, "recipes-lora.gguf"))
    >>> orders = Extractor(model, order_task, adapter=load_adapter(model, "orders-lora.gguf"))

Weights are loaded once; which adapter works is settled for each call (``llama_set_adapters_lora``).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp

from setaccio.data.errors import ModelError
from setaccio.data.task.task import Task
from setaccio.models import verified_sha256
from setaccio.runtime.model.gguf_header import read_header
from setaccio.runtime.model.llama_log import clear_errors, last_errors, uninterrupted
from setaccio.runtime.model.load import TASK_KEY, LoadedModel

BASE_KEY = "setaccio.base_gguf_sha256"
"""GGUF metadata key: SHA-256 (hex) of the GGUF that the adapter was trained on."""

PROVED_KEY = "setaccio.proved_gguf_sha256"
"""The same of another GGUF of that base, on which the adapter was proved."""

BASE_NAME_KEY = "setaccio.base_gguf"
"""File name of the GGUF that the adapter was trained on."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter in memory; it lives as long as its base.

    Attributes:
        path: the file.
        handle: llama.cpp's pointer to it.
        task: the task that the adapter carries, or None.
        warning: a sentence for the user where the base is not the one that the adapter was trained
            or proved on, or None.
    """

    path: Path
    handle: Any
    task: Task | None
    warning: str | None = None

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 (hex) of the file, worked out when first asked for."""
        return verified_sha256(self.path)


def load_adapter(model: LoadedModel, path: str | Path) -> Adapter:
    """Load an adapter for a base; a second call with the same file is free.

    Args:
        model: the base that it was trained on.
        path: the adapter as GGUF.

    Raises:
        ModelError: missing, no adapter, or one for another base.
        TaskError: the adapter carries a task that can not be read.
    """
    path = Path(path)
    known = model.state.adapters
    resolved = path.resolve()
    if resolved in known:
        return known[resolved]
    header = read_header(path)
    if header.metadata.get("general.type") != "adapter":
        raise ModelError(f"{path}: is not a LoRA adapter. Give it as the model, not beside one.")
    clear_errors()
    with uninterrupted():
        handle = llama_cpp.llama_adapter_lora_init(model.llama.model, str(path).encode())
    if not handle:
        reason = last_errors() or "no reason given"
        raise ModelError(
            f"{path}: does not fit {model.name} ({reason}). Give the base that it was trained on."
        )
    stored = header.metadata.get(TASK_KEY)
    task = None if stored is None else Task.from_metadata(stored, source=str(path))
    known[resolved] = Adapter(path, handle, task, _doubt(model, path, header.metadata))
    return known[resolved]


def join_names(model: str, adapter: Path | None) -> str:
    """What to call a model with an adapter on it: ``base.gguf + recipe.gguf``."""
    return model if adapter is None else f"{model} + {adapter.name}"


def _doubt(model: LoadedModel, path: Path, metadata: dict[str, str]) -> str | None:
    """What to say where an adapter was made for another file; it says nothing of its own make."""
    trained, proved = metadata.get(BASE_KEY), metadata.get(PROVED_KEY)
    if (trained is None and proved is None) or model.sha256 in (trained, proved):
        return None
    named = metadata.get(BASE_NAME_KEY)
    wanted = f"{named} (" if named else "a base ("
    return (
        f"{path.name} was made for {wanted}SHA-256 {(trained or proved or '')[:12]}...); "
        f"{model.name} is another file (SHA-256 {model.sha256[:12]}...), and results may suffer. "
        "Give that base, or prove the adapter on this one: setaccio export RUN --adapter-only "
        f"--base-gguf {model.path}"
    )
