"""The folder that a job on a cluster leaves: a journal, ``_job.json``, and Parquet on demand.

    rows-1a2b3c4d.jsonl            the journal, which is the result too
    rows-1a2b3c4d-00000.parquet    or these, made from ``_rows-1a2b3c4d.jsonl`` at the end
    _job.json                      model, task and options by run, the digits in those names
    _lock                          held by the job that writes here

Names that begin with an underscore are passed over by whatever reads a folder of Parquet files. So
are the results of former runs with another model, task or options: they stay, under such a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from setaccio.data.errors import UsageError
from setaccio.data.files.atomic import atomic_path, atomic_write
from setaccio.data.files.locks import files_beside_lock, lock_folder
from setaccio.runtime.batch.journal_rows import RUN_DIGITS, journal_rows

JOB = "_job.json"
ROWS_IN_FILE = 100_000
ROWS_IN_GROUP = 10_000
_KIND = "setaccio extraction"
_NESTED = ("data", "confidence", "removed", "spans")
_NAMED = 6
Form = Literal["jsonl", "parquet"]


class ResultFolder:
    """Where a job's results go; use it in a ``with`` statement.

    Attributes:
        path: the folder.
        journal: path of the journal of this run.
        anew: a sentence where the folder holds results of other runs and this one begins anew.
    """

    def __init__(
        self,
        path: Path,
        run: str,
        settings: Mapping[str, Any],
        form: Form,
        *,
        resume: bool,
        overwrite: bool,
    ) -> None:
        """Look at what is there, and make room for this run.

        Args:
            path: the folder; it is made where it is not there.
            run: fingerprint of model, task and options.
            settings: the same, readable.
            form: of the results.
            resume: go on with what is there.
            overwrite: remove what an extraction has left there.

        Raises:
            UsageError: it is no folder, or holds other files, or results and neither of the two is
                asked for, or another job writes there.
        """
        self.path = path
        self.form = form
        self._run = run[:RUN_DIGITS]
        runs = self._former()
        if runs and not (resume or overwrite):
            raise UsageError(f"{path}: {self._holds(runs, settings)}")
        self.anew = self._said(runs, settings) if resume else ""
        self._lock = lock_folder(path)
        self.journal = path / f"{'_' if form == 'parquet' else ''}rows-{self._run}.jsonl"
        try:
            self._make_room(settings, overwrite)
        except BaseException:
            self.close()
            raise

    def _make_room(self, settings: Mapping[str, Any], overwrite: bool) -> None:
        runs = self._former()  # once more, now that nobody else writes here
        if overwrite:
            for former in self._files():
                former.unlink()
            runs = {}
        runs[self._run] = dict(settings)
        for file in self._files():
            self._name(file)
        with atomic_write(self.path / JOB) as stream:
            json.dump({"kind": _KIND, "runs": runs}, stream, indent=1)

    def _former(self) -> dict[str, Any]:
        """Settings by run, of what is there."""
        if not self.path.exists():
            return {}
        if not self.path.is_dir():
            raise UsageError(f"{self.path}: is no folder. --engine ray writes into one.")
        try:
            job = json.loads((self.path / JOB).read_text(encoding="utf-8"))
            if job["kind"] == _KIND:
                return dict(job["runs"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        others = files_beside_lock(self.path)
        if others:
            raise UsageError(
                f"{self.path}: holds other files than an extraction's ({others[0]}). Name a new or "
                "an empty folder."
            )
        return {}

    def _holds(self, runs: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
        if self._run in runs:
            return "holds results of this job. Pass --resume to go on, or --overwrite."
        return (
            f"holds another job's parts ({self._difference(runs, settings)}). Name another folder, "
            "or pass --resume to begin anew beside them, or --overwrite."
        )

    def _said(self, runs: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
        if not runs or self._run in runs:
            return ""
        return (
            f"{self.path}: begins anew. What is there was made with another model, task or options "
            f"({self._difference(runs, settings)}); it is kept under names with an underscore."
        )

    def _difference(self, runs: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
        last = list(runs.values())[-1]
        names = [name for name in settings if last.get(name) != settings[name]]
        shown = islice((name for name in names if not name.endswith(("sha256", "digest"))), _NAMED)
        said = [f"{name}: {last.get(name)}, now {settings[name]}" for name in shown]
        return "; ".join(said) or ", ".join(names[:_NAMED])

    def _files(self) -> list[Path]:
        return sorted([*self.path.glob("rows-*"), *self.path.glob("_rows-*")])

    def _name(self, file: Path) -> None:
        """Give a file the name that it has beside this run: only its results have no underscore."""
        plain = file.name.lstrip("_")
        own = plain.startswith(f"rows-{self._run}")
        shown = own and plain.endswith(f".{self.form}")
        wanted = self.path / (plain if shown else f"_{plain}")
        if wanted != file:
            file.replace(wanted)

    def finish(self) -> None:
        """Write the Parquet files anew, where they are asked for."""
        if self.form != "parquet":
            return
        former = set(self.path.glob(f"*rows-{self._run}-*.parquet"))
        for number, rows in enumerate(_chunks(self.journal, ROWS_IN_FILE)):
            name = self.path / f"rows-{self._run}-{number:05}.parquet"
            _write_parquet(name, rows)
            former.discard(name)
        for file in former:
            file.unlink()

    def close(self) -> None:
        """Let other jobs write here."""
        self._lock.close()

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _chunks(journal: Path, size: int) -> Iterator[Iterator[bytes]]:
    with journal.open("rb") as stream:
        lines = (line for line, row in journal_rows(stream, journal) if row is not None)
        while (first := next(lines, None)) is not None:
            rest = islice(lines, size - 1)
            yield _chain(first, rest)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _write_parquet(path: Path, lines: Iterator[bytes]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    whole = ("prompt_tokens", "completion_tokens", "chunks", "closed_lists")
    texts = ("raw", "finish_reason", "message", "task", "model", "constraint")
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("status", pa.string()),
            *((name, pa.string()) for name in (*_NESTED, *texts)),
            *((name, pa.int64()) for name in whole),
            ("seconds", pa.float64()),
            ("thought", pa.string()),
            ("risk", pa.float64()),
            ("review", pa.bool_()),
            ("key", pa.string()),
        ]
    )
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        while group := list(islice(lines, ROWS_IN_GROUP)):
            writer.write_table(pa.Table.from_pylist([_flat(line) for line in group], schema))


def _flat(line: bytes) -> dict[str, Any]:
    """A row whose nested fields are JSON texts: their form is another for each task."""
    row: dict[str, Any] = json.loads(line)
    for name in _NESTED:
        row[name] = json.dumps(row[name], ensure_ascii=False, separators=(",", ":"))
    return row
