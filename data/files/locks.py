"""A lock on an open file, which the system takes back from a process that ends, however it does.

Contract: ``take_lock(stream)`` is True where no other process holds one; the lock ends when the
file is closed. ``with lock_folder(folder):`` keeps a folder for one process.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from setaccio.data.errors import UsageError

FOLDER_LOCK = "_lock"
"""The file in a folder that the lock is on; it stays, since removing it could undo another's."""


def take_lock(file: int | IO[Any], *, wait: bool = False) -> bool:
    """Lock a file against other processes that ask the same way.

    Args:
        file: an open file or its descriptor.
        wait: wait for a process that holds it.

    Returns:
        Whether it is held; always where ``wait``, and where the system has no such locks.
    """
    try:
        import fcntl
    except ImportError:  # not on this system
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def files_beside_lock(folder: Path) -> list[str]:
    """Names of what a folder holds, its lock apart, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.name != FOLDER_LOCK)


def lock_folder(folder: Path) -> IO[bytes]:
    """Keep a second process from writing what this one writes into a folder, which is made.

    Args:
        folder: where results go.

    Returns:
        What holds the lock until it is closed.

    Raises:
        UsageError: another process holds it, or the folder can not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / FOLDER_LOCK).open("ab")
    except OSError as error:
        raise UsageError(f"{folder}: can not be written ({error.strerror}).") from error
    if not take_lock(stream):
        stream.close()
        raise UsageError(
            f"{folder}: another process writes there. Let it finish, or name another folder."
        )
    return stream
