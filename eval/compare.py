"""Run several arms over the same documents and put their scores side by side.

An arm is a GGUF with or without the constraint, an endpoint, or outputs that were made elsewhere
(:mod:`setaccio.eval.arms`). All arms share one task and one set of documents, so a difference
between two of them is what the model or the constraint makes.

With a run folder every output is written as it comes and reused when the same comparison is run
again: an output is known by the hash of the model, the task, the constraint, the token budget and
the text, so a run that was killed continues, and a changed model or task starts afresh.

    >>> arms = [Arm("tuned", Path("tuned.gguf"), constraint) for constraint in CONSTRAINTS]
    >>> compare(arms, pairs, out="runs/recipes").arms[0].summary.l1.mean
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypedDict

from setaccio.data.errors import DataError, TaskError, UsageError
from setaccio.data.records import Pair, Problem, atomic_write, read_jsonl, write_pairs
from setaccio.data.task import Json, Task, dump_compact
from setaccio.eval.arms import AnyArm, Arm, ModelPool, Row, Setting, Source
from setaccio.eval.gold import doubt_of_gold
from setaccio.eval.normalise import NORMALISATION
from setaccio.eval.parquet import is_available, parquet
from setaccio.eval.result import ArmResult, Comparison, score_row, write_json, write_results
from setaccio.eval.summary import SEED, Usage, summarise
from setaccio.eval.table import markdown_table
from setaccio.runtime.constraint import Constraint
from setaccio.runtime.health import system_report

if TYPE_CHECKING:
    from typing import Unpack

__all__ = ["CONSTRAINTS", "Arm", "Progress", "Running", "compare", "under"]

Progress = Callable[[str, int, int], None]
"""Called with the arm's label, documents done and documents in all."""

CONSTRAINTS: tuple[Constraint, ...] = ("none", "schema")


class Running(TypedDict, total=False):
    """How a run is made, whatever is compared; passed on to :func:`compare`.

    Attributes:
        max_tokens: greatest number of tokens per answer; by default the extractor decides.
        threads: threads that compute; by default one per physical core.
        progress: told about every document.
        tell: given a sentence about what makes the scores doubtful, before anything is run.
    """

    max_tokens: int | None
    threads: int | None
    progress: Progress | None
    tell: Callable[[str], None] | None


_MACHINE = ("cpu", "cores", "memory_gib", "compiler")
_PACKAGES = ("setaccio", "llama-cpp-python", "outlines", "llguidance", "jsonschema", "rapidfuzz")


def compare(
    arms: Sequence[AnyArm],
    pairs: Sequence[Pair],
    task: Task | None = None,
    *,
    out: str | Path | None = None,
    settings: dict[str, Json] | None = None,
    **running: Unpack[Running],
) -> Comparison:
    """Make every arm's output for every document, score, summarise.

    Args:
        arms: what to compare; arms with the same GGUF are best put side by side, as it is then
            loaded once.
        pairs: documents with gold, ids unique.
        task: what is extracted; by default what the last adapter that carries a task says, or the
            last GGUF that does.
        out: run folder (see :mod:`setaccio.eval.result`); None writes nothing.
        settings: what else ``config.json`` should keep, such as the seed of a sample.
        running: see :class:`Running`.

    Returns:
        The arms in the order given.

    Raises:
        UsageError: no arms, two arms of one name and constraint, or the folder can not be written.
        DataError: no pairs, or an id that comes twice.
        ModelError: a GGUF can not be loaded.
        TaskError: no task was given and no GGUF carries one.
    """
    _check(arms, pairs)
    task = task or _carried_task(arms)
    tell = running.get("tell")
    if tell:
        for doubt in filter(None, [*task.notes, doubt_of_gold(pairs, task)]):
            tell(doubt)
    folder = None if out is None else Path(out)
    limits: dict[str, Json] = {name: running.get(name) for name in ("max_tokens", "threads")}
    models = ModelPool(limits["threads"])
    setting = Setting(task, limits["max_tokens"], models, tell)
    results, facts = [], []
    try:
        for arm in arms:
            source = arm.open(setting)
            results.append(_Runner(arm, source, task, folder, running.get("progress")).run(pairs))
            facts.append(source.facts)
    finally:
        models.close()
    comparison = Comparison(task, tuple(results), folder)
    if folder is not None:
        config = _config(comparison, pairs, facts) | limits | (settings or {})
        write_json(folder / "config.json", config)
        write_pairs(folder / "documents.jsonl", pairs)
        write_results(folder, comparison, markdown_table(comparison))
        if is_available():
            parquet(folder)
    return comparison


def under(name: str, running: Running) -> Running:
    """The same, its progress told labels that begin with the name of a part of a larger run."""
    tell = running.get("progress")
    if tell is None:
        return running
    return {**running, "progress": lambda arm, done, total: tell(f"{name}: {arm}", done, total)}


def _check(arms: Sequence[AnyArm], pairs: Sequence[Pair]) -> None:
    if not arms:
        raise UsageError("There is nothing to compare. Give at least one GGUF.")
    names = [_file_part(arm.label) for arm in arms]
    if len(set(names)) < len(names):
        raise UsageError(f"Two arms share a name: {', '.join(arm.label for arm in arms)}.")
    if not pairs:
        raise DataError("There is no pair to evaluate on. Give at least one.")
    name, count = Counter(pair.id for pair in pairs).most_common(1)[0]
    if count > 1:
        raise DataError(f"The id {name!r} comes {count} times among the pairs. Make ids unique.")


def _carried_task(arms: Sequence[AnyArm]) -> Task:
    """What the last adapter carries, or the last GGUF: what was tuned stands last."""
    ggufs = [arm for arm in reversed(arms) if isinstance(arm, Arm)]
    for arm in sorted(ggufs, key=lambda arm: arm.adapter is None):
        if task := arm.carried_task():
            return task
    what = f"{ggufs[0].path}: no GGUF here carries a task." if ggufs else "No task is known."
    raise TaskError(f"{what} Say which with --task or --schema.")


def _file_part(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-").lower() or "arm"


class _Runner:
    """One arm's pass over the documents, recorded outputs first."""

    def __init__(
        self,
        arm: AnyArm,
        source: Source,
        task: Task,
        folder: Path | None,
        progress: Progress | None,
    ) -> None:
        self.arm, self.source, self.task = arm, source, task
        self.file = folder and folder / f"predictions-{_file_part(arm.label)}.jsonl"
        self.progress: Progress = progress or (lambda _arm, _done, _total: None)

    def run(self, pairs: Sequence[Pair]) -> ArmResult:
        """Make what is not recorded yet, then score everything."""
        keys = [self.source.key(pair) for pair in pairs]
        known = self._recorded()
        todo = [at for at, key in enumerate(keys) if key not in known]
        done = len(pairs) - len(todo)
        self.progress(self.arm.label, done, len(pairs))
        with self._log(known) as log:
            rows = self.source.rows([pairs[at] for at in todo]) if todo else iter(())
            for at, made in zip(todo, rows, strict=True):
                row: Row = {"key": keys[at], "arm": self.arm.label, **made}
                known[keys[at]] = row
                done += 1
                if log:
                    log.write(dump_compact(row) + "\n")
                    log.flush()
                self.progress(self.arm.label, done, len(pairs))
        return self._result(pairs, [known[key] for key in keys])

    def _result(self, pairs: Sequence[Pair], found: Sequence[Row]) -> ArmResult:
        aliases = dict(self.arm.aliases)
        scores = tuple(
            score_row(self.task, pair, row, aliases) for pair, row in zip(pairs, found, strict=True)
        )
        timed = all(isinstance(row.get("seconds"), int | float) for row in found)
        usage = [
            Usage(row["seconds"], row.get("prompt_tokens", 0), row.get("completion_tokens", 0))
            for row in (found if timed else ())
        ]
        return ArmResult(
            name=self.arm.name,
            model=self.source.model,
            constraint=self.arm.constraint,
            size_bytes=self.source.size_bytes,
            sha256=self.source.sha256,
            summary=summarise(scores, usage, found),
            scores=scores,
            peak_memory=max(
                (row["peak_memory"] for row in found if row.get("peak_memory")), default=None
            ),
            joules=self._joules(len(pairs)),
        )

    def _joules(self, documents: int) -> float | None:
        """Energy of the arm; a run that reused outputs has not measured all of it."""
        cost = self.source.facts.get("cost") or {}
        joules: float | None = cost.get("joules")
        return joules if cost.get("documents") == documents else None

    def _recorded(self) -> dict[str, Row]:
        """Outputs of an earlier run by key; a line that a kill cut off is left out."""
        if self.file is None or not self.file.is_file():
            return {}
        with self.file.open("rb") as stream:
            rows = list(read_jsonl(stream, str(self.file)))
        return {
            item[1]["key"]: item[1]
            for item in rows
            if not isinstance(item, Problem)
            and isinstance(item[1], dict)
            and {"key", "raw", "status", "seconds"} <= item[1].keys()
        }

    @contextmanager
    def _log(self, known: dict[str, Row]) -> Iterator[IO[str] | None]:
        """The predictions file, rewritten without broken lines and open for appending."""
        if self.file is None:
            yield None
            return
        with atomic_write(self.file) as stream:
            stream.writelines(dump_compact(row) + "\n" for row in known.values())
        with self.file.open("a", encoding="utf-8") as stream:
            yield stream


def _config(
    comparison: Comparison, pairs: Sequence[Pair], facts: Sequence[Json]
) -> dict[str, Json]:
    """All that is needed to say what was measured, and to measure it again."""
    machine = system_report()
    data = hashlib.sha256()
    for pair in pairs:
        data.update(dump_compact(pair.to_dict()).encode("utf-8", "replace") + b"\n")
    return {
        "task": json.loads(comparison.task.to_metadata()),
        "task_digest": comparison.task.digest,
        "arms": [
            {
                "name": arm.name,
                "model": arm.model,
                "sha256": arm.sha256,
                "size_bytes": arm.size_bytes,
                "constraint": arm.constraint,
                **known,
            }
            for arm, known in zip(comparison.arms, facts, strict=True)
        ],
        "documents": len(pairs),
        "data_sha256": data.hexdigest(),
        "bootstrap_seed": SEED,
        "normalisation": NORMALISATION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": {name: machine[name] for name in _MACHINE},
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
