"""The adapters that come with Setaccio, for the default base.

Contract: ``shipped_adapter(task)`` is the file of the adapter for a task, ``None`` where none is
shipped. Nothing else knows where they lie or which there are.

>>> from setaccio.models import shipped_adapter
>>> shipped_adapter("recipe")  # doctest: +SKIP
PosixPath('.../models/adapters/recipe-smollm2.gguf')
"""

from __future__ import annotations

from pathlib import Path

from setaccio.data.errors import ModelError
from setaccio.models.catalogue import default_base

SHIPPED_FOLDER = Path(__file__).parent / "adapters"
"""Where the files lie."""

SHIPPED_TASKS = ("recipe", "booking")
"""Tasks for which there is one; the first is the task where none is named."""


def shipped_adapter(task: str = SHIPPED_TASKS[0], folder: Path = SHIPPED_FOLDER) -> Path | None:
    """The adapter for a task, to put on the default base.

    Args:
        task: the task's name.
        folder: where the adapters lie.

    Returns:
        Its file; None where none is shipped for that task.

    Raises:
        ModelError: there should be one, but it is missing from the install.
    """
    if task not in SHIPPED_TASKS:
        return None
    path = folder / f"{task}-{default_base().name}.gguf"
    if not path.is_file():
        raise ModelError(
            f"{path}: the adapter for the task {task!r} is missing from this install. Install "
            "Setaccio again, or name a model and its adapter: --model GGUF --adapter GGUF"
        )
    return path
