"""A lock on an open file, which the system takes back from a process that ends, however it does.

Contract: ``take_lock(stream)`` is True where no other process holds one; the lock ends when the
file is closed.
"""

from __future__ import annotations

from typing import IO, Any


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
