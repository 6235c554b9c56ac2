"""A request on its way: its answer as it grows, the result, and how to call it off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Generic, TypeVar

from setaccio.runtime.extraction import Extraction
from setaccio.runtime.server.request_types import ChatResult, Delta

Result = TypeVar("Result", Extraction, ChatResult)


class Ticket(Generic[Result]):
    """What :meth:`Engine.submit` gives back. All of it may be used from any thread.

    Iterating, with ``for`` or ``async for``, gives the :class:`Delta` as they come, from the first
    one on, and ends when the request is finished; the texts behind the last reset, joined, are the
    final ``raw`` (of a document) or ``text`` (of a chat). Where ``stream`` was not asked for it is
    one delta at the end.
    """

    @property
    def done(self) -> bool:
        """Whether there is a result, or none to come."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Delta]:
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[Delta]:
        raise NotImplementedError

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result.

        Args:
            timeout: seconds at most; None for as long as it takes.

        Raises:
            TimeoutError: it is not there yet.
            concurrent.futures.CancelledError: the request was cancelled.
            EngineError: the chat could not be answered (a document's failure is a status instead).
        """
        raise NotImplementedError

    async def wait(self) -> Result:
        """:meth:`result` for asyncio; cancelling the task that waits cancels nothing else."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Call the request off; its slot is free before the next forward pass begins."""
        raise NotImplementedError
