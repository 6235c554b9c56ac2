"""Extract: a document in, an :class:`Extraction` out; many documents, several at a time.

    >>> from setaccio.runtime import TINY_GGUF, Extractor
    >>> extractor = Extractor(TINY_GGUF)
    >>> extractor.extract("Beat 2 eggs with 50 g sugar.").data
    {'title': ..., 'ingredients': [...], 'directions': [...]}

Nothing that a document holds can stop the others: whatever goes wrong with one becomes its status.
"""

from __future__ import annotations

import functools
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from setaccio.data.errors import TaskError, UsageError
from setaccio.data.records import Document
from setaccio.data.task import Task, dump_compact
from setaccio.runtime.adapters import Adapter, load_adapter
from setaccio.runtime.answer import Choose, Completion, Request, make_sampler
from setaccio.runtime.chunks import Chunk, split_text
from setaccio.runtime.constraint import Constraint, compile_schema
from setaccio.runtime.extraction import Extraction, Status
from setaccio.runtime.grounding_policy import Policy
from setaccio.runtime.models import LoadedModel, load_model
from setaccio.runtime.ordered import Plan, work_in_order
from setaccio.runtime.outcome import Outcomes
from setaccio.runtime.prompts import Prompt, Prompts
from setaccio.runtime.repetition import repeats_in
from setaccio.runtime.slots import default_parallel
from setaccio.runtime.tokens import decode_tokens, encode_text

SPARE_TOKENS = 256
"""Default budget beyond what document and schema account for."""

LEAST_ANSWER = 64
"""A document does not fit when fewer tokens than this, plus half its own, are left to answer."""

LEAST_CHUNK = 48
"""Tokens of the shortest chunk that a document is cut into; where less fits, it is refused."""


class Extractor:
    """Extracts one task's data with one model.

    Attributes:
        model: the loaded model.
        adapter: the LoRA adapter that works beside it, or None.
        task: what is extracted.
        constraint: ``schema`` or ``none``.
        parallel: documents that :meth:`extract_all` decodes at once.
        warnings: sentences about the set-up that the user should read, such as a task other than
            the one that the model was trained for.
    """

    def __init__(
        self,
        model: LoadedModel | str | Path,
        task: Task | None = None,
        *,
        adapter: Adapter | str | Path | None = None,
        constraint: Constraint = "schema",
        max_tokens: int | None = None,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        parallel: int | None = None,
        guess: bool = True,
        chunk: bool = True,
        require_grounding: Policy | None = None,
        stop_repetition: bool = True,
    ) -> None:
        """Prepare the extraction: everything that can be wrong with the set-up is raised here.

        Args:
            model: a loaded model, or the path of a GGUF.
            task: what to extract; by default the task that the adapter or the GGUF carries.
            adapter: a LoRA adapter that works beside the model, or its path.
            constraint: ``schema`` masks every token that would break the schema, ``none`` lets
                the model write freely.
            max_tokens: most tokens of an answer; by default twice the document's tokens plus
                those of the schema (an answer repeats its keys) plus :data:`SPARE_TOKENS`. Never
                more than the context leaves.
            temperature: 0 takes the likeliest token; above it, tokens are drawn.
            top_p: tokens are drawn from the likeliest that together have this probability.
            seed: of the drawing; each document has its own stream, whatever the order.
            parallel: documents that :meth:`extract_all` decodes at once; by default what
                :func:`setaccio.runtime.slots.default_parallel` finds right.
            guess: look up likely continuations in the document and check them in passes that are
                made anyway; the answer is the same.
            chunk: cut documents that do not fit the context at sentence boundaries and merge the
                answers; otherwise they are refused as ``truncated_input``.
            require_grounding: what becomes of values that stand nowhere in the document: ``null``,
                ``drop`` or ``fail`` (:func:`setaccio.runtime.grounding_policy.apply_grounding`);
                None leaves them.
            stop_repetition: end an answer that goes round in circles.

        Raises:
            ModelError: the GGUF can not be loaded or its template can not render the task.
            TaskError: neither the GGUF nor the caller says what to extract.
            SchemaError: the constraint can not enforce the schema.
            UsageError: an option is out of range.
        """
        _check_options(constraint, max_tokens, temperature, top_p, parallel)
        self.model = model if isinstance(model, LoadedModel) else load_model(model)
        if adapter is not None and not isinstance(adapter, Adapter):
            adapter = load_adapter(self.model, adapter)
        self.adapter = adapter
        self.task, self.warnings = _choose_task(adapter or self.model, task)
        self.constraint: Constraint = constraint
        self._max_tokens = max_tokens
        self._sampling = (temperature, top_p, seed)
        self.parallel = default_parallel(self.model) if parallel is None else parallel
        self._guess = guess
        self._chunk = chunk
        self._stop_repetition = stop_repetition
        schema = self.task.json_schema
        self._grammar = compile_schema(self.model, schema) if constraint == "schema" else None
        self._schema_tokens = len(encode_text(self.model, dump_compact(schema)))
        self._prompts = Prompts(self.model, self.task)
        self._outcomes = Outcomes(self.model, self.task, constraint, require_grounding)

    def extract(self, document: Document | str) -> Extraction:
        """Extract from one document.

        Args:
            document: the document, or just its text (the id is then ``document``).

        Returns:
            The result; its status tells whether it can be trusted. Never raises for what is
            wrong with the document.
        """
        if isinstance(document, str):
            document = Document("document", document)
        return next(self._work([document], 1))

    def extract_all(self, documents: Iterable[Document | None]) -> Iterator[Extraction]:
        """Extract from documents as they come, one result for each, in order.

        Args:
            documents: any iterable; read as room becomes free, so that few are held at a time.
                None in place of a document says that none has come yet: those that have begun go
                on, and the iterable is asked again soon.
        """
        return self._work(documents, self.parallel)

    def _work(self, documents: Iterable[Document | None], slots: int) -> Iterator[Extraction]:
        return work_in_order(
            self.model,
            self._prompts.prefix,
            documents,
            self._plan,
            slots=slots,
            guess=self._guess,
            adapter=self.adapter,
        )

    def tokenise(self, text: str) -> list[int]:
        """Token ids of the prompt for one document, as the model sees them."""
        prompt = self._prompts.make(text)
        return [*prompt.prefix, *prompt.rest]

    def _plan(self, document: Document) -> Plan[Extraction]:
        """What to decode for a document; nothing where it is refused."""
        began = time.perf_counter()
        fail = functools.partial(self._outcomes.failed, document, began)
        try:
            if not document.text.strip():
                message = "The document is empty. Give it some text."
                return self._refusal(document, began, "error", message)
            prompt = self._prompts.make(document.text)
            if self._fits(prompt):
                whole = Chunk(document.text, 0, len(document.text))
                return self._work_plan(document, began, [(whole, prompt)])
            parts = self._chunks(document.text)
            short = [made for _, made in parts if not self._fits(made)] if parts else [prompt]
            if short:
                size, message = short[0].size, self._too_long(short[0])
                return self._refusal(document, began, "truncated_input", message, size)
            return self._work_plan(document, began, parts)
        except Exception as error:  # one document's misfortune must not end the others
            failure = fail(error)
            return Plan((), lambda _: failure, fail)

    def _refusal(
        self, document: Document, began: float, status: Status, message: str, size: int = 0
    ) -> Plan[Extraction]:
        result = self._outcomes.refused(document, began, status, message, size)
        fail = functools.partial(self._outcomes.failed, document, began)
        return Plan((), lambda _: result, fail)

    def _work_plan(
        self,
        document: Document,
        began: float,
        parts: Sequence[tuple[Chunk, Prompt]],
        spent: float = 0.0,
    ) -> Plan[Extraction]:
        """The requests for a document's parts; ``spent`` seconds were lost on a first attempt."""
        chunks, prompts = zip(*parts, strict=True)
        fail = functools.partial(self._outcomes.failed, document, began)

        def finish(completions: Sequence[Completion]) -> Extraction | Plan[Extraction]:
            try:
                if len(parts) == 1 and self._ran_out_of_context(prompts[0], completions[0]):
                    smaller = self._chunks(document.text)
                    if len(smaller) > 1 and all(self._fits(prompt) for _, prompt in smaller):
                        lost = completions[0].seconds
                        return self._work_plan(document, began, smaller, lost)
                return self._outcomes.finished(document, began, chunks, prompts, completions, spent)
            except Exception as error:  # as above
                return fail(error)

        return Plan([self._request(chunk.text, made) for chunk, made in parts], finish, fail)

    def _budget(self, prompt: Prompt) -> tuple[int, int]:
        """Tokens that the answer may have, and that it must be able to have."""
        size = len(prompt.document)
        wanted = self._wanted(prompt)
        least = min(wanted, LEAST_ANSWER + size // 2)
        return min(wanted, self.model.context - prompt.size), least

    def _wanted(self, prompt: Prompt) -> int:
        """Tokens that the answer would have where the context has no end."""
        return self._max_tokens or 2 * len(prompt.document) + self._schema_tokens + SPARE_TOKENS

    def _fits(self, prompt: Prompt) -> bool:
        most, least = self._budget(prompt)
        return most >= least

    def _ran_out_of_context(self, prompt: Prompt, completion: Completion) -> bool:
        """Whether the context, not the budget asked for, cut an answer off."""
        return completion.finish == "length" and self._budget(prompt)[0] < self._wanted(prompt)

    def _chunks(self, text: str) -> list[tuple[Chunk, Prompt]]:
        """The document in parts that leave room for full answers; none where it must stay whole."""
        room = self.model.context - self._prompts.fixed
        if self._max_tokens is None:
            limit = (room - self._schema_tokens - SPARE_TOKENS) // 3
        else:
            limit = room - self._max_tokens
        if not self._chunk or limit < LEAST_CHUNK:
            return []
        chunks = split_text(text, limit, self._prompts.count)
        return [(chunk, self._prompts.make(chunk.text)) for chunk in chunks]

    def _too_long(self, prompt: Prompt) -> str:
        _, least = self._budget(prompt)
        return (
            f"The prompt has {prompt.size} tokens and the answer needs at least {least}, but the "
            f"context holds {self.model.context}. Shorten or split the document."
        )

    def _request(self, text: str, prompt: Prompt) -> Request:
        temperature, top_p, seed = self._sampling
        choose: Choose | None = None
        if temperature > 0:
            stream = zlib.crc32(text.encode("utf-8", "replace"))
            choose = make_sampler(temperature, seed * (1 << 32) + stream, top_p)

        def is_loop(cycle: Sequence[int]) -> bool:
            return not repeats_in(decode_tokens(self.model, cycle), text)

        return Request(
            None,
            prompt.rest,
            self._budget(prompt)[0],
            document=prompt.document,
            grammar=self._grammar,
            choose=choose,
            is_loop=is_loop if self._stop_repetition else None,
        )


def _check_options(
    constraint: str,
    max_tokens: int | None,
    temperature: float,
    top_p: float,
    parallel: int | None,
) -> None:
    if constraint not in ("schema", "none"):
        raise UsageError(f"constraint is {constraint!r}. Choose schema or none.")
    if max_tokens is not None and max_tokens < 1:
        raise UsageError(f"max_tokens is {max_tokens}. Allow at least 1 token.")
    if temperature < 0:
        raise UsageError(f"temperature is {temperature}. Choose 0 or more.")
    if not 0 < top_p <= 1:
        raise UsageError(f"top_p is {top_p}. Choose a number above 0, at most 1.")
    if parallel is not None and parallel < 1:
        raise UsageError(f"parallel is {parallel}. Decode at least 1 document at a time.")


def _choose_task(source: LoadedModel | Adapter, task: Task | None) -> tuple[Task, list[str]]:
    own = source.task
    if task is None:
        if own is None:
            raise TaskError(
                f"{source.path}: this GGUF carries no task. Say what to extract with --schema or "
                "--task."
            )
        return own, []
    if own is not None and own.digest != task.digest:
        same = "in another version" if own.name == task.name else "instead"
        return task, [
            f"{source.path.name} was exported for the task {own.name!r}; {task.name!r} is "
            f"extracted {same}, and results may suffer."
        ]
    return task, []
