"""One base, many adapters, one decoder: requests from any thread, decoded side by side.

    >>> engine = Engine(load_model("base.gguf"), {"recipe": load_adapter(model, "recipe.gguf")})
    >>> ticket = engine.submit(ExtractRequest(document="Beat 2 eggs.", adapter="recipe"))
    >>> ticket.result().data

A thread of its own runs llama.cpp. A request that comes while others are decoded joins them at the
next pass; nobody waits for the others' end. Answers with one adapter share passes, and adapters
take turns of some passes each: the caches of all stand in one context, and nothing is read again.
"""

from __future__ import annotations

import atexit
import contextlib
import time
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import overload

from setaccio.data.errors import QueueFullError, UsageError
from setaccio.data.schema.validation.patterns import JUDGE_SECONDS, search_limit
from setaccio.runtime.decode.context_pool import default_parallel
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import end_tokens
from setaccio.runtime.server.intake import Intake
from setaccio.runtime.server.request_types import (
    ChatRequest,
    ChatResult,
    EngineStats,
    ExtractRequest,
)
from setaccio.runtime.server.ticket import Ticket
from setaccio.runtime.server.waiting_line import LATEST, WaitingLine
from setaccio.runtime.server.work import ExtractWork, Work
from setaccio.runtime.server.worker import Worker

_JUDGES = 4  # so that one slow answer holds up no other

QUEUE_LIMIT = 256
"""Requests that wait for a slot, by default; one more is refused."""


class Engine:
    """Answers requests with one model; to be closed, or used in a ``with`` statement.

    Attributes:
        model: the base.
        adapters: by the name that requests know them by.
        slots: requests, or parts of long documents, that are decoded at once.
        seconds: time limit of requests that name none; None for no limit.
    """

    def __init__(
        self,
        model: LoadedModel,
        adapters: Mapping[str, Adapter] | None = None,
        *,
        parallel: int | None = None,
        queue_limit: int = QUEUE_LIMIT,
        seconds: float | None = None,
    ) -> None:
        """Start the thread that decodes.

        Args:
            model: the base; it stays open when the engine is closed.
            adapters: adapters of that base, by name.
            parallel: what is decoded at once; by default as
                :func:`setaccio.runtime.decode.context_pool.default_parallel` finds right.
            queue_limit: requests that may wait for a slot.
            seconds: time limit of a request that names none.

        Raises:
            UsageError: an option is out of range.
        """
        if parallel is not None and parallel < 1:
            raise UsageError(f"parallel is {parallel}. Decode at least 1 request at a time.")
        if queue_limit < 1:
            raise UsageError(f"queue_limit is {queue_limit}. Let at least 1 request wait.")
        if seconds is not None and not seconds > 0:
            raise UsageError(f"seconds is {seconds}. Allow more than 0.")
        self.model = model
        self.adapters = dict(adapters or {})
        self.slots = default_parallel(model) if parallel is None else parallel
        self.seconds = seconds
        self._intake = Intake(model, self.adapters, seconds)
        self._line = WaitingLine(queue_limit)
        self._works: set[Work] = set()  # submitted, and not concluded
        self._closing = False
        self._counts = {True: Counter[str](), False: Counter[str]()}  # of documents, and of chats
        self._tokens = (0, 0)
        self._spans: deque[float] = deque(maxlen=LATEST)  # seconds that the latest were in work
        self._started = time.monotonic()
        self._judge = ThreadPoolExecutor(_JUDGES, "setaccio-judge")
        self._worker = Worker(model, self.slots, self._line, self._warm_up, self._finish)
        atexit.register(self.close)

    @overload
    def submit(self, request: ExtractRequest) -> Ticket[Extraction]: ...
    @overload
    def submit(self, request: ChatRequest) -> Ticket[ChatResult]: ...
    def submit(
        self, request: ExtractRequest | ChatRequest
    ) -> Ticket[Extraction] | Ticket[ChatResult]:
        """Take up a request. It is read, and its schema compiled, in the caller's thread.

        Args:
            request: what is asked.

        Returns:
            Where its answer comes. What is wrong with a document (empty, too long) becomes the
            status of its extraction.

        Raises:
            QueueFullError: as many wait as may, or the engine is being closed.
            SchemaError: the schema is invalid or can not be enforced; each keyword is named with
                its place.
            TaskError: nothing says what to extract.
            UsageError: no such adapter, an option is out of range, or a chat that can not be
                answered: it does not fit the context, or the template can not render it.
        """
        self._take_place()
        try:
            if isinstance(request, ExtractRequest):
                extract = self._intake.read_extract(request)
                self._admit(extract)
                return extract.ticket
            chat = self._intake.read_chat(request)
            self._admit(chat)
            return chat.ticket
        except BaseException:
            self._line.give_place()
            raise

    def _take_place(self) -> None:
        if self._closing or not self._worker.alive:
            raise QueueFullError("The server is being closed. Try again later.", 5.0, True)
        if not self._line.take_place():
            span = sum(self._spans) / max(1, len(self._spans))
            retry = max(1.0, self._line.taken * span / self.slots)
            raise QueueFullError(
                f"{self._line.limit} requests wait already. Try again in {retry:.0f} seconds.",
                retry,
            )

    def _admit(self, work: Work) -> None:
        """Put a request in line, or conclude it where nothing is to be decoded."""
        with self._line.changed:
            if self._closing or not self._worker.alive:
                raise QueueFullError("The server is being closed. Try again later.", 5.0, True)
            self._works.add(work)
            work.ticket.on_cancel(lambda: self._call_off(work))
            if work.waiting:
                self._line.add(work)
                return
            self._line.note_begin(work)
        self._finish(work, None)

    def _call_off(self, work: Work) -> None:
        """A ticket was cancelled: out of the line with it; what is decoded ends by itself."""
        with self._line.changed:
            if work.begun is None:
                self._line.remove(work)
                self._line.note_begin(work)
                self._finish(work, None)

    def _finish(self, work: Work, error: Exception | None) -> None:
        """Have a request concluded beside the passes, not between them."""
        try:
            self._judge.submit(self._conclude, work, error)
        except RuntimeError:  # the interpreter is about to end
            self._conclude(work, error)

    def _conclude(self, work: Work, error: Exception | None) -> None:
        if not work.cancelled:
            try:
                with search_limit(JUDGE_SECONDS):
                    work.conclude() if error is None else work.fail(error)
            except Exception as failure:
                work.fail(failure)
        with self._line.changed:
            if work not in self._works:
                return
            self._works.remove(work)
            if work.begun is not None:
                self._spans.append(time.monotonic() - work.begun)
            outcome, read, written = work.outcome
            self._counts[isinstance(work, ExtractWork)][outcome] += 1
            self._tokens = (self._tokens[0] + read, self._tokens[1] + written)
            self._line.changed.notify_all()

    def _warm_up(self) -> None:
        """What takes time once for a model, so that the first request need not wait for it."""
        end_tokens(self.model)
        sources: list[LoadedModel | Adapter] = [self.model, *self.adapters.values()]
        for source in sources:
            with contextlib.suppress(Exception):  # requests will be told what is wrong
                schema = source.task.json_schema if source.task else {"type": "object"}
                compile_schema(self.model, schema)

    def stats(self) -> EngineStats:
        """The state now; cheap enough to be asked often."""
        now = time.monotonic()
        with self._line.changed:
            passes, live = self._worker.passes, self._worker.alive
            waits = self._line.waits
            return EngineStats(
                live=live,
                ready=live and self._worker.ready and not self._closing,
                slots=self.slots,
                busy=passes.running,
                queued=self._line.taken,
                queue_limit=self._line.limit,
                documents=dict(self._counts[True]),
                chats=dict(self._counts[False]),
                prompt_tokens=self._tokens[0],
                completion_tokens=self._tokens[1],
                passes=passes.forward,
                pass_seconds=passes.seconds,
                oldest_seconds=max((now - work.asked for work in self._works), default=0.0),
                queue_seconds=sum(waits) / max(1, len(waits)),
                uptime=now - self._started,
            )

    def drain(self, timeout: float | None = None) -> bool:
        """Take no more requests, and wait for those that were taken.

        Args:
            timeout: seconds at most; None for as long as it takes.

        Returns:
            Whether all were finished in time.
        """
        with self._line.changed:
            self._closing = True
            return self._line.changed.wait_for(lambda: not self._works, timeout)

    def close(self) -> None:
        """Cancel what is left, end the thread and free the contexts. Harmless to call again."""
        with self._line.changed:
            self._closing = True
            left = list(self._works)
        for work in left:
            work.ticket.cancel()
        self._worker.stop()
        self._judge.shutdown()
        atexit.unregister(self.close)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
