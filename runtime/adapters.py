"""LoRA adapters as GGUF, loaded beside a base that several of them share.

    >>> model = load_model("base-q8_0.gguf")
    >>> recipes = Extractor(model, recipe_task, adapter=load_adapter(model, "recipes-lora.gguf"))
    >>> orders = Extractor(model, order_task, adapter=load_adapter(model, "orders-lora.gguf"))

Weights are loaded once; which adapter works is settled for each call (``llama_set_adapters_lora``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp

from setaccio.data.errors import ModelError
from setaccio.data.task import Task
from setaccio.runtime.gguf_header import read_header
from setaccio.runtime.llama_log import clear_errors, last_errors, uninterrupted
from setaccio.runtime.models import TASK_KEY, LoadedModel


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter in memory; it lives as long as its base.

    Attributes:
        path: the file.
        handle: llama.cpp's pointer to it.
        task: the task that the adapter carries, or None.
    """

    path: Path
    handle: Any
    task: Task | None


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
    known: dict[Path, Adapter] = model.cache.setdefault("adapters", {})
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
    known[resolved] = Adapter(path, handle, task)
    return known[resolved]
