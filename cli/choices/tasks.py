"""Which task: ``--task`` names one, ``--schema`` gives a bare JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setaccio.data.task.task import Task


def choose_task(task: str | None, schema: Path | None) -> Task | None:
    """Load the task that the flags name.

    Returns:
        The task, or None when neither flag is given.

    Raises:
        UsageError: both flags are given.
        TaskError: there is no such task, or it is not one.
        SchemaError: the schema is invalid or holds keywords that can not be enforced.
    """
    from setaccio.data.errors import TaskError, UsageError
    from setaccio.data.task.task import load_task

    if task is not None and schema is not None:
        raise UsageError("--task and --schema exclude each other. Give one of them.")
    if schema is not None:
        if not schema.exists():
            raise TaskError(f"{schema}: no such file. --schema takes a JSON Schema.")
        return load_task(schema, as_schema=True)
    return None if task is None else load_task(task)


def load_named(name: str) -> Task:
    """Load a task, and warn of what in its schema nothing reads.

    Raises:
        TaskError: there is no such task, or it is not one.
        SchemaError: the schema is invalid or can not be enforced.
    """
    from setaccio.cli.terminal.console import warn_once
    from setaccio.data.task.task import load_task

    task = load_task(name)
    for note in task.notes:
        warn_once(f"{name}: {note}")
    return task
