"""The thread that decodes what waits in line, and goes on whatever happens to a request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from setaccio.data.errors import EngineError, NotBegunError
from setaccio.runtime.decode.decoder import decode
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.request import Completion, Passes, Request
from setaccio.runtime.decode.slots.prefixes import PrefixStates
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import end_tokens
from setaccio.runtime.server.waiting_line import WaitingLine
from setaccio.runtime.server.work import Work

IDLE_SECONDS = 60.0
"""After so long without work the contexts, which hold the caches, are freed."""

CLOSE_SECONDS = 2.0
"""What may be spent on a legal end for an answer that was cut off."""

LOOK_SECONDS = 0.1
"""Between two looks for requests whose time is over before they have begun."""

Finish = Callable[[Work, "Exception | None"], None]
"""Told of each request that is finished, perhaps more than once, and what went wrong."""


class Worker:
    """Decodes until it is stopped.

    Args:
        model: what generates.
        slots: requests, or parts of them, at once.
        line: where they wait.
        warm_up: called first.
        finish: told what is finished.

    Attributes:
        passes: counts of what was done.
        ready: whether the warming up is over.
    """

    def __init__(
        self,
        model: LoadedModel,
        slots: int,
        line: WaitingLine,
        warm_up: Callable[[], None],
        finish: Finish,
    ) -> None:
        self.passes = Passes()
        self.ready = False
        self._model = model
        self._slots = slots
        self._line = line
        self._warm_up = warm_up
        self._finish = finish
        self._states = PrefixStates()
        self._drawn: dict[Work, None] = {}  # in the decoder, wholly or in part
        self._stopped = self._ended = False
        self._next_look = 0.0
        # What was cut off is completed beside the passes, not between them.
        self._closer = ThreadPoolExecutor(2, "setaccio-close")
        self._taking = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="setaccio-engine", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread is there."""
        return self._thread.is_alive() and not self._ended

    def stop(self) -> None:
        """End the thread when nothing is left to do, and wait for that."""
        with self._line.changed:
            self._stopped = True
            self._line.changed.notify_all()
        self._thread.join()
        self._closer.shutdown()

    def _run(self) -> None:
        try:
            self._serve()
        finally:  # whatever ended it: nobody waits for an answer that can not come
            with self._line.changed:
                self._ended = True
                left = {*self._line.waiting(), *self._drawn}
            for work in left:
                self._line.remove(work)
                self._line.note_begin(work)
                self._finish(work, EngineError("The thread that decodes has ended"))

    def _serve(self) -> None:
        self._warm_up()
        self.ready = True
        idle = False
        while True:
            with self._line.changed:
                self._line.changed.wait_for(
                    lambda: self._stopped or bool(self._line), None if idle else IDLE_SECONDS
                )
                idle = not self._line
                if idle and self._stopped:
                    break
            if idle:
                self._free_contexts()
            else:
                self._decode()
        self._free_contexts()

    def _free_contexts(self) -> None:
        with self._model.lock:
            if self._model.state.contexts is not None:
                self._model.state.contexts.clear()

    def _decode(self) -> None:
        """Decode until nothing is left."""
        try:
            for (work, part), completion in decode(
                self._model,
                (),
                self,
                parallel=self._slots,
                passes=self.passes,
                watch=lambda _: self._look_for_late_ones(),
                states=self._states,
            ):
                self._take(work, part, completion)
        except BaseException as error:  # llguidance's panics are no Exception
            failure = error if isinstance(error, Exception) else EngineError(repr(error))
            for work in list(self._drawn):
                self._line.remove(work)
                self._finish(work, failure)
            self._drawn.clear()

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        """The next part of a request to decode; none while nothing waits."""
        while (work := self._line.next()) is not None:
            ended = work.ended()
            if ended == "cancelled" or (ended and work.begun is None):
                self._drop(work)
                continue
            self._line.note_begin(work)
            self._drawn[work] = None
            request = work.draw()
            if ended is None:
                return request
            generation = Generation(request, end_tokens(self._model), finish=ended)
            self._close(work, request.key[1], generation)
        raise StopIteration

    def _drop(self, work: Work) -> None:
        """Give up a request that has not begun, or was cancelled."""
        self._line.remove(work)
        self._line.note_begin(work)
        self._drawn.pop(work, None)
        self._finish(
            work,
            NotBegunError(
                f"It did not begin within its time limit of {work.limit} seconds, so busy is the "
                "server. Try again later, or allow more time"
            ),
        )

    def _take(self, work: Work, part: int, completion: Completion) -> None:
        if completion.finish == "cancelled":
            self._drop(work)
            return
        if completion.cut_off is not None:
            self._closer.submit(self._close, work, part, completion.cut_off)
            return
        with self._taking:
            before = len(work.waiting)
            finished = work.take(part, completion)
            again = not finished and len(work.waiting) > before
        if finished:
            self._drawn.pop(work, None)
            self._finish(work, None)
        elif again:
            self._line.add(work)

    def _close(self, work: Work, part: int, generation: Generation) -> None:
        """Complete an answer that was cut off."""
        try:
            seconds = 0.0 if work.cancelled else CLOSE_SECONDS
            self._take(work, part, generation.completion(self._model, seconds))
        except BaseException as error:  # as in :meth:`_decode`
            self._line.remove(work)
            self._drawn.pop(work, None)
            self._finish(work, error if isinstance(error, Exception) else EngineError(repr(error)))

    def _look_for_late_ones(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        for work in self._line.waiting():
            if work.begun is None and work.ended():
                self._drop(work)
