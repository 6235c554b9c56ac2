"""Many documents through the decoder at once, their results in the documents' own order."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from setaccio.runtime.decode.decoder import Passes, Watch, decode
from setaccio.runtime.decode.sequence import Completion, Request
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel

WINDOW = 8
"""Documents begun or waiting to be given out in order, for each that is decoded at once."""

PAUSE = 0.01
"""Seconds between two looks for a document while none is there and nothing is being decoded."""

Source = TypeVar("Source")
Result = TypeVar("Result")


class Work(Generic[Result]):
    """One document's requests, and what becomes of their completions.

    Args:
        requests: what to decode; none where the result is known already.
        finish: makes the result of the completions, one for each request, in their order; or
            another plan, where these show that the document has to be asked about otherwise.
        fail: makes the result of an error of the decoder.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        finish: Callable[[Sequence[Completion]], Result | Work[Result]],
        fail: Callable[[Exception], Result],
    ) -> None:
        self.requests = requests
        self.finish = finish
        self.fail = fail
        self.completions: dict[int, Completion] = {}

    def take(self, part: int, completion: Completion) -> bool:
        """Note a completion; True when it was the last one."""
        self.completions[part] = completion
        return len(self.completions) == len(self.requests)

    def result(self) -> Result | Work[Result]:
        """The result, or what to do instead, once every completion is there."""
        return self.finish([self.completions[part] for part in range(len(self.requests))])


def work_in_order(
    model: LoadedModel,
    prefix: Sequence[int],
    documents: Iterable[Source | None],
    plan: Callable[[Source], Work[Result]],
    *,
    slots: int,
    guess: bool,
    adapter: Adapter | None = None,
    watch: Watch | None = None,
) -> Iterator[Result]:
    """Decode documents ``slots`` at a time.

    Args:
        model: what generates.
        prefix: token ids that every request's prompt begins with.
        documents: read as room becomes free; None in place of a document says that none has come
            yet, and that what has begun should go on meanwhile.
        plan: what a document asks for; called in order. Its requests' keys are not used.
        slots: documents decoded at once.
        guess: as for :func:`setaccio.runtime.decode.decoder.decode`.
        adapter: likewise.
        watch: told after every pass how far the documents are.

    Yields:
        One result for each document, in order. Where llama.cpp fails, the documents that were in
        work get their plan's failure, and the others go on.

    Raises:
        Exception: whatever ``documents`` raises, after the results of those before it.
    """
    queue = _Queue(documents, plan, WINDOW * slots)
    passes = Passes()

    def tell(counts: Passes) -> None:
        counts.finished = queue.finished
        if watch:
            watch(counts)

    while not queue.empty:
        try:
            for key, completion in decode(
                model,
                prefix,
                queue,
                slots=slots,
                guess=guess,
                adapter=adapter,
                passes=passes,
                watch=tell,
            ):
                queue.take(key, completion)
                yield from queue.ready()
        except RuntimeError as error:
            queue.fail(error)
        yield from queue.ready()
        if queue.quiet:
            time.sleep(PAUSE)
    queue.end()


class _Queue(Generic[Source, Result]):
    """What is in work and what is done, by the documents' numbers.

    Attributes:
        quiet: whether the documents last said that none has come yet.
    """

    def __init__(
        self,
        documents: Iterable[Source | None],
        plan: Callable[[Source], Work[Result]],
        window: int,
    ) -> None:
        self._documents = iter(documents)
        self._plan = plan
        self._window = window
        self._numbers = itertools.count()
        self._shown = 0
        self._plans: dict[int, Work[Result]] = {}
        self._done: dict[int, Result] = {}
        self._waiting: list[Request] = []
        self._ended = False
        self.quiet = False
        self._error: Exception | None = None

    @property
    def empty(self) -> bool:
        return self._ended and not (self._plans or self._done or self._waiting)

    @property
    def finished(self) -> int:
        """Documents whose result is known, given out or not."""
        return self._shown + len(self._done)

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        """A request; none while the window is full, and another one later."""
        while not self._waiting:
            if len(self._plans) + len(self._done) >= self._window or not self._draw():
                raise StopIteration
        return self._waiting.pop(0)

    def _draw(self) -> bool:
        """Plan the next document; False when there is none, or none yet."""
        if self._ended:
            return False
        try:
            document = next(self._documents)
        except StopIteration:
            self._ended, self.quiet = True, False
            return False
        except Exception as error:  # raised again when what came before it is done
            self._ended, self.quiet, self._error = True, False, error
            return False
        self.quiet = document is None
        if document is None:
            return False
        self._settle(next(self._numbers), self._plan(document))
        return True

    def _settle(self, number: int, outcome: Result | Work[Result]) -> None:
        """Note a document's result, or have its plan's requests decoded."""
        while isinstance(outcome, Work) and not outcome.requests:
            outcome = outcome.finish(())
        if not isinstance(outcome, Work):
            self._done[number] = outcome
            return
        self._plans[number] = outcome
        for part, request in enumerate(outcome.requests):
            self._waiting.append(request.under((number, part)))

    def take(self, key: tuple[int, int], completion: Completion) -> None:
        number, part = key
        if self._plans[number].take(part, completion):
            self._settle(number, self._plans.pop(number).result())

    def fail(self, error: Exception) -> None:
        """Give up what is in work."""
        self._waiting.clear()
        for number in list(self._plans):
            self._done[number] = self._plans.pop(number).fail(error)

    def end(self) -> None:
        """Raise what ended the documents early, if anything did."""
        if self._error is not None:
            raise self._error

    def ready(self) -> Iterator[Result]:
        """Results whose turn it is."""
        while self._shown in self._done:
            yield self._done.pop(self._shown)
            self._shown += 1
