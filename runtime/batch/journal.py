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
second is matched with a second row. A row of a document that failed is removed only when the one
that replaces it stands, so that retrying some documents costs no others theirs.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from setaccio.data.errors import UsageError
from setaccio.data.files.locks import take_lock
from setaccio.data.task.task import dump_compact
from setaccio.runtime.batch.journal_rows import (
    RUN_DIGITS,
    Row,
    document_key,
    fingerprint,
    journal_rows,
    place_of,
)
from setaccio.runtime.batch.key_bag import KeyBag

__all__ = ["RUN_DIGITS", "Journal", "document_key", "fingerprint"]

SYNC_EVERY = 5.0
"""Seconds between two requests that the disk itself hold what was written, for a power cut."""


class Journal:
    """A results file that is appended to; use it in a ``with`` statement.

    Attributes:
        runs: leading digits of a key to the kept rows that have them.
        kept: rows that stood in the file and are kept.
        failed: how many of those are of documents that failed and were not made again.
        retried: rows of failed documents whose place others take; closing removes them.
        repaired: bytes of a torn last line that were cut off.
        written: rows written by this object.
        done: the rows that stood in the file and count.
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
            retry_failed: as ``resume``, but a document whose row is not ``ok`` counts as not done;
                that row goes when another one is written for it.
            overwrite: begin anew, whatever is there.

        Raises:
            UsageError: the file exists and none of the three is asked for, can not be written,
                or is being written by another process.
            DataError: the file to be resumed holds something else than rows of results.
        """
        self.path = path
        self.kept = self.failed = self.retried = self.repaired = self.written = 0
        self.runs: dict[str, int] = {}
        self.done = KeyBag()
        # Of failed rows that are retried: the keys by id, the ids that wait for a new row by its
        # key, and what has been replaced.
        self._retry: dict[str, list[str]] = {}
        self._due: dict[str, list[str]] = {}
        self._replaced: set[tuple[str, str]] = set()
        self._old = 0
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
        if self._regular and not take_lock(self._file):
            raise UsageError(f"{path}: another process is writing it. Let it finish.")

    def _take_up(self, path: Path, retry_failed: bool) -> None:
        good = 0
        with path.open("rb") as stream:
            for line, row in journal_rows(stream, path):
                good += len(line)
                if row is not None:
                    self._note(row, retry=retry_failed and not row.ok)
            size = stream.seek(0, os.SEEK_END)
        self.done.seal()
        self._old = good
        self.repaired = size - good
        if self.repaired:
            os.ftruncate(self._file, good)

    def _note(self, row: Row, *, retry: bool) -> None:
        self.kept += 1
        self.failed += not row.ok
        if retry:
            self._retry.setdefault(row.id, []).append(row.key)
        else:
            self.done.add(place_of(row.key, row.id))
        run = row.key[:RUN_DIGITS]
        self.runs[run] = self.runs.get(run, 0) + 1

    def _replace(self, identifier: str, keys: list[str]) -> None:
        """Note that failed rows of an id have been replaced."""
        left = [key for key in self._retry[identifier] if key not in keys]
        count = len(self._retry[identifier]) - len(left)
        self._replaced.update((identifier, key) for key in keys)
        self.failed -= count
        self.kept -= count
        self.retried += count
        if left:
            self._retry[identifier] = left
        else:
            del self._retry[identifier]

    def _settle(self, key: str, identifier: str) -> None:
        """Give up the failed rows that a row which stands now replaces.

        Ids are unique within one source only: where one of the failed rows is of this very text,
        others of the same run are of other sources' documents and stay.
        """
        keys = self._retry.get(identifier, [])
        same = key in keys
        gone = [
            old for old in keys if old == key or not same or old[:RUN_DIGITS] != key[:RUN_DIGITS]
        ]
        if gone:
            self._replace(identifier, gone)

    def forget_failed(self, belongs: Callable[[str], bool]) -> None:
        """Give up failed rows that are still not replaced, after their sources were read whole.

        Args:
            belongs: whether an id can only be of these sources, such as the number of a line that
                was broken and is not there any more.
        """
        for identifier in filter(belongs, list(self._retry)):
            self._replace(identifier, self._retry[identifier])

    def _drop_replaced(self, path: Path) -> None:
        """Replace the file by one without the failed rows that were made again, in one step."""
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as target, path.open("rb") as stream:
                read = 0
                for line, row in journal_rows(stream, path):
                    old, read = read < self._old, read + len(line)
                    if not (old and row and not row.ok and (row.id, row.key) in self._replaced):
                        target.write(line)
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

    def settle_retried(self) -> None:
        """Give up failed rows that a killed run left beside those that replace them."""
        for name, keys in list(self._retry.items()):
            if stand := [key for key in keys if place_of(key, name) in self.done]:
                self._replace(name, stand)

    def take(self, key: str, identifier: str) -> bool:
        """Whether a document has a row already; each row is taken once.

        Args:
            key: from :func:`document_key`.
            identifier: the document's id.
        """
        done = self.done.take(place_of(key, identifier))
        if done and key in self._retry.get(identifier, ()):
            # A run that was killed left the failed row beside the one that replaces it.
            self._replace(identifier, [key])
        elif not done and identifier in self._retry:
            self._due.setdefault(key, []).append(identifier)
        return done

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
        before = self.written
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self.written = before + 1
        except BaseException as error:
            # Ctrl-C may come when the row already stands.
            self.written = before + (not self._forget_torn(began, len(line)))
            if isinstance(error, OSError):
                name = str(self.path) if self.path else "standard output"
                raise type(error)(error.errno, error.strerror, name) from error
            raise
        if key in self._due:
            self._settle(key, self._due[key].pop(0))
            if not self._due[key]:
                del self._due[key]
        self._sync(SYNC_EVERY)

    def _forget_torn(self, began: int, length: int) -> bool:
        """Cut off what stands of a row that was not written whole; False where it was."""
        if self._regular and os.fstat(self._file).st_size == began + length:
            return False
        if self._regular:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, began)
        return True

    def _sync(self, every: float) -> None:
        now = time.monotonic()
        if self._regular and now - self._synced >= every:
            os.fsync(self._file)
            self._synced = now

    def close(self) -> None:
        """Remove the failed rows that were replaced, have the disk hold everything, and close.

        Raises:
            OSError: those rows could not be removed, as on a full disk; all rows stand.
        """
        if self.path is None or self._file < 0:
            return
        try:
            if self._replaced:
                self._drop_replaced(self.path)
                self._replaced.clear()
        finally:
            self._release()

    def _release(self) -> None:
        # Asking for the disk's word may fail where nothing more can be done about it.
        with contextlib.suppress(OSError):
            self._sync(0.0)
        os.close(self._file)
        self._file = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # What ended the run matters more than rows that the next retry removes as well.
        with contextlib.suppress(*([OSError] if kind else [])):
            self.close()
