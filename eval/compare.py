"""Run several arms over the same documents and put their scores side by side.

An arm is a GGUF with or without the constraint. All arms share one task, one decoder and one set
of documents, so a difference between two of them is what the model or the constraint makes.

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
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from setaccio.data.errors import DataError, TaskError, UsageError
from setaccio.data.records import Document, Pair, Problem, atomic_write, read_jsonl
from setaccio.data.task import Json, Task, dump_compact
from setaccio.eval.normalise import NORMALISATION
from setaccio.eval.result import ArmResult, Comparison, score_row, write_json, write_results
from setaccio.eval.summary import SEED, Usage, summarise
from setaccio.eval.table import markdown_table
from setaccio.runtime import Extractor, LoadedModel, load_model
from setaccio.runtime.constraint import Constraint

Progress = Callable[[str, int, int], None]
"""Called with the arm's label, documents done and documents in all."""

CONSTRAINTS: tuple[Constraint, ...] = ("none", "schema")
_PACKAGES = ("setaccio", "llama-cpp-python", "outlines", "llguidance", "jsonschema", "rapidfuzz")
_COST = ("prompt_tokens", "completion_tokens", "seconds")


@dataclass(frozen=True)
class Arm:
    """One row of the comparison.

    Attributes:
        name: what the table calls the model, such as ``base``; unique with the constraint.
        path: the GGUF.
        constraint: ``schema`` or ``none``.
    """

    name: str
    path: Path
    constraint: Constraint

    @property
    def label(self) -> str:
        """Name and decoding, such as ``tuned constrained``."""
        return f"{self.name} {'constrained' if self.constraint == 'schema' else 'free'}"


def compare(
    arms: Sequence[Arm],
    pairs: Sequence[Pair],
    task: Task | None = None,
    *,
    out: str | Path | None = None,
    max_tokens: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Extract every document with every arm, score, summarise.

    Args:
        arms: what to compare; arms with the same GGUF are best put side by side, as it is then
            loaded once.
        pairs: documents with gold, ids unique.
        task: what is extracted; by default what the last GGUF that carries a task says.
        out: run folder (see :mod:`setaccio.eval.result`); None writes nothing.
        max_tokens: greatest number of tokens per answer; by default the extractor decides.
        threads: threads that compute; by default one per physical core.
        progress: told about every document.

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
    folder = None if out is None else Path(out)
    results = []
    loaded: LoadedModel | None = None
    try:
        for arm in arms:
            if loaded is None or loaded.path != arm.path:
                if loaded is not None:
                    loaded.close()
                loaded = load_model(arm.path, threads=threads)
            runner = _Runner(arm, loaded, task, max_tokens, folder, progress)
            results.append(runner.run(pairs))
    finally:
        if loaded is not None:
            loaded.close()
    comparison = Comparison(task, tuple(results), folder)
    if folder is not None:
        write_json(folder / "config.json", _config(comparison, pairs, max_tokens, threads))
        write_results(folder, comparison, markdown_table(comparison))
    return comparison


def _check(arms: Sequence[Arm], pairs: Sequence[Pair]) -> None:
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


def _carried_task(arms: Sequence[Arm]) -> Task:
    for path in dict.fromkeys(arm.path for arm in reversed(arms)):
        model = load_model(path)
        try:
            if model.task is not None:
                return model.task
        finally:
            model.close()
    raise TaskError(
        f"{arms[-1].path}: no GGUF here carries a task. Say which with --task or --schema."
    )


def _file_part(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-").lower() or "arm"


class _Runner:
    """One arm's pass over the documents, recorded outputs first."""

    def __init__(
        self,
        arm: Arm,
        model: LoadedModel,
        task: Task,
        max_tokens: int | None,
        folder: Path | None,
        progress: Progress | None,
    ) -> None:
        self.arm, self.model, self.task = arm, model, task
        self.max_tokens = max_tokens
        self.file = folder and folder / f"predictions-{_file_part(arm.label)}.jsonl"
        self.progress: Progress = progress or (lambda _arm, _done, _total: None)

    def run(self, pairs: Sequence[Pair]) -> ArmResult:
        """Extract what is not recorded yet, then score everything."""
        keys = [self._key(pair) for pair in pairs]
        known = self._recorded()
        todo = [pair for pair, key in zip(pairs, keys, strict=True) if key not in known]
        done = len(pairs) - len(todo)
        self.progress(self.arm.label, done, len(pairs))
        with self._log(known) as log:
            for row in self._extract(todo):
                known[row["key"]] = row
                done += 1
                if log:
                    log.write(dump_compact(row) + "\n")
                    log.flush()
                self.progress(self.arm.label, done, len(pairs))
        found = [known[key] for key in keys]
        scores = tuple(
            score_row(self.task, pair, row) for pair, row in zip(pairs, found, strict=True)
        )
        usage = [
            Usage(row["seconds"], row["prompt_tokens"], row["completion_tokens"]) for row in found
        ]
        return ArmResult(
            name=self.arm.name,
            model=self.arm.path.name,
            constraint=self.arm.constraint,
            size_bytes=self.model.size_bytes,
            sha256=self.model.sha256,
            summary=summarise(scores, usage),
            scores=scores,
        )

    def _key(self, pair: Pair) -> str:
        parts = [
            self.model.sha256,
            self.task.digest,
            self.arm.constraint,
            str(self.max_tokens),
            pair.id,
            pair.text,
        ]
        return hashlib.sha256(dump_compact(parts).encode("utf-8", "replace")).hexdigest()[:32]

    def _extract(self, pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
        if not pairs:
            return
        extractor = Extractor(
            self.model, self.task, constraint=self.arm.constraint, max_tokens=self.max_tokens
        )
        # The first run pays for reading weights and setting up caches; no document should.
        Extractor(self.model, self.task, constraint="none", max_tokens=1).extract("warm-up")
        documents = (Document(pair.id, pair.text) for pair in pairs)
        for pair, extraction in zip(pairs, extractor.extract_all(documents), strict=True):
            yield {"key": self._key(pair), "arm": self.arm.label, **extraction.to_dict()}

    def _recorded(self) -> dict[str, dict[str, Any]]:
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
            and {"key", "raw", "status", *_COST} <= item[1].keys()
        }

    @contextmanager
    def _log(self, known: dict[str, dict[str, Any]]) -> Iterator[IO[str] | None]:
        """The predictions file, rewritten without broken lines and open for appending."""
        if self.file is None:
            yield None
            return
        with atomic_write(self.file) as stream:
            stream.writelines(dump_compact(row) + "\n" for row in known.values())
        with self.file.open("a", encoding="utf-8") as stream:
            yield stream


def _config(
    comparison: Comparison, pairs: Sequence[Pair], max_tokens: int | None, threads: int | None
) -> Json:
    """All that is needed to say what was measured, and to measure it again."""
    data = hashlib.sha256()
    for pair in pairs:
        data.update(dump_compact(asdict(pair)).encode("utf-8", "replace") + b"\n")
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
            }
            for arm in comparison.arms
        ],
        "documents": len(pairs),
        "data_sha256": data.hexdigest(),
        "max_tokens": max_tokens,
        "threads": threads,
        "bootstrap_seed": SEED,
        "normalisation": NORMALISATION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
