"""Extract: a document in, an :class:`Extraction` out; many documents, one after another.

    >>> from setaccio.runtime import TINY_GGUF, Extractor
    >>> extractor = Extractor(TINY_GGUF)
    >>> extractor.extract("Beat 2 eggs with 50 g sugar.").data
    {'title': ..., 'ingredients': [...], 'directions': [...]}

Nothing that a document holds can stop the others: whatever goes wrong with one becomes its status.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import TaskError, UsageError
from setaccio.data.prompt import Piece, prompt_pieces
from setaccio.data.records import Document
from setaccio.data.task import Task, dump_compact
from setaccio.runtime.constraint import Constraint, compile_schema
from setaccio.runtime.decoder import Choose, Completion, choose_greedy, decode, make_sampler
from setaccio.runtime.extraction import Extraction, FinishReason, Status
from setaccio.runtime.models import LoadedModel, load_model
from setaccio.runtime.parsing import parse_answer
from setaccio.runtime.repetition import repeats_in
from setaccio.runtime.tokens import decode_tokens, encode_pieces, encode_text

SPARE_TOKENS = 256
"""Default budget beyond what document and schema account for."""

LEAST_ANSWER = 64
"""A document is refused when fewer tokens than this, plus half its own, are left for the answer."""


@dataclass(frozen=True)
class _Prompt:
    """A tokenised prompt: its fixed part, the rest, and the document's share of the rest."""

    prefix: list[int]
    rest: list[int]
    document: int

    @property
    def size(self) -> int:
        return len(self.prefix) + len(self.rest)


class Extractor:
    """Extracts one task's data with one model.

    Attributes:
        model: the loaded model.
        task: what is extracted.
        constraint: ``schema`` or ``none``.
        warnings: sentences about the set-up that the user should read, such as a task other than
            the one that the model was trained for.
    """

    def __init__(
        self,
        model: LoadedModel | str | Path,
        task: Task | None = None,
        *,
        constraint: Constraint = "schema",
        max_tokens: int | None = None,
        temperature: float = 0.0,
        seed: int = 0,
        stop_repetition: bool = True,
    ) -> None:
        """Prepare the extraction: everything that can be wrong with the set-up is raised here.

        Args:
            model: a loaded model, or the path of a GGUF.
            task: what to extract; by default the task that the GGUF carries.
            constraint: ``schema`` masks every token that would break the schema, ``none`` lets
                the model write freely.
            max_tokens: most tokens of an answer; by default twice the document's tokens plus
                those of the schema (an answer repeats its keys) plus :data:`SPARE_TOKENS`. Never
                more than the context leaves.
            temperature: 0 takes the likeliest token; above it, tokens are drawn.
            seed: of the drawing; each document has its own stream, whatever the order.
            stop_repetition: end an answer that goes round in circles.

        Raises:
            ModelError: the GGUF can not be loaded or its template can not render the task.
            TaskError: neither the GGUF nor the caller says what to extract.
            SchemaError: the constraint can not enforce the schema.
            UsageError: an option is out of range.
        """
        if constraint not in ("schema", "none"):
            raise UsageError(f"constraint is {constraint!r}. Choose schema or none.")
        if max_tokens is not None and max_tokens < 1:
            raise UsageError(f"max_tokens is {max_tokens}. Allow at least 1 token.")
        if temperature < 0:
            raise UsageError(f"temperature is {temperature}. Choose 0 or more.")
        self.model = model if isinstance(model, LoadedModel) else load_model(model)
        self.task, self.warnings = _choose_task(self.model, task)
        self.constraint: Constraint = constraint
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._seed = seed
        self._stop_repetition = stop_repetition
        schema = self.task.json_schema
        self._grammar = compile_schema(self.model, schema) if constraint == "schema" else None
        self._schema_tokens = len(encode_text(self.model, dump_compact(schema)))
        self._prefixes: dict[tuple[Piece, ...], list[int]] = {}
        prompt_pieces(self.model.chat, self.task.messages("."))

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
        began = time.perf_counter()
        try:
            return self._extract(document, began)
        except Exception as error:  # one document's misfortune must not end the others
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            return self._result(document, began, "error", "error", f"Could not extract: {reason}.")

    def extract_all(self, documents: Iterable[Document]) -> Iterator[Extraction]:
        """Extract from documents as they come, one result for each, in order.

        Args:
            documents: any iterable; one document is held at a time.
        """
        for document in documents:
            yield self.extract(document)

    def tokenise(self, text: str) -> list[int]:
        """Token ids of the prompt for one document, as the model sees them."""
        prompt = self._prompt(text)
        return [*prompt.prefix, *prompt.rest]

    def _prompt(self, text: str) -> _Prompt:
        pieces = prompt_pieces(self.model.chat, self.task.messages(text))
        # The document is the last of the contents; what stands before it is the same every time.
        last = max(index for index, piece in enumerate(pieces) if not piece.special)
        head = tuple(pieces[:last])
        if head not in self._prefixes:
            self._prefixes[head] = encode_pieces(self.model, head)
        document = encode_pieces(self.model, pieces[last : last + 1])
        tail = encode_pieces(self.model, pieces[last + 1 :])
        return _Prompt(self._prefixes[head], document + tail, len(document))

    def _budget(self, prompt: _Prompt) -> tuple[int, int]:
        """Tokens that the answer may have, and that it must be able to have."""
        wanted = self._max_tokens or 2 * prompt.document + self._schema_tokens + SPARE_TOKENS
        least = min(wanted, LEAST_ANSWER + prompt.document // 2)
        return min(wanted, self.model.context - prompt.size), least

    def _extract(self, document: Document, began: float) -> Extraction:
        if not document.text.strip():
            return self._result(
                document, began, "error", "refused", "The document is empty. Give it some text."
            )
        prompt = self._prompt(document.text)
        budget, least = self._budget(prompt)
        if budget < least:
            message = (
                f"The prompt has {prompt.size} tokens and the answer needs at least {least}, "
                f"but the context holds {self.model.context}. Shorten or split the document."
            )
            return self._result(
                document, began, "truncated_input", "refused", message, prompt=prompt.size
            )
        completion = self._complete(document, prompt, budget)
        raw = decode_tokens(self.model, completion.tokens)
        status, data, message = self._judge(raw, completion, budget)
        return self._result(
            document,
            began,
            status,
            completion.finish,
            message,
            data=data,
            raw=raw,
            prompt=prompt.size,
            completion=completion.generated,
        )

    def _complete(self, document: Document, prompt: _Prompt, budget: int) -> Completion:
        choose: Choose = choose_greedy
        if self._temperature > 0:
            stream = zlib.crc32(document.text.encode("utf-8", "replace"))
            choose = make_sampler(self._temperature, self._seed * (1 << 32) + stream)

        def is_loop(cycle: Sequence[int]) -> bool:
            return not repeats_in(decode_tokens(self.model, cycle), document.text)

        return decode(
            self.model,
            prompt.prefix,
            prompt.rest,
            budget=budget,
            grammar=self._grammar,
            choose=choose,
            is_loop=is_loop if self._stop_repetition else None,
        )

    def _judge(self, raw: str, completion: Completion, budget: int) -> tuple[Status, Any, str]:
        """Status, data and message for a generated text."""
        answer = parse_answer(raw)
        closes = self._grammar is not None and not self.task.problems(answer.value)
        closed = answer.value if closes else None
        if completion.finish == "length":
            message = (
                f"The answer is incomplete after {budget} tokens. Allow more, or split the text."
            )
            return "truncated_output", closed, message
        if completion.finish == "repetition":
            return "repetition", closed, "The answer went round in circles and was stopped."
        if not answer.found:
            return "invalid_json", None, "The answer holds no JSON. Try the schema constraint."
        problems = self.task.problems(answer.value)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            return "invalid_schema", answer.value, f"{problems[0]}{more}."
        extra = "" if answer.strict else "Text around the JSON was left out."
        return "ok", answer.value, extra

    def _result(
        self,
        document: Document,
        began: float,
        status: Status,
        finish: FinishReason,
        message: str,
        *,
        data: Any = None,
        raw: str = "",
        prompt: int = 0,
        completion: int = 0,
    ) -> Extraction:
        return Extraction(
            id=document.id,
            status=status,
            data=data,
            raw=raw,
            finish_reason=finish,
            prompt_tokens=prompt,
            completion_tokens=completion,
            seconds=time.perf_counter() - began,
            message=message,
            task=self.task.name,
            model=self.model.name,
            constraint=self.constraint,
        )


def _choose_task(model: LoadedModel, task: Task | None) -> tuple[Task, list[str]]:
    own = model.task
    if task is None:
        if own is None:
            raise TaskError(
                f"{model.path}: this GGUF carries no task. Say what to extract with --schema or "
                "--task."
            )
        return own, []
    if own is not None and own.digest != task.digest:
        same = "in another version" if own.name == task.name else "instead"
        return task, [
            f"{model.name} was exported for the task {own.name!r}; {task.name!r} is extracted "
            f"{same}, and results may suffer."
        ]
    return task, []
