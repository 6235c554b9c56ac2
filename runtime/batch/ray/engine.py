"""The job on a cluster: Ray Data reads, hands out, and does again what a dead worker had; the
journal of the machine that started it holds every row as soon as it is there.

Why not Ray Data's own checkpoint: it knows a row only when the block that holds it is written to a
file, asks for ids that come once, and keeps them in memory as texts. Where Ray itself writes the
results, as to an object store, it serves: see docs/scale.md.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
import ray.data
from ray.data import ActorPoolStrategy, DataContext
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from setaccio.data.errors import DataError, SetaccioError, short_reason
from setaccio.runtime.batch.journal import Journal
from setaccio.runtime.batch.ray.documents import HAND, ClusterSource, Documents
from setaccio.runtime.batch.ray.spec import WorkerSpec
from setaccio.runtime.batch.ray.worker import DatasetWorker, Deaths, RayWorker

OnRow = Callable[[str, str, str, bool | None], None]
"""Called with a row's id, status and message, and whether a person must look at it."""

MOST_FAILED_STARTS = 3
"""Workers in a row that may fail to start before the job ends."""

_WAITING = 2
"""Documents in a worker for each that it decodes at once, so that a slot is never without one."""


def worker_pool(spec: WorkerSpec, workers: int, hand: int) -> dict[str, Any]:
    """How Ray Data runs the workers: arguments of ``map_batches``.

    Args:
        spec: of the workers.
        workers: how many.
        hand: documents in a call.
    """
    calls = max(2, -(-_WAITING * spec.slots // hand) + 1)
    return {
        "fn_constructor_args": (spec,),
        "num_cpus": spec.threads,
        "compute": ActorPoolStrategy(
            size=workers,
            max_tasks_in_flight_per_actor=calls + 1,
            max_concurrent_calls_per_actor=calls,
            enable_true_multi_threading=True,
        ),
    }


def extract_dataset(
    dataset: ray.data.Dataset, spec: WorkerSpec, *, workers: int, batch: int = HAND
) -> ray.data.Dataset:
    """Extract from the rows of a data set.

    Args:
        dataset: with the columns ``id`` and ``text``. Its blocks should be small (a block is the
            least that is done again when a worker dies): ``override_num_blocks``, ``repartition``.
        spec: of the workers.
        workers: copies of the model; each takes ``spec.threads`` CPUs, and reading needs some too.
        batch: documents that a worker is given at a time.

    Returns:
        The data set with ``status``, ``key`` and ``row`` (the JSON that ``extract`` writes) in
        place of ``text``; every document has a row, whatever becomes of it.

    Raises:
        DataError: a column is missing.
    """
    missing = [name for name in ("id", "text") if name not in (dataset.columns() or [])]
    if missing:
        raise DataError(f"The data set has no column {missing[0]!r}; it needs id and text.")
    return dataset.map_batches(
        DatasetWorker, batch_size=batch, batch_format="numpy", **worker_pool(spec, workers, batch)
    )


def extract_documents(
    sources: list[ClusterSource],
    journal: Journal,
    spec: WorkerSpec,
    *,
    workers: int,
    jsonl: bool = False,
    on_row: OnRow = lambda *_: None,
    worker: type[RayWorker] = RayWorker,
) -> int:
    """Write a row for every document that has none, in the order in which they are finished.

    Args:
        sources: from :func:`setaccio.runtime.batch.ray.documents.find_documents`.
        journal: where rows go, and what knows which documents are done.
        spec: of the workers.
        workers: how many.
        jsonl: whether every source that is no Parquet is read as JSON Lines.
        on_row: called for each row when it is written.
        worker: what works.

    Returns:
        How many documents had a row already.

    Raises:
        OSError: a row can not be written; those before it stand.
        SetaccioError: the cluster failed; rows that are written stand.
    """
    journal.settle_retried()
    written, given, read = 0, None, 0
    documents = Documents(sources, spec.run, journal.done, jsonl=jsonl)
    deaths = ray.remote(num_cpus=0, max_restarts=-1)(Deaths).options(**_here()).remote()
    how = {**worker_pool(spec, workers, HAND), "fn_constructor_args": (spec, deaths)}
    for hand in _hands(documents, worker, how):
        for name, status, message, key, row, review in hand["rows"]:
            journal.take(key, name)
            journal.write(key, row)
            on_row(name, status, message, review)
            written += 1
        if hand["end"]:
            given, read = hand["first"] + len(hand["rows"]), hand["read"]
    if written != given:
        raise SetaccioError(
            f"Ray gave {written} rows for {given or 'an unknown number of'} documents. What is "
            "done is kept; start the same command again with --resume."
        )
    return read - written


def _here() -> dict[str, Any]:
    """Options of an actor on the machine that this process runs on."""
    node = ray.get_runtime_context().get_node_id()
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def _hands(
    documents: Documents, worker: type[RayWorker], how: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    with _settings():
        dataset = ray.data.read_datasource(documents, num_cpus=0, override_num_blocks=1)
        dataset = dataset.map_batches(worker, batch_size=1, batch_format="numpy", **how)
        try:
            for batch in dataset.iter_batches(
                batch_size=None, batch_format="numpy", prefetch_batches=0
            ):
                yield from map(json.loads, batch["hand"])
        except ray.exceptions.RayError as error:
            raise SetaccioError(
                f"The cluster failed: {short_reason(_cause(error))}. What is done is kept; start "
                "the same command again with --resume."
            ) from error


def _cause(error: BaseException) -> BaseException:
    """What Ray wraps."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    return error


@contextmanager
def _settings() -> Iterator[None]:
    """Ray Data as this job needs it: a block for each hand, nothing printed, nothing dropped."""
    context = DataContext.get_current()
    wanted = {
        "target_max_block_size": 1,
        "enable_progress_bars": False,
        "print_on_execution_start": False,
        "max_errored_blocks": 0,
        "max_consecutive_actor_init_deaths": MOST_FAILED_STARTS,
    }
    former = {name: getattr(context, name) for name in wanted}
    loggers = [logging.getLogger(name) for name in ("ray", "ray.data")]
    levels = [logger.level for logger in loggers]
    for name, value in wanted.items():
        setattr(context, name, value)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="ray")
            yield
    finally:
        for name, value in former.items():
            setattr(context, name, value)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
