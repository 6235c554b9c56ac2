"""What a server has to offer: models by their names, tasks by theirs, and which goes with which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from setaccio.data.errors import UsageError
from setaccio.data.task.task import Task
from setaccio.runtime.extractor import Extractor
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.errors import HttpError


@dataclass(frozen=True)
class Offer:
    """A task that is on offer.

    Attributes:
        task: the task.
        adapter: name of the adapter that was trained for it; None for the bare base.
        carried: whether adapter or base carry it, so that it need not be told to the engine.
    """

    task: Task
    adapter: str | None
    carried: bool


@dataclass(frozen=True)
class Catalogue:
    """Names and what they stand for.

    Attributes:
        base: what requests call the bare base.
        adapters: the adapters by name.
        tasks: by name.
        thinking: most tokens to think before an answer, where a request does not say; or None.
    """

    base: str
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    tasks: Mapping[str, Offer] = field(default_factory=dict)
    thinking: int | None = None

    @property
    def models(self) -> list[str]:
        """Names of all models, adapters first."""
        return [*self.adapters, self.base]

    def adapter_of(self, model: str, param: str = "model") -> str | None:
        """The adapter that a model's name means; None for the base.

        Raises:
            HttpError: nothing goes by that name.
        """
        if model in self.adapters:
            return model
        if model == self.base:
            return None
        raise HttpError(
            404,
            f"{param}: there is no model of that name. There are: {', '.join(self.models)}.",
            param=param,
            code="model_not_found",
        )

    def offer(self, name: str) -> Offer:
        """The task of a name.

        Raises:
            HttpError: there is none.
        """
        if name in self.tasks:
            return self.tasks[name]
        known = ", ".join(self.tasks) or "none; give a schema"
        raise HttpError(
            404,
            f"task: there is no task of that name. There are: {known}.",
            param="task",
            code="task_not_found",
        )

    def default(self) -> Offer:
        """The task that is meant where nothing is named.

        Raises:
            HttpError: there is not exactly one.
        """
        if len(self.tasks) == 1:
            return next(iter(self.tasks.values()))
        raise HttpError(400, "task: name a task, or give a schema.", param="task")


def make_catalogue(
    engine: Engine, base: str, tasks: Iterable[Task] = (), thinking: int | None = None
) -> Catalogue:
    """List what an engine can be asked for.

    Args:
        engine: its model and adapters, and the tasks that they carry.
        base: what to call the bare base.
        tasks: further tasks, or others under the name of carried ones.
        thinking: as for :class:`Catalogue`.

    Raises:
        ModelError: the model is to think and can not.
        UsageError: two models or two tasks go by one name, or a thought is longer than the context.
    """
    if base in engine.adapters:
        raise UsageError(f"{base}: base and adapter go by one name. Name it: --adapter NAME=FILE.")
    offers: dict[str, Offer] = {}
    carriers: list[tuple[str | None, Task | None]] = [
        *((name, adapter.task) for name, adapter in engine.adapters.items()),
        (None, engine.model.task),
    ]
    for adapter, task in carriers:
        if task is not None and task.name not in offers:
            offers[task.name] = Offer(task, adapter, carried=True)
    for task in tasks:
        known = offers.get(task.name)
        if known is not None and not known.carried:
            raise UsageError(f"{task.name}: two tasks go by this name. Give one of them.")
        if known is None or known.task.digest != task.digest:
            offers[task.name] = Offer(task, known.adapter if known else None, carried=False)
    if thinking is not None:  # refused now, and not with each request
        task = Task.from_schema({"type": "object"})
        Extractor(engine.model, task, constraint="none", parallel=1, thinking=thinking)
    return Catalogue(base, engine.adapters, offers, thinking)
