"""What an extractor extracts: the caller's task, a type's, or that of the model."""

from __future__ import annotations

from typing import Any, NamedTuple

from setaccio.data.errors import TaskError, UsageError
from setaccio.data.task.python_types import covers, describe_type
from setaccio.data.task.task import Task
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel


class ChosenTask(NamedTuple):
    """A task, and what results are made into.

    Attributes:
        task: the task.
        kind: the type, or None.
        warnings: sentences for the user.
    """

    task: Task
    kind: Any
    warnings: list[str]


def resolve_task(source: LoadedModel | Adapter, given: Any, returns: Any) -> ChosenTask:
    """Settle what is extracted.

    Args:
        source: what may carry a task.
        given: a task, a Python type, or None.
        returns: a type beside a task, or None.

    Raises:
        TaskError: nothing says what to extract, or a type can not be read.
        SchemaError: the constraint can not enforce a type's schema.
        UsageError: there are two types.
    """
    if given is None or isinstance(given, Task):
        return _of_task(source, given)._replace(kind=returns)
    if returns is not None:
        raise UsageError("The task is a type already. Give a task beside returns, or no returns.")
    described = describe_type(given)
    if source.task is not None and covers(source.task.json_schema, described.schema):
        return ChosenTask(source.task, given, [])  # the very prompt that the model was tuned on
    chosen = _of_task(source, Task.from_type(given))
    unenforced = [
        f"{path} is not enforced while an answer is written; the type checks it afterwards."
        for path in described.unenforced
    ]
    return ChosenTask(chosen.task, given, chosen.warnings + unenforced)


def _of_task(source: LoadedModel | Adapter, task: Task | None) -> ChosenTask:
    own = source.task
    if task is None:
        if own is None:
            raise TaskError(
                f"{source.path}: this GGUF carries no task. Say what to extract with --schema or "
                "--task."
            )
        return ChosenTask(own, None, [])
    if own is None:
        return ChosenTask(task.showing_schema(), None, [])
    if own.digest != task.digest:
        same = "in another version" if own.name == task.name else "instead"
        warning = (
            f"{source.path.name} was exported for the task {own.name!r}; {task.name!r} is "
            f"extracted {same}, and results may suffer."
        )
        return ChosenTask(task, None, [warning])
    return ChosenTask(task, None, [])
