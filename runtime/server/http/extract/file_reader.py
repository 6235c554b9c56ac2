"""Files that clients send: read a few at a time, each in a process that is held to limits."""

from __future__ import annotations

import tempfile

import anyio
import anyio.to_thread

from setaccio.data.documents.child import Limits
from setaccio.data.documents.reading import read_stream
from setaccio.data.errors import MissingExtraError
from setaccio.data.records import Document, Problem
from setaccio.runtime.server.http.errors import HttpError

AT_ONCE, MOST_WAITING = 2, 8
"""Files that are read at once, and those that may wait for that."""


class FileReader:
    """Reads the files of all clients.

    Args:
        longest: bytes of a file.
        seconds: what reading one may take.
    """

    def __init__(self, longest: int, seconds: float) -> None:
        self._limits = Limits(file_bytes=longest, documents=100, seconds=max(1, int(seconds)))
        self._room: anyio.CapacityLimiter | None = None  # made where the event loop is

    async def read(self, content: bytes, name: str) -> list[Document | Problem]:
        """The texts of a file, and of what is attached to it.

        Args:
            content: the file.
            name: what it is called, which helps to tell what it is.

        Raises:
            HttpError: too many wait already, or what reads this kind is not installed.
        """
        self._room = self._room or anyio.CapacityLimiter(AT_ONCE)
        if self._room.statistics().tasks_waiting >= MOST_WAITING:
            raise HttpError(
                429,
                f"{MOST_WAITING} files wait to be read already. Try again in 5 seconds.",
                code="queue_full",
                headers={"Retry-After": "5"},
            )
        try:
            return await anyio.to_thread.run_sync(
                self._read, content, name, limiter=self._room, abandon_on_cancel=False
            )
        except MissingExtraError as error:
            raise HttpError(501, str(error)) from error

    def _read(self, content: bytes, name: str) -> list[Document | Problem]:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            return list(read_stream(file, name, self._limits))
