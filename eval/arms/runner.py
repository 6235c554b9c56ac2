"""One arm's pass over the documents of a comparison: outputs made, recorded, scored, and said.

Contract: ``Runner(...).run(source, pairs)`` takes what an earlier run recorded, makes the rest, and
gives the arm's result. It tells how far it is after every document and, where a model of ours
decodes, after every forward pass.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from setaccio.data.records import Pair, Problem, atomic_write, read_jsonl
from setaccio.data.task.task import Task, dump_compact
from setaccio.eval.arms.arms import AnyArm, OutputSource, Row
from setaccio.eval.arms.progress import ArmProgress, Progress
from setaccio.eval.result import ArmResult, score_row
from setaccio.eval.stats.summary import Usage, summarise
from setaccio.runtime.decode.decoder import Passes


def file_part(name: str) -> str:
    """A label as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-").lower() or "arm"


class Runner:
    """One arm's pass over the documents, recorded outputs first.

    Args:
        arm: whose outputs.
        task: what is extracted.
        folder: where they are recorded; None records nothing.
        progress: told how far it is.
    """

    def __init__(
        self,
        arm: AnyArm,
        task: Task,
        folder: Path | None,
        progress: Progress | None,
    ) -> None:
        self.arm, self.task = arm, task
        self.file = folder and folder / f"predictions-{file_part(arm.label)}.jsonl"
        self.progress: Progress = progress or (lambda _state: None)
        self.state = ArmProgress(arm.label, 0, 0)
        self.recorded = 0
        self.began: float | None = None

    def watch(self, passes: Passes) -> None:
        """Say how far the documents are that are being decoded."""
        now = time.monotonic()
        self.began = now if self.began is None else self.began
        self.state = replace(
            self.state,
            done=max(self.state.done, self.recorded + passes.finished),
            running=passes.running,
            read=passes.evaluated,
            written=passes.written,
            seconds=now - self.began,
        )
        self.progress(self.state)

    def _count(self, done: int) -> None:
        """Say that so many documents have their output."""
        self.state = replace(self.state, done=max(self.state.done, done))
        self.progress(self.state)

    def run(self, source: OutputSource, pairs: Sequence[Pair]) -> ArmResult:
        """Make what is not recorded yet, then score everything."""
        keys = [source.key(pair) for pair in pairs]
        known = self._recorded()
        todo = [at for at, key in enumerate(keys) if key not in known]
        done = self.recorded = len(pairs) - len(todo)
        self.state = replace(self.state, total=len(pairs))
        self._count(done)
        with self._log(known) as log:
            rows = source.rows([pairs[at] for at in todo]) if todo else iter(())
            for at, made in zip(todo, rows, strict=True):
                row: Row = {"key": keys[at], "arm": self.arm.label, **made}
                known[keys[at]] = row
                done += 1
                if log:
                    log.write(dump_compact(row) + "\n")
                    log.flush()
                self._count(done)
        self.state = replace(self.state, running=0)
        self._count(done)
        return self._result(source, pairs, [known[key] for key in keys])

    def _result(
        self, source: OutputSource, pairs: Sequence[Pair], found: Sequence[Row]
    ) -> ArmResult:
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
            model=source.model,
            constraint=self.arm.constraint,
            size_bytes=source.size_bytes,
            sha256=source.sha256,
            summary=summarise(scores, usage, found),
            scores=scores,
            peak_memory=max(
                (row["peak_memory"] for row in found if row.get("peak_memory")), default=None
            ),
            joules=_joules(source, len(pairs)),
        )

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


def _joules(source: OutputSource, documents: int) -> float | None:
    """Energy of an arm; a run that reused outputs has not measured all of it."""
    cost = source.facts.get("cost") or {}
    joules: float | None = cost.get("joules")
    return joules if cost.get("documents") == documents else None
