"""Results that survive a kill: JSON Lines, appended one whole line at a time, taken up again later.

Each row carries a ``key``, a hash of everything that its answer depends on: model, task, options
and text. What is done is therefore known from the results themselves, no second file can disagree
with them:

    >>> run = fingerprint(model.sha256, task.digest, {"constraint": "schema"})
    >>> with Journal(path, resume=True) as journal:
    ...     key = document_key(run, document.text)
    ...     if not journal.take(key, document.id):
    ...         journal.write(key, extraction.to_json())

A row is handed to the system in one piece, so it stands in the file as soon as ``write`` returns,
whatever happens to the process then. A kill in the middle of a row leaves a torn last line, which
the next start cuts off. One document gives one row, also where the same document comes twice: the
second is matched with a second row.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from setaccio.data.errors import DataError, UsageError
from setaccio.data.task import dump_compact
from setaccio.runtime.key_bag import KeyBag

SYNC_EVERY = 5.0
"""Seconds between two requests that the disk itself hold what was written, for a power cut."""

RUN_DIGITS = 8
"""Leading hex digits of a key that are the same for every text of one run."""

_KEY_DIGITS = 32
_ROW_BEGINS = b'{"id":'


def fingerprint(model: str, task: str, options: Mapping[str, Any]) -> str:
    """Hash of what all rows of a run have in common.

    Args:
        model: SHA-256 of the model's file.
        task: digest of the task.
        options: every option that can change an answer; the order does not matter.

    Returns:
        64 hex digits.
    """
    settings = json.dumps(dict(options), sort_keys=True)
    return hashlib.blake2b("\n".join((model, task, settings)).encode(), digest_size=32).hexdigest()


def document_key(run: str, text: str) -> str:
    """Key of a row: 32 hex digits, of which the first :data:`RUN_DIGITS` name the run.

    Args:
        run: from :func:`fingerprint`.
        text: the document's text.
    """
    digest = hashlib.blake2b(run.encode(), digest_size=(_KEY_DIGITS - RUN_DIGITS) // 2)
    digest.update(text.encode("utf-8", "surrogatepass"))
    return run[:RUN_DIGITS] + digest.hexdigest()


def _place(key: str, identifier: str) -> bytes:
    """16 bytes that tell one row from another: equal texts may come under several identifiers."""
    whole = f"{key}\0{identifier}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=16).digest()


class _Row(NamedTuple):
    key: str
    id: str
    ok: bool


def _read_row(line: bytes) -> _Row | None:
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    key, identifier = (row.get("key"), row.get("id")) if isinstance(row, dict) else (None, None)
    if not (isinstance(key, str) and len(key) == _KEY_DIGITS and isinstance(identifier, str)):
        return None
    return _Row(key, identifier, row.get("status") == "ok")


def _is_torn(line: bytes) -> bool:
    """Whether a last line is the beginning of a row of ours, or what a power cut makes of one."""
    begins = line[: len(_ROW_BEGINS)] == _ROW_BEGINS[: len(line)]
    return (begins and not line.endswith(b"\n")) or not line.strip(b"\0")


def _rows(stream: IO[bytes], path: Path) -> Iterator[tuple[bytes, _Row | None]]:
    """Whole lines of a results file, up to its end or a torn last line; no row for a blank one.

    Raises:
        DataError: a line is no row; nothing is cut off then, the file may be another's.
    """
    lines = enumerate(stream, 1)
    for number, line in lines:
        row = _read_row(line)
        if row is None and line.strip(b"\r\n"):
            if _is_torn(line) and next(lines, None) is None:
                return
            raise DataError(
                f"{path}:{number}: not a row of results with a key, so nothing can be resumed. "
                "Name the file that the interrupted run wrote, or another one."
            )
        yield line, row


class Journal:
    """A results file that is appended to; use it in a ``with`` statement.

    Attributes:
        runs: leading digits of a key to the kept rows that have them.
        kept: rows that stood in the file and are kept.
        failed: how many of those are of documents that failed.
        retried: rows of failed documents that were removed to be made again.
        repaired: bytes of a torn last line that were cut off.
        written: rows written by this object.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        resume: bool = False,
        retry_failed: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Open the file, repair its end, and learn which documents are done.

        Args:
            path: the file; None writes to standard output.
            resume: keep the rows that are there, and go on after them.
            retry_failed: as ``resume``, without the rows whose status is not ``ok``.
            overwrite: begin anew, whatever is there.

        Raises:
            UsageError: the file exists and none of the three is asked for, can not be written,
                or is being written by another process.
            DataError: the file to be resumed holds something else than rows of results.
        """
        self.path = path
        self.kept = self.failed = self.retried = self.repaired = self.written = 0
        self.runs: dict[str, int] = {}
        self._done = KeyBag()
        self._synced = time.monotonic()
        self._regular = False
        if path is None:
            self._file = 1
            return
        try:
            self._file = self._open(path, resume or retry_failed, overwrite)
            if self._regular and (resume or retry_failed):
                self._take_up(path, retry_failed)
        except OSError as error:
            self.close()
            raise UsageError(f"{path}: can not be written ({error.strerror}).") from error
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path, resume: bool, overwrite: bool) -> int:
        self._file = -1
        path.parent.mkdir(parents=True, exist_ok=True)
        # A pipe or a device holds nothing that could be lost.
        if path.is_file() and not (resume or overwrite):
            raise UsageError(
                f"{path}: exists. Pass --resume to go on, --overwrite to replace it, or name "
                "another file."
            )
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._regular = stat.S_ISREG(os.fstat(self._file).st_mode)
        if resume and not self._regular:
            raise UsageError(f"{path}: is not a file, so nothing can be resumed.")
        self._lock(path)
        if self._regular and not resume:
            os.ftruncate(self._file, 0)
        return self._file

    def _lock(self, path: Path) -> None:
        """Keep a second process from writing the same rows; the lock ends with this one."""
        try:
            import fcntl
        except ImportError:  # not on this system
            return
        if not self._regular:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{path}: another process is writing it. Let it finish.") from error

    def _take_up(self, path: Path, retry_failed: bool) -> None:
        good = 0
        with path.open("rb") as stream:
            for line, row in _rows(stream, path):
                good += len(line)
                if row is not None:
                    self._note(row, keep=row.ok or not retry_failed)
            size = stream.seek(0, os.SEEK_END)
        self._done.seal()
        self.repaired = size - good
        if self.retried:
            self._drop_failed(path)
        elif self.repaired:
            os.ftruncate(self._file, good)

    def _note(self, row: _Row, *, keep: bool) -> None:
        if not keep:
            self.retried += 1
            return
        self.kept += 1
        self.failed += not row.ok
        self._done.add(_place(row.key, row.id))
        run = row.key[:RUN_DIGITS]
        self.runs[run] = self.runs.get(run, 0) + 1

    def _drop_failed(self, path: Path) -> None:
        """Replace the file by one without its failed rows, in one step."""
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as target, path.open("rb") as stream:
                target.writelines(line for line, row in _rows(stream, path) if row and row.ok)
                target.flush()
                os.fsync(target.fileno())
            Path(temporary).chmod(stat.S_IMODE(os.fstat(self._file).st_mode))
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._file = os.open(path, os.O_RDWR | os.O_APPEND)
        self._lock(path)

    def take(self, key: str, identifier: str) -> bool:
        """Whether a document has a row already; each row is taken once.

        Args:
            key: from :func:`document_key`.
            identifier: the document's id.
        """
        return self._done.take(_place(key, identifier))

    def write(self, key: str, row: str) -> None:
        """Append one row; it stands in the file when this returns.

        Args:
            key: added to the row as its last field.
            row: a JSON object in one line, as from :meth:`Extraction.to_json`.

        Raises:
            OSError: disk full, pipe closed, and the like; no torn line stays behind.
        """
        line = f'{row[:-1]},"key":{dump_compact(key)}}}\n'.encode()
        began = os.fstat(self._file).st_size if self._regular else 0
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except BaseException as error:
            self._forget_torn(began, len(line))
            if isinstance(error, OSError):
                name = str(self.path) if self.path else "standard output"
                raise type(error)(error.errno, error.strerror, name) from error
            raise
        self.written += 1
        self._sync(SYNC_EVERY)

    def _forget_torn(self, began: int, length: int) -> None:
        if self._regular and os.fstat(self._file).st_size != began + length:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, began)

    def _sync(self, every: float) -> None:
        now = time.monotonic()
        if self._regular and now - self._synced >= every:
            os.fsync(self._file)
            self._synced = now

    def close(self) -> None:
        """Have the disk hold everything, and close the file."""
        if self.path is None or self._file < 0:
            return
        # Asking for the disk's word may fail where nothing more can be done about it.
        with contextlib.suppress(OSError):
            self._sync(0.0)
        os.close(self._file)
        self._file = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
