"""Files that appear under their name only when they are complete.

with atomic_write("pairs.jsonl") as stream: stream.write(line)
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from setaccio.data.errors import UsageError

_NEW_FILE = 0o644
_STANDARD = ("/dev/stdout", "/dev/stderr")
_DESCRIPTORS = (Path("/dev/fd"), Path("/proc/self/fd"))


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[str]]:
    """Open a text file that appears under its name only when it is complete.

    It is written beside the target under a temporary name, flushed to disk and renamed, so a
    reader never sees half a file and a failure leaves the former file as it was. A link stays a
    link: the file that it points to is replaced. Into a device or pipe (``/dev/stdout``) the text
    is written as it comes; there is nothing to rename.

    Raises:
        UsageError: it is a folder, or its folder can not be made or written to.
        OSError: writing failed on the way, as on a full disk; names the file.
    """
    path = Path(path)
    if is_stream(path):
        with _named_failures(path), _open_stream(path) as stream:
            yield stream
        return
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{path}: is a link that leads round in a circle.") from error
    with _named_failures(path), _open_temporary(target) as (stream, temporary):
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        temporary.replace(target)


def _open_stream(path: Path) -> IO[str]:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: can not be written ({error.strerror}).") from error


@contextlib.contextmanager
def _open_temporary(path: Path) -> Iterator[tuple[IO[str], Path]]:
    """A new file beside ``path`` with its permissions; gone at the end unless it was renamed."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder. Name a file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _NEW_FILE
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(f"{path}: can not be written ({error.strerror}).") from error
    try:
        Path(temporary).chmod(mode)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yield stream, Path(temporary)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextlib.contextmanager
def _named_failures(path: Path) -> Iterator[None]:
    """Say which file could not be written: the system's own error leaves it out."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or isinstance(error, BrokenPipeError):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_stream(path: Path) -> bool:
    """Whether it is something to write into, such as a device or pipe, not a file to replace."""
    given = path.absolute()
    if str(given) in _STANDARD or given.parent in _DESCRIPTORS:
        return True  # whatever the shell has put behind it, a file to append to included
    return path.exists() and not (path.is_file() or path.is_dir())


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A path beside ``target`` for a file or folder that another library or program writes.

    It gets the target's name when nothing went wrong, and is removed when something did.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(target)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
