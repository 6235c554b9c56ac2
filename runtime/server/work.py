"""A request between its ticket and the decoder: what is decoded for it, and what comes of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from setaccio.data.errors import EngineError
from setaccio.data.schema.validation.validators import make_validator
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.request import Completion, Finish, Request, Start
from setaccio.runtime.decode.scheduler import DecodeJob, DocumentPlan, PlannedPart
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import decode_tokens
from setaccio.runtime.result.outcome import Outcomes
from setaccio.runtime.result.parsing import parse_strict
from setaccio.runtime.result.review import ReviewBudget
from setaccio.runtime.server.answer_text import AnswerText, find_stop, name_logprobs
from setaccio.runtime.server.request_types import ChatRequest, ChatResult
from setaccio.runtime.server.ticket import Ticket


class Work(ABC):
    """One request.

    Attributes:
        ticket: where its result goes.
        adapter: that it asks for.
        waiting: its parts that are still to be decoded, with their numbers.
        limit: seconds that it may take, or None.
        asked: ``time.monotonic()`` when it was submitted.
        begun: the same when its first part was drawn, or None.
        outcome: how it ended, for the statistics: a status or finish reason, tokens of the prompt
            and of the answer.
    """

    ticket: Ticket[Any]

    def __init__(self, model: LoadedModel, adapter: Adapter | None, limit: float | None) -> None:
        self.model = model
        self.adapter = adapter
        self.limit = limit
        self.waiting: deque[tuple[int, Request]] = deque()
        self.asked = time.monotonic()
        self.begun: float | None = None
        self.outcome = ("cancelled", 0, 0)

    @property
    def line(self) -> int:
        """Which of the lines it waits in: that of its adapter."""
        return id(self.adapter)

    @property
    def cancelled(self) -> bool:
        """Whether it was called off."""
        return self.ticket.cancelled

    def ended(self) -> Finish | None:
        """Why it should end now, if it should."""
        if self.cancelled:
            return "cancelled"
        if self.limit is not None and time.monotonic() - self.asked > self.limit:
            return "timeout"
        return None

    def draw(self) -> Request:
        """The next part to decode; its key is this object and the number of the part."""
        part, request = self.waiting.popleft()
        follow = self._follower(part)

        def guarded(generation: Generation) -> Finish | None:
            try:
                return follow(generation) if follow else None
            except Exception:  # one answer's misfortune must not end the others
                return "error"

        return replace(
            request,
            key=(self, part),
            start=request.start or Start(self.adapter, ()),
            ended=self.ended,
            deferred=True,
            follow=guarded if follow else None,
        )

    @abstractmethod
    def _follower(self, part: int) -> Callable[[Generation], Finish | None] | None:
        """What is shown a part's answer as it grows."""

    @abstractmethod
    def take(self, part: int, completion: Completion) -> bool:
        """Note what came of a part; whether the request is finished. May add to ``waiting``."""

    @abstractmethod
    def conclude(self) -> None:
        """Give the ticket the result of a request that is finished."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Give the ticket the result of a request that can not be finished."""


class ExtractWork(Work):
    """An extraction.

    Args:
        model: what generates.
        adapter: as for :class:`Work`.
        limit: likewise.
        plan: of the document.
        prefix: token ids of the fixed part of its prompts.
        outcomes: judges what was generated.
        stream: whether the ticket gets the text as it grows.
        budget: gives the extraction its risk, or None.
    """

    def __init__(
        self,
        model: LoadedModel,
        adapter: Adapter | None,
        limit: float | None,
        *,
        plan: DocumentPlan,
        prefix: Sequence[int],
        outcomes: Outcomes,
        stream: bool,
        budget: ReviewBudget | None = None,
    ) -> None:
        super().__init__(model, adapter, limit)
        self.ticket: Ticket[Extraction] = Ticket()
        self._job = DecodeJob(0, plan, plan.parts, error=plan.error)
        self._start = Start(adapter, tuple(prefix))
        self._outcomes = outcomes
        self._stream = stream
        self._budget = budget
        self._texts: dict[int, str] = {}  # of parts that have begun, as far as they are certain
        self._current = 0  # the part that the ticket is given the text of
        self._wait_for(plan.parts)

    def _wait_for(self, parts: Sequence[PlannedPart]) -> None:
        for number, part in enumerate(parts):
            self.waiting.append((number, replace(part.request, start=self._start)))

    def _follower(self, part: int) -> Callable[[Generation], Finish | None] | None:
        if not self._stream:
            return None

        def push(text: str, _: Generation) -> None:
            self._texts[part] = self._texts.get(part, "") + text
            if part == self._current:
                self.ticket.push(text)

        return AnswerText(self.model, push=push)

    def take(self, part: int, completion: Completion) -> bool:
        """Note what came of a part; the texts of parts are given out in their order."""
        state = self._job.take(part, completion)
        if state == "anew":
            self._texts.clear()
            self._current = 0
            self.ticket.restart()
            self._wait_for(self._job.parts)
        elif state == "waits" and self._stream:
            while (done := self._job.completions.get(self._current)) is not None:
                known = len(self._texts.get(self._current, ""))
                self._current += 1
                rest = decode_tokens(self.model, done.tokens)[known:]
                self.ticket.push(f"{rest}\n{self._texts.get(self._current, '')}")
        return state == "finished"

    def conclude(self) -> None:
        """Judge the answer."""
        extraction = self._outcomes.judge(self._job)
        if self._budget is not None:
            extraction = self._budget.mark(extraction)
        self.outcome = (
            extraction.status,
            extraction.prompt_tokens,
            extraction.completion_tokens,
        )
        self.ticket.settle(extraction, extraction.raw)

    def fail(self, error: Exception) -> None:
        """Status ``error``."""
        self._job.error = error
        self._job.seconds = time.perf_counter() - self._job.plan.began
        self.conclude()


class ChatWork(Work):
    """A chat.

    Args:
        model: what generates.
        adapter: as for :class:`Work`.
        limit: likewise.
        request: what is asked.
        decoded: what to decode for it.
    """

    def __init__(
        self,
        model: LoadedModel,
        adapter: Adapter | None,
        limit: float | None,
        request: ChatRequest,
        decoded: Request,
    ) -> None:
        super().__init__(model, adapter, limit)
        self.ticket: Ticket[ChatResult] = Ticket()
        self._request = request
        self._size = len(decoded.start.prefix if decoded.start else ()) + len(decoded.rest)
        self._completion: Completion | None = None
        self._named = self._pushed = 0  # tokens with chances, and characters, that were given out
        self.waiting.append((0, decoded))

    def _follower(self, part: int) -> Callable[[Generation], Finish | None] | None:
        if self._request.stream:
            return AnswerText(self.model, self._request.stop, self._push)
        return AnswerText(self.model, self._request.stop) if self._request.stop else None

    def _push(self, text: str, generation: Generation) -> None:
        self._pushed += len(text)
        named = self._chances(generation.tokens, generation.rankings, self._named, self._pushed)
        self._named += len(named)
        self.ticket.push(text, named)

    def _chances(self, tokens: Sequence[int], rankings: Any, first: int, end: int) -> Any:
        if self._request.logprobs is None:
            return ()
        return name_logprobs(self.model, tokens, rankings, first, end)

    def take(self, part: int, completion: Completion) -> bool:
        """Note the answer."""
        self._completion = completion
        return True

    def conclude(self) -> None:
        """Cut the answer where a stop string is, and see whether it fits the schema."""
        completion = self._completion
        if completion is None or completion.finish not in (
            "stop",
            "length",
            "repetition",
            "timeout",
        ):
            reason = completion.message if completion else ""
            self.fail(EngineError(f"Could not answer: {' '.join(reason.split()) or 'an error'}."))
            return
        text, finish = decode_tokens(self.model, completion.tokens), completion.finish
        cut = find_stop(text, self._request.stop)
        if cut is not None:
            text, finish = text[:cut], "stop"
        chances = self._chances(completion.tokens, completion.rankings, 0, len(text))
        result = ChatResult(
            text,
            finish,
            self._size,
            completion.generated,
            completion.seconds,
            chances,
            self._request.schema is None or _fits(text, dict(self._request.schema)),
        )
        self.outcome = (finish, self._size, completion.generated)
        self.ticket.settle(result, text, chances[self._named :])

    def fail(self, error: Exception) -> None:
        """The ticket raises it."""
        self.outcome = ("error", 0, 0)
        reason = error if isinstance(error, EngineError) else EngineError(str(error))
        self.ticket.settle(error=reason)


def _fits(text: str, schema: dict[str, Any]) -> bool:
    try:
        value = parse_strict(text)
    except ValueError:
        return False
    return bool(make_validator(schema).is_valid(value))
