"""A request on its way: its answer as it grows, the result, and how to call it off."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError
from typing import Generic, TypeVar

from setaccio.runtime.extraction import Extraction
from setaccio.runtime.server.request_types import ChatResult, Delta, TokenLogprob

Result = TypeVar("Result", Extraction, ChatResult)


class Ticket(Generic[Result]):
    """What :meth:`Engine.submit` gives back. All of it may be used from any thread.

    Iterating, with ``for`` or ``async for``, gives the :class:`Delta` as they come, from the first
    one on, and ends when the request is finished or cancelled; the texts behind the last reset,
    joined, are the final ``raw`` (of a document) or ``text`` (of a chat). Where ``stream`` was not
    asked for it is one delta at the end.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], None]] = []
        self._deltas: list[Delta] = []
        self._sent = ""
        self._result: Result | None = None
        self._error: Exception | None = None
        self._called_off: Callable[[], None] | None = None

    @property
    def done(self) -> bool:
        """Whether there is a result, or none to come."""
        return self._result is not None or self._error is not None

    @property
    def cancelled(self) -> bool:
        """Whether it was called off."""
        return isinstance(self._error, CancelledError)

    def __iter__(self) -> Iterator[Delta]:
        given = 0
        while True:
            with self._changed:
                while not self.done and len(self._deltas) == given:
                    self._changed.wait()
                fresh, done = self._deltas[given:], self.done
            yield from fresh
            given += len(fresh)
            if done:
                return

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._follow()

    async def _follow(self) -> AsyncIterator[Delta]:
        given = 0
        with self._heard() as changed:
            while True:
                changed.clear()
                with self._changed:
                    fresh, done = self._deltas[given:], self.done
                for delta in fresh:
                    yield delta
                given += len(fresh)
                if done:
                    return
                if not fresh:
                    await changed.wait()

    @contextlib.contextmanager
    def _heard(self) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set by every change."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
                loop.call_soon_threadsafe(event.set)

        with self._changed:
            self._listeners.append(tell)
        try:
            yield event
        finally:
            with self._changed:
                self._listeners.remove(tell)

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result.

        Args:
            timeout: seconds at most; None for as long as it takes.

        Raises:
            TimeoutError: it is not there yet.
            concurrent.futures.CancelledError: the request was cancelled.
            EngineError: the chat could not be answered (a document's failure is a status instead).
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.done, timeout):
                raise TimeoutError(f"no result after {timeout} seconds")
        if self._error is not None:
            raise self._error
        assert self._result is not None  # noqa: S101
        return self._result

    async def wait(self) -> Result:
        """:meth:`result` for asyncio; cancelling the task that waits cancels nothing else."""
        with self._heard() as changed:
            while not self.done:
                changed.clear()
                if not self.done:
                    await changed.wait()
        return self.result()

    def cancel(self) -> None:
        """Call the request off; its slot is free before the next forward pass begins."""
        if self.settle(error=CancelledError("the request was cancelled")) and self._called_off:
            self._called_off()

    def on_cancel(self, call: Callable[[], None]) -> None:
        """Have a function called when the request is cancelled. For the engine."""
        self._called_off = call

    def push(self, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> None:
        """Add to the answer's text. For the engine."""
        with self._changed:
            if text and not self.done:
                self._sent += text
                self._tell(Delta(text, logprobs=logprobs))

    def restart(self) -> None:
        """Take back all text. For the engine."""
        with self._changed:
            if self._sent and not self.done:
                self._sent = ""
                self._tell(Delta("", reset=True))

    def settle(
        self,
        result: Result | None = None,
        text: str = "",
        logprobs: tuple[TokenLogprob, ...] = (),
        *,
        error: Exception | None = None,
    ) -> bool:
        """End the request. For the engine.

        Args:
            result: the result, or None where there is an error.
            text: the whole text, of which what was not sent yet is.
            logprobs: of the tokens that were not sent yet.
            error: why there is no result.

        Returns:
            Whether it had not ended before.
        """
        with self._changed:
            if self.done:
                return False
            if result is not None and (text != self._sent or logprobs):
                begins = text.startswith(self._sent)
                rest = text[len(self._sent) :] if begins else text
                self._deltas.append(Delta(rest, reset=not begins, logprobs=logprobs))
            self._result, self._error = result, error
            self._tell()
            return True

    def _tell(self, *deltas: Delta) -> None:
        self._deltas += deltas
        self._changed.notify_all()
        for listener in self._listeners:
            listener()
