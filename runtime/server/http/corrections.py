"""Corrected answers, appended to a file of pairs that ``setaccio train --pairs`` reads as it is."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

from setaccio.data.errors import UsageError
from setaccio.data.files.json_text import dump_compact, parse_json


class Corrections:
    """A JSON Lines file that only grows; what :meth:`add` has returned for survives a power cut.

    Args:
        path: the file; it is made with the first pair.

    Raises:
        UsageError: its folder is missing, or it is no file that can be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: int | None = None
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent}: no such folder. Make it, or name another file.")
        if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
            raise UsageError(f"{path}: can not be written to. Name another file of corrections.")

    def add(self, pair: dict[str, Any]) -> str:
        """Append a pair; it is on the disk when this returns.

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
        if self._file is None:
            self._file = self._open()
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(28, "No space left on device", str(self.path))
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, size)
            raise

    def _open(self) -> int:
        """Open the file, and see that its last line is whole."""
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        whole = self.path.read_bytes()
        last = whole.rpartition(b"\n")[2]
        if last:
            _mend(file, len(whole), last)
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
    """End a last line that an editor left open; what a kill left of one is cut off."""
    try:
        parse_json(last.decode())
    except ValueError:
        os.ftruncate(file, size - len(last))
    else:
        os.write(file, b"\n")
