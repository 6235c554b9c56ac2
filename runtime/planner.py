"""A document becomes a plan: read, tokenised, cut into parts that fit, each with its request."""

from __future__ import annotations

import functools
import time
import zlib
from collections.abc import Callable
from dataclasses import replace

from setaccio.data.errors import ModelError, UsageError
from setaccio.data.records import Document
from setaccio.data.task.task import Task, dump_compact
from setaccio.data.task.thinking import ThoughtMarks
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.list_guard import ListGuard, make_times
from setaccio.runtime.decode.repetition import make_judge
from setaccio.runtime.decode.request import Finish, Request, ThoughtRequest
from setaccio.runtime.decode.sampling import make_sampler
from setaccio.runtime.decode.scheduler import DocumentPlan, NotDecoded, PlannedPart
from setaccio.runtime.grammar.constraint import Constraint, compile_schema
from setaccio.runtime.model.load import LoadedModel, can_cut
from setaccio.runtime.model.tokens import decode_tokens, encode_text, token_bytes
from setaccio.runtime.prompt.chunks import Chunk
from setaccio.runtime.prompt.prompts import Prompt, Prompts
from setaccio.runtime.prompt.token_budget import TokenBudget

Follow = Callable[[Generation, bool], Finish | None]
"""Shown an answer as it grows, and whether it will be that of its whole document; a finish reason
ends it."""


class Planner:
    """Plans the documents of one task; the arguments are those of the extractor.

    Args:
        model: what generates.
        task: what is extracted.
        constraint: ``schema`` or ``none``.
        max_tokens: most tokens of an answer, or None.
        sampling: temperature, top-p and seed.
        chunk: whether documents may be cut.
        stop_repetition: whether loops are stopped.
        guard_lists: whether lists that repeat themselves are closed.
        prompts: of the model and the task, where they have been made before.
        thinking: most tokens of a thought before the answer; None for no thought.

    Raises:
        ModelError: the template can not render the task, or knows no thoughts.
        UsageError: the context is too short for such a thought.
        SchemaError: the constraint can not enforce the schema.
    """

    def __init__(
        self,
        model: LoadedModel,
        task: Task,
        constraint: Constraint,
        *,
        max_tokens: int | None,
        sampling: tuple[float, float, int],
        chunk: bool,
        stop_repetition: bool,
        guard_lists: bool,
        prompts: Prompts | None = None,
        thinking: int | None = None,
    ) -> None:
        self._model = model
        self._schema = task.json_schema
        self._grammar = compile_schema(model, self._schema) if constraint == "schema" else None
        schema_tokens = len(encode_text(model, dump_compact(self._schema)))
        self.prompts = prompts or Prompts(model, task, thinking=thinking is not None)
        marks = self.prompts.marks
        self._thought = self._thought_request(thinking, marks) if thinking and marks else None
        kept = self._thought.most + len(self._thought.closing) if self._thought else 0
        if kept and kept + self.prompts.fixed >= model.context:
            raise UsageError(
                f"thinking is {thinking}, but prompt, thought and answer share a context of "
                f"{model.context} tokens. Allow fewer, or ask for a longer context."
            )
        self._budget = TokenBudget(model, self.prompts, schema_tokens, max_tokens, chunk, kept)
        self._sampling = sampling
        self._stop_repetition = stop_repetition
        self._guard_lists = guard_lists and can_cut(model)

    def _thought_request(self, most: int, marks: ThoughtMarks) -> ThoughtRequest:
        end, after, closing = (
            tuple(encode_text(self._model, text, special=True))
            for text in (marks.end, marks.after, marks.before + marks.end + marks.after)
        )
        if len(end) != 1:
            raise ModelError(
                f"{self._model.path}: {marks.end} ends a thought in its chat template, but is no "
                "token of its vocabulary. Leave --thinking out."
            )
        return ThoughtRequest(most, end[0], closing, after)

    def plan(self, document: Document, follow: Follow | None = None) -> DocumentPlan:
        """Everything that may have to be decoded for a document; never raises.

        Args:
            document: the document.
            follow: shown what is decoded of it as it grows.
        """
        began = time.perf_counter()
        try:
            plan = self._plan(document)
        except Exception as error:  # one document's misfortune must not end the others
            plan = DocumentPlan(document, error=error)
        if follow is not None:
            # Another part, or a second attempt in smaller ones, may say otherwise.
            final = len(plan.parts) == 1 and not plan.smaller
            plan = plan.followed_by(lambda answer: follow(answer, final))
        return replace(plan, began=began, planned=time.perf_counter() - began)

    def _plan(self, document: Document) -> DocumentPlan:
        text = document.text
        if not text.strip():
            message = "The document is empty. Give it some text."
            return DocumentPlan(document, refusal=NotDecoded("error", message))
        whole = Chunk(text, 0, len(text))
        prompt = self.prompts.make(text)
        if self._budget.fits(prompt):
            # Planned now, so that nobody has to come back where the answer is longer than expected.
            smaller = self._parts(text) if self._budget.is_short(prompt) else []
            return DocumentPlan(
                document, [self._part(whole, prompt)], smaller if len(smaller) > 1 else []
            )
        if parts := self._parts(text):
            return DocumentPlan(document, parts)
        message = self._budget.too_long(prompt)
        return DocumentPlan(document, refusal=NotDecoded("truncated_input", message, prompt.size))

    def _parts(self, text: str) -> list[PlannedPart]:
        return [self._part(chunk, prompt) for chunk, prompt in self._budget.parts(text)]

    def _part(self, chunk: Chunk, prompt: Prompt) -> PlannedPart:
        temperature, top_p, seed = self._sampling
        choose = None
        if temperature > 0:  # each text has its own stream, whatever else is decoded
            stream = zlib.crc32(chunk.text.encode("utf-8", "replace"))
            choose = make_sampler(temperature, seed * (1 << 32) + stream, top_p)
        is_loop = guard = None
        if self._stop_repetition:
            is_loop = make_judge(functools.partial(decode_tokens, self._model), chunk.text)
        if self._guard_lists:
            times = make_times(chunk.text, self._schema)
            guard = functools.partial(ListGuard, times), functools.partial(token_bytes, self._model)
        request = Request(
            None,  # the scheduler has its own keys
            prompt.rest,
            self._budget.budget(prompt),
            document=prompt.document,
            grammar=self._grammar,
            choose=choose,
            is_loop=is_loop,
            guard=guard,
            thought=self._thought,
        )
        return PlannedPart(chunk, prompt, request)
