"""Which GGUF, and which adapter on it: what the flags say, or what comes with Setaccio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from setaccio.data.task.task import Task


class Choice(NamedTuple):
    """A model to work with.

    Attributes:
        model: the GGUF.
        adapter: the adapter that works beside it, or None.
        warning: a sentence for the user, or None.
    """

    model: Path
    adapter: Path | None
    warning: str | None = None


def choose_model(
    model: Path | None, adapter: Path | None, task: Task | None, *, shipped: Path | None = None
) -> Choice:
    """The model and adapter that are meant.

    Args:
        model: ``--model``: a GGUF or the name of a known model; without it the default base.
        adapter: ``--adapter``; where no model is named, by default the shipped one for the task.
        task: what ``--task`` or ``--schema`` asks for; without it the first shipped task.
        shipped: folder of the shipped adapters; by default the install's.

    Raises:
        ModelError: the base is not fetched yet, or the adapter is missing from the install.
    """
    from setaccio.models import default_base, gguf_path, model_path
    from setaccio.models.shipped import SHIPPED_FOLDER, SHIPPED_TASKS, shipped_adapter

    if model is not None:
        return Choice(gguf_path(model), adapter)
    base = default_base().name
    path = model_path(base)
    if adapter is not None:
        return Choice(path, adapter)
    name = SHIPPED_TASKS[0] if task is None else task.name
    found = shipped_adapter(name, SHIPPED_FOLDER if shipped is None else shipped)
    if found is not None or task is None:
        return Choice(path, found)
    return Choice(
        path,
        None,
        f"{base}: was not tuned for the task {task.name!r}, and results will suffer. Tune it: "
        f"setaccio train --base {base} --task TASK --pairs PAIRS --out RUN",
    )


def fetched_gguf() -> Path | None:
    """The file of the default known model; None where it is not fetched yet.

    Raises:
        ModelError: the file is not the published one.
    """
    from setaccio.models import default_base, model_path, state

    name = default_base().name
    return None if state(name) == "absent" else model_path(name)
