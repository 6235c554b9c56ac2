"""A document becomes a plan: read, tokenised, cut into parts that fit, each with its request."""

from __future__ import annotations

import functools
import time
import zlib

from setaccio.data.records import Document
from setaccio.data.task.task import Task, dump_compact
from setaccio.runtime.decode.list_guard import ListGuard, make_times
from setaccio.runtime.decode.repetition import make_judge
from setaccio.runtime.decode.request import Request
from setaccio.runtime.decode.sampling import make_sampler
from setaccio.runtime.decode.scheduler import DocumentPlan, NotDecoded, PlannedPart
from setaccio.runtime.grammar.constraint import Constraint, compile_schema
from setaccio.runtime.model.load import LoadedModel, can_cut
from setaccio.runtime.model.tokens import decode_tokens, encode_text, token_bytes
from setaccio.runtime.prompt.chunks import Chunk
from setaccio.runtime.prompt.prompts import Prompt, Prompts
from setaccio.runtime.prompt.token_budget import TokenBudget


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

    Raises:
        ModelError: the template can not render the task.
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
    ) -> None:
        self._model = model
        self._schema = task.json_schema
        self._grammar = compile_schema(model, self._schema) if constraint == "schema" else None
        schema_tokens = len(encode_text(model, dump_compact(self._schema)))
        self.prompts = Prompts(model, task)
        self._budget = TokenBudget(model, self.prompts, schema_tokens, max_tokens, chunk)
        self._sampling = sampling
        self._stop_repetition = stop_repetition
        self._guard_lists = guard_lists and can_cut(model)

    def plan(self, document: Document) -> DocumentPlan:
        """Everything that may have to be decoded for a document; never raises."""
        began = time.perf_counter()
        parts: list[tuple[Chunk, Prompt]] = []
        smaller: list[tuple[Chunk, Prompt]] = []
        refusal, failure = None, None
        try:
            if not document.text.strip():
                refusal = NotDecoded("error", "The document is empty. Give it some text.")
            else:
                parts, smaller, refusal = self._cut(document.text)
            planned = [self._part(*part) for part in parts]
            fallback = [self._part(*part) for part in smaller]
        except Exception as error:  # one document's misfortune must not end the others
            planned, fallback, failure = [], [], error
        took = time.perf_counter() - began
        return DocumentPlan(document, planned, fallback, refusal, failure, began, took)

    def _cut(
        self, text: str
    ) -> tuple[list[tuple[Chunk, Prompt]], list[tuple[Chunk, Prompt]], NotDecoded | None]:
        """Parts to decode, smaller ones for an answer that the context cuts off, or a refusal."""
        prompt = self.prompts.make(text)
        fits = self._budget.fits(prompt)
        parts = [] if fits and not self._budget.is_short(prompt) else self._budget.parts(text)
        if fits:
            smaller = parts if len(parts) > 1 else []
            return [(Chunk(text, 0, len(text)), prompt)], smaller, None
        if parts:
            return parts, [], None
        message = self._budget.too_long(prompt)
        return [], [], NotDecoded("truncated_input", message, prompt.size)

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
        budget = self._budget.budget(prompt)
        request = Request(
            None, prompt.rest, budget, prompt.document, self._grammar, choose, is_loop, guard
        )
        return PlannedPart(chunk, prompt, request)
