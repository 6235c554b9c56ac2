"""Documents to decode: which are next, what is done of each, and their results in order.

A document comes as a :class:`DocumentPlan`, which holds all that may have to be decoded for it. It
becomes a :class:`DecodeJob`: queued, in work, queued once more in smaller parts where its answer
did not fit the context, and finished.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar

from setaccio.data.records import Document
from setaccio.runtime.decode.decoder import Passes, Watch, decode
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.request import Completion, Finish, Request
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.prompt.chunks import Chunk
from setaccio.runtime.prompt.prompts import Prompt

WINDOW = 8
"""Documents begun or waiting to be given out in order, for each that is decoded at once."""

PAUSE = 0.01
"""Seconds between two looks for a document while none is there and nothing is being decoded."""

Item = TypeVar("Item")


class PlannedPart(NamedTuple):
    """A part of a document, mostly the whole: its passage, its prompt, and what to generate."""

    chunk: Chunk
    prompt: Prompt
    request: Request


class NotDecoded(NamedTuple):
    """Why nothing is generated for a document.

    Attributes:
        status: of the result.
        message: what is wrong and what to do.
        prompt_tokens: tokens of the prompt that does not fit.
    """

    status: Literal["error", "truncated_input"]
    message: str
    prompt_tokens: int = 0


@dataclass(frozen=True)
class DocumentPlan:
    """What to decode for a document; nothing is planned later.

    Attributes:
        document: the document.
        parts: what is decoded first; nothing where there is a refusal or an error.
        smaller: parts that take the place of a single one where the context, not the token budget,
            cut its answer off.
        refusal: why nothing is decoded.
        error: what went wrong while it was planned.
        began: ``time.perf_counter()`` when work on it began.
        planned: seconds that planning took.
    """

    document: Document
    parts: Sequence[PlannedPart] = ()
    smaller: Sequence[PlannedPart] = ()
    refusal: NotDecoded | None = None
    error: Exception | None = None
    began: float = field(default_factory=time.perf_counter)
    planned: float = 0.0

    def followed_by(self, follow: Callable[[Generation], Finish | None]) -> DocumentPlan:
        """The same with requests that show their answers as they grow."""
        parts, smaller = (
            [part._replace(request=replace(part.request, follow=follow)) for part in kind]
            for kind in (self.parts, self.smaller)
        )
        return replace(self, parts=parts, smaller=smaller)


@dataclass
class DecodeJob:
    """A document on its way through the decoder.

    Attributes:
        number: its place among the documents, from 0 on.
        plan: as it came.
        parts: those that are decoded: the plan's first ones, or its smaller ones.
        completions: of the parts, by their place.
        error: what ended it, in planning or in the decoder.
        seconds: wall time, that of a first attempt that was given up included.
    """

    number: int
    plan: DocumentPlan
    parts: Sequence[PlannedPart]
    completions: dict[int, Completion] = field(default_factory=dict)
    error: Exception | None = None
    seconds: float = 0.0

    def take(self, part: int, completion: Completion) -> Literal["waits", "anew", "finished"]:
        """Note a completion.

        Returns:
            Whether others are to come, all smaller parts are, or this was the last.
        """
        self.completions[part] = completion
        self.seconds += completion.seconds
        if len(self.completions) < len(self.parts):
            return "waits"
        plan = self.plan
        if plan.smaller and self.parts is plan.parts and completion.finish == "length":
            self.parts = plan.smaller
            self.completions.clear()
            return "anew"
        return "finished"


def schedule(
    model: LoadedModel,
    prefix: Sequence[int],
    plans: Iterable[DocumentPlan | None],
    *,
    parallel: int,
    prompt_lookup: bool,
    adapter: Adapter | None = None,
    watch: Watch | None = None,
) -> Iterator[DecodeJob]:
    """Decode documents, several at a time.

    Args:
        model: what generates.
        prefix: token ids that every request's prompt begins with.
        plans: drawn as sequences become free; None in place of a plan says that no document has
            come yet, and that what has begun should go on meanwhile.
        parallel: parts of documents decoded at once.
        prompt_lookup: as for :func:`setaccio.runtime.decode.decoder.decode`.
        adapter: likewise.
        watch: told after every pass how far the documents are.

    Yields:
        Each document as it is finished; :func:`in_order` puts them in order. Where llama.cpp
        fails, the documents that were in work end with its error, and the others go on.

    Raises:
        Exception: whatever ``plans`` raises, after the documents before it.
    """
    queue = _Queue(plans, WINDOW * parallel)
    passes = Passes()

    def tell(counts: Passes) -> None:
        counts.finished = queue.finished
        if watch:
            watch(counts)

    while not queue.empty:
        try:
            for (number, part), completion in decode(
                model,
                prefix,
                queue,
                parallel=parallel,
                prompt_lookup=prompt_lookup,
                adapter=adapter,
                passes=passes,
                watch=tell,
            ):
                queue.take(number, part, completion)
                yield from queue.drain()
        except RuntimeError as error:
            queue.fail(error)
        yield from queue.drain()
        if queue.quiet:
            time.sleep(PAUSE)
    if queue.error is not None:
        raise queue.error


def in_order(numbered: Iterable[tuple[int, Item]]) -> Iterator[Item]:
    """Items in the order of their numbers (0, 1, ...), each as soon as those before it are out."""
    waiting: dict[int, Item] = {}
    following = 0
    for number, item in numbered:
        waiting[number] = item
        while following in waiting:
            yield waiting.pop(following)
            following += 1


class _Queue:
    """The requests that the decoder draws, and the documents that they belong to.

    Attributes:
        finished: documents that are decoded.
        quiet: whether the plans last said that no document has come yet.
        error: what ended the plans early.
    """

    def __init__(self, plans: Iterable[DocumentPlan | None], window: int) -> None:
        self._plans = iter(plans)
        self._window = window
        self._drawn = 0
        self._jobs: dict[int, DecodeJob] = {}
        self._requests: deque[Request] = deque()
        self._done: deque[DecodeJob] = deque()
        self._ended = False
        self.finished = 0
        self.quiet = False
        self.error: Exception | None = None

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing to draw but smaller parts of documents in work."""
        return self._ended and not self._requests

    @property
    def empty(self) -> bool:
        return self._ended and not (self._jobs or self._done)

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        """A request; none while the window is full, and another one later."""
        while not self._requests:
            # The oldest document in work holds up the results of all behind it.
            if self._drawn - min(self._jobs, default=self._drawn) >= self._window:
                raise StopIteration
            if len(self._done) >= self._window or not self._draw():
                raise StopIteration
        return self._requests.popleft()

    def _draw(self) -> bool:
        """Take up the next document; False when there is none, or none yet."""
        if self._ended:
            return False
        try:
            plan = next(self._plans)
        except StopIteration:
            self._ended, self.quiet = True, False
            return False
        except Exception as error:  # raised again when what came before it is done
            self._ended, self.quiet, self.error = True, False, error
            return False
        self.quiet = plan is None
        if plan is None:
            return False
        job = DecodeJob(self._drawn, plan, plan.parts, error=plan.error)
        self._drawn += 1
        self._jobs[job.number] = job
        if plan.parts:
            self._enqueue(job)
        else:
            job.seconds = plan.planned
            self._finish(job)
        return True

    def _enqueue(self, job: DecodeJob) -> None:
        for number, part in enumerate(job.parts):
            self._requests.append(part.request.under((job.number, number)))

    def _finish(self, job: DecodeJob) -> None:
        self._done.append(self._jobs.pop(job.number))
        self.finished += 1

    def take(self, number: int, part: int, completion: Completion) -> None:
        """Note a completion; a document that is complete is finished or queued in smaller parts."""
        job = self._jobs[number]
        state = job.take(part, completion)
        if state == "anew":
            self._enqueue(job)
        elif state == "finished":
            self._finish(job)

    def fail(self, error: Exception) -> None:
        """Give up what is in work."""
        self._requests.clear()
        for job in list(self._jobs.values()):
            job.error, job.seconds = error, time.perf_counter() - job.plan.began
            self._finish(job)

    def drain(self) -> Iterator[DecodeJob]:
        """What is finished."""
        while self._done:
            yield self._done.popleft()
