"""What a worker needs to know: model, task and options, and the fingerprint that must come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import ModelError
from setaccio.data.task.task import Task
from setaccio.runtime.batch.batch import DEFAULT_OPTIONS, run_fingerprint
from setaccio.runtime.extractor import Extractor
from setaccio.runtime.model.load import load_model
from setaccio.runtime.result.review import ReviewBudget


@dataclass(frozen=True)
class WorkerSpec:
    """How each worker extracts. Paths must lead to the same files on every machine.

    Attributes:
        model: absolute path of the GGUF.
        adapter: likewise of the LoRA adapter, or None.
        task: what is extracted.
        options: as given to :class:`setaccio.runtime.Extractor`.
        context: tokens of context.
        threads: that each worker computes with; so many CPUs of the cluster are reserved for it.
        parallel: documents that each decodes at once; None leaves it to the worker's machine.
        slots: how many that probably are.
        run: fingerprint of all this, the beginning of every row's key.
        settings: the same, readable.
        budget: what says which rows a person must look at, or None.
    """

    model: str
    adapter: str | None
    task: Task
    options: Mapping[str, Any]
    context: int
    threads: int
    parallel: int | None
    slots: int
    run: str
    settings: Mapping[str, Any]
    budget: ReviewBudget | None = None

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 by path of what every machine must have."""
        found = {self.model: self.settings["model_sha256"]}
        if self.adapter:
            found[self.adapter] = self.settings["adapter"]
        return found

    def extractor(self) -> Extractor:
        """Load the model and prepare the extraction on this machine.

        Raises:
            ModelError: the files here are others than those that the job began with.
        """
        extractor = Extractor(
            load_model(self.model, context=self.context, threads=self.threads),
            self.task,
            adapter=self.adapter,
            parallel=self.parallel,
            budget=self.budget,
            **self.options,
        )
        run = run_fingerprint(extractor, self.options)[0]
        if run != self.run:
            raise ModelError(
                f"{self.model}: model, adapter or task are others here than where the job was "
                "started. Copy the same files, and install the same version of Setaccio."
            )
        return extractor


def spec_of(
    extractor: Extractor,
    options: Mapping[str, Any],
    *,
    threads: int,
    parallel: int | None = None,
) -> WorkerSpec:
    """What workers need to extract as an extractor of this process does.

    Args:
        extractor: of this process.
        options: that it was made with, besides model, task, adapter and ``parallel``.
        threads: of each worker.
        parallel: documents at once in each worker.
    """
    run, settings = run_fingerprint(extractor, options)
    return WorkerSpec(
        model=str(extractor.model.path.resolve()),
        adapter=str(extractor.adapter.path.resolve()) if extractor.adapter else None,
        task=extractor.task,
        options=dict(options),
        context=extractor.model.context,
        threads=threads,
        parallel=parallel,
        slots=extractor.parallel,
        run=run,
        settings=settings,
        budget=extractor.budget,
    )


def make_spec(
    model: str | Path,
    task: Task | None = None,
    *,
    adapter: str | Path | None = None,
    context: int | None = None,
    threads: int = 1,
    parallel: int | None = None,
    budget: ReviewBudget | None = None,
    **options: Any,
) -> WorkerSpec:
    """What workers need, from a model's path.

    Args:
        model: path of a GGUF, or the name of a known model.
        task: what to extract; by default the task that the GGUF or the adapter carries.
        adapter: path of a LoRA adapter.
        context: tokens of context; by default the model's, up to 4,096.
        threads: of each worker.
        parallel: documents that each decodes at once.
        budget: what says which rows a person must look at.
        options: further ones of :class:`setaccio.runtime.Extractor`.

    Raises:
        ModelError: the model can not be loaded.
        UsageError: an option is out of range.
    """
    loaded = load_model(model, context=context, threads=threads)
    options = {**DEFAULT_OPTIONS, **options}  # as `extract` has them, and so with the same keys
    extractor = Extractor(
        loaded, task, adapter=adapter, parallel=parallel, budget=budget, **options
    )
    return spec_of(extractor, options, threads=threads, parallel=parallel)
