"""Corrected answers, appended to a file of pairs that ``setaccio train --pairs`` reads as it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

from setaccio.data.errors import UsageError
from setaccio.data.files.json_text import dump_compact, parse_json

_BEGIN = b'{"id":'
"""What every line of ours begins with."""


class Corrections:
    """A JSON Lines file that only grows; what :meth:`add` has returned for survives a power cut.

    Args:
        path: the file; it is made with the first pair.

    Raises:
        UsageError: its folder is missing, or it is no file of pairs that can be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: int | None = None
        self._size = 0
        self._lines: set[bytes] = set()  # digests of those in the file
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent}: no such folder. Make it, or name another file.")
        if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
            raise UsageError(f"{path}: can not be written to. Name another file of corrections.")
        if path.exists() and not _holds_pairs(path):
            raise UsageError(
                f"{path}: its first line is no JSON object. Name another file of corrections."
            )

    def add(self, pair: dict[str, Any]) -> str:
        """Append a pair, unless the very line is there; it is on the disk when this returns.

        Args:
            pair: ``text`` and ``gold``, with whatever else is worth keeping; without an ``id`` it
                gets one of its content.

        Returns:
            The pair's id.

        Raises:
            OSError: it can not be written; the file is then as it was.
        """
        content = dump_compact(pair)
        name = pair.get("id")
        if name is None:
            name = "correction-" + hashlib.sha256(content.encode()).hexdigest()[:16]
        line = dump_compact({"id": name, **{k: v for k, v in pair.items() if k != "id"}}) + "\n"
        with self._lock:
            self._append(line.encode())
        return str(name)

    def _append(self, line: bytes) -> None:
        file, digest = self._current(), _digest(line)
        if digest in self._lines:
            return
        try:
            if os.write(file, line) != len(line):
                raise OSError(28, "No space left on device", str(self.path))
            os.fsync(file)
        except OSError:
            os.ftruncate(file, self._size)
            raise
        self._size += len(line)
        self._lines.add(digest)

    def _current(self) -> int:
        """The file, opened again where an editor has put another in its place, or changed it."""
        if self._file is not None:
            now = os.fstat(self._file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(now, self.path.stat()) and now.st_size == self._size:
                    return self._file
            os.close(self._file)
            self._file = None
        self._file = self._open()
        self._size = os.fstat(self._file).st_size
        return self._file

    def _open(self) -> int:
        """Open the file, and see that its last line is whole."""
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        whole = self.path.read_bytes()
        last = whole.rpartition(b"\n")[2]
        if last:
            _mend(file, len(whole), last)
        self._lines = {_digest(line) for line in whole.splitlines(keepends=True)}
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def close(self) -> None:
        """Close the file; the next pair opens it again."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def _mend(file: int, size: int, last: bytes) -> None:
    """End a last line that an editor left open; what a kill left of one of ours is cut off."""
    if _is_object(last) or not _is_torn(last):
        os.write(file, b"\n")
    else:
        os.ftruncate(file, size - len(last))


def _holds_pairs(path: Path) -> bool:
    """Whether a file is empty, or begins with an object, or with what a kill left of one."""
    with path.open("rb") as stream:
        first = stream.readline()
    return not first or _is_object(first) or (not first.endswith(b"\n") and _is_torn(first))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse_json(line.decode()), dict)
    except ValueError:
        return False


def _is_torn(line: bytes) -> bool:
    return line.startswith(_BEGIN) or _BEGIN.startswith(line)


def _digest(line: bytes) -> bytes:
    return hashlib.sha256(line.rstrip(b"\n")).digest()
