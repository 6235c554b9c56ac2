"""``extract --engine ray``: what its flags choose, and the run with its progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import typer

from setaccio.cli.terminal.batch_report import clean_end, note_row, say_resumed, sum_up
from setaccio.cli.terminal.console import tell_step, warn
from setaccio.cli.terminal.exits import SOME_FAILED

if TYPE_CHECKING:
    from setaccio.runtime import Extractor
    from setaccio.runtime.batch.journal import Journal
    from setaccio.runtime.batch.ray.documents import ClusterSource
    from setaccio.runtime.batch.ray.spec import WorkerSpec


class RayFlags(NamedTuple):
    """The flags of ``extract`` that belong to an engine.

    Attributes:
        engine: ``ray``, or None for this process alone.
        workers: copies of the model.
        threads: of each.
        address: of the cluster.
        form: of the results.
    """

    engine: Literal["ray"] | None
    workers: int | None
    threads: int | None
    address: str | None
    form: Literal["jsonl", "parquet"]

    def check(
        self,
        out: Path | None,
        *,
        shard: str | None,
        threads: int | None,
        text_out: Path | None = None,
    ) -> None:
        """Refuse flags that do not go together.

        Raises:
            UsageError: names them.
        """
        from setaccio.data.errors import UsageError

        if self.engine is None:
            if any((self.workers, self.threads, self.address, self.form != "jsonl")):
                raise UsageError(
                    "--workers, --threads-per-worker, --address and --format are for a cluster. "
                    "Add --engine ray."
                )
            return
        if out is None or "://" in str(out):
            raise UsageError("--engine ray writes into a folder here. Name it with --out.")
        if shard:
            raise UsageError("--shard and --engine exclude each other. Give one of them.")
        if threads:
            raise UsageError("With --engine ray say --threads-per-worker instead of --threads.")
        if text_out:
            raise UsageError("--text-out needs one machine. Leave it or --engine ray out.")


def extract_on_ray(
    flags: RayFlags,
    extractor: Extractor,
    names: Sequence[str],
    out: Path,
    *,
    options: Mapping[str, Any],
    parallel: int | None,
    jsonl: bool,
    how: Mapping[str, bool],
) -> None:
    """Extract on a cluster, with progress; ends with exit code 1 where documents failed.

    Args:
        flags: what was asked for.
        extractor: of this process, which tells what the workers must be like.
        names: the sources.
        out: the folder for the results.
        options: that the extractor was made with.
        parallel: ``--parallel``.
        jsonl: ``--jsonl``.
        how: ``resume``, ``retry_failed`` and ``overwrite``.
    """
    from setaccio.runtime.batch.journal import Journal
    from setaccio.runtime.batch.ray.cluster import check_nodes, connect, load_ray, plan_workers
    from setaccio.runtime.batch.ray.folder import ResultFolder
    from setaccio.runtime.batch.ray.spec import spec_of

    load_ray()
    from setaccio.runtime.batch.ray.documents import find_documents

    _refuse_inside(out, names)
    found = find_documents(names, jsonl=jsonl)
    asked = flags.workers and flags.threads and flags.workers * flags.threads
    with connect(flags.address, cpus=asked) as nodes:
        plan = plan_workers(nodes, flags.workers, flags.threads)
        spec = spec_of(extractor, options, threads=plan.threads, parallel=parallel)
        check_nodes(nodes, spec.files)
        new = {"resume": how["resume"], "overwrite": how["overwrite"]}
        with ResultFolder(out, spec.run, spec.settings, flags.form, **new) as folder:
            if folder.anew:
                warn(folder.anew)
            journal = Journal(folder.journal, **how)
            say_resumed(journal, spec.run)
            where = f"{len(nodes)} machine{'s' if len(nodes) > 1 else ''}"
            tell_step(f"Ray: {plan.workers} workers of {plan.threads} threads, {where}.")
            failed = _work(
                found, journal, spec, plan.workers, names, jsonl=jsonl, retried=how["retry_failed"]
            )
            folder.finish()
    if failed:
        raise typer.Exit(SOME_FAILED)


def _work(
    found: list[ClusterSource],
    journal: Journal,
    spec: WorkerSpec,
    workers: int,
    names: Sequence[str],
    *,
    jsonl: bool,
    retried: bool,
) -> int:
    """Extract from all sources, with progress; how many documents failed, now or before."""
    from setaccio.cli.choices.budgets import tell_budget
    from setaccio.cli.terminal.meter import Meter
    from setaccio.runtime.batch import sources
    from setaccio.runtime.batch.ray.documents import count_items
    from setaccio.runtime.batch.ray.engine import extract_documents

    statuses, reviews = Counter[str](), Counter[bool]()
    total = count_items(found, jsonl=jsonl)
    if total is not None:
        total -= journal.kept - (journal.failed if retried else 0)
    with journal, Meter(total, results_on_terminal=False) as meter:

        def note(name: str, status: str, message: str, review: bool | None) -> None:
            statuses[status] += 1
            if review is not None:
                reviews[review] += 1
            note_row(name, status, message, meter)

        with clean_end(journal, meter, "--retry-failed" if retried else "--resume"):
            skipped = extract_documents(
                found, journal, spec, workers=workers, jsonl=jsonl, on_row=note
            )
        journal.forget_failed(lambda name: sources.belongs_to(name, names, jsonl))
    sum_up(journal, meter, skipped, retried=retried)
    if statuses:
        counted = ", ".join(f"{status} {count}" for status, count in statuses.most_common())
        tell_step(f"Statuses: {counted}.")
    tell_budget(spec.budget, reviews, skipped)
    return meter.failed + journal.failed


def _refuse_inside(out: Path, names: Sequence[str]) -> None:
    """Results among the sources would be read as sources the next time."""
    from setaccio.data.errors import UsageError

    for name in names:
        if Path(name).is_dir() and Path(name).resolve() in out.resolve().parents:
            raise UsageError(f"{out}: lies inside {name}, which is read. Name another folder.")
