"""Extract: a document in, an :class:`Extraction` out; many documents, several at a time.

    >>> from setaccio.runtime import Extractor
    >>> extractor = Extractor("recipes.gguf")
    >>> extractor.extract("Sponge cake. Beat 2 eggs with 50 g sugar. Bake for 25 minutes.").data
    {'title': 'Sponge cake', 'ingredients': ['2 eggs', '50 g sugar'], 'directions': [...]}

With a Python type in the task's place, ``value`` is an instance of it:

    >>> Extractor("recipes.gguf", Recipe).extract("Sponge cake. Beat 2 eggs with 50 g sugar.").value
    Recipe(title='Sponge cake')

Nothing that a document holds can stop the others: what goes wrong with one is its status.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Generic

from pydantic import TypeAdapter
from typing_extensions import TypeVar

from setaccio.data.errors import UsageError
from setaccio.data.records import Document
from setaccio.data.task.python_types import make_adapter
from setaccio.data.task.task import Task
from setaccio.runtime.asynchronous import results_of
from setaccio.runtime.background import Background, Followed, as_document, number_documents
from setaccio.runtime.decode.context_pool import default_parallel
from setaccio.runtime.decode.decoder import Watch
from setaccio.runtime.decode.scheduler import in_order, schedule
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.grammar.constraint import Constraint
from setaccio.runtime.model.adapters import Adapter, join_names, load_adapter
from setaccio.runtime.model.load import LoadedModel, load_model
from setaccio.runtime.planner import Planner
from setaccio.runtime.result.grounding_policy import Policy
from setaccio.runtime.result.outcome import Outcomes
from setaccio.runtime.result.review import ReviewBudget
from setaccio.runtime.result.typed_value import give_value
from setaccio.runtime.streaming import Partial, astream, stream
from setaccio.runtime.task_choice import resolve_task

T = TypeVar("T", default=Any)


class Extractor(Generic[T]):
    """Extracts one task's data with one model; ``T`` is the type of what comes out.

    All methods may be called from any thread.

    Attributes:
        model: the loaded model.
        adapter: the LoRA adapter that works beside it, or None.
        task: what is extracted.
        constraint: ``schema`` or ``none``.
        parallel: documents that :meth:`extract_all` decodes at once.
        budget: what says which results a person must look at, or None; it may be set at any time.
        warnings: sentences about the set-up that the user should read, such as a task other than
            the one that the model was trained for.
    """

    def __init__(
        self,
        model: LoadedModel | str | Path,
        task: Task | type[T] | TypeAdapter[T] | UnionType | None = None,
        *,
        returns: type[T] | TypeAdapter[T] | UnionType | None = None,
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
        guard_lists: bool = True,
        thinking: int | None = None,
        budget: ReviewBudget | None = None,
    ) -> None:
        """Prepare the extraction: everything that can be wrong with the set-up is raised here.

        Args:
            model: a loaded model, the path of a GGUF, or the name of a known model.
            task: what to extract; by default the task that the adapter or the GGUF carries. One
                that carries none was tuned for none, and its prompt shows the schema in any case.
                A Python type (a pydantic class, a dataclass, a ``TypedDict``, whatever pydantic's
                ``TypeAdapter`` takes) is a task of its own (:meth:`Task.from_type`), and results
                hold instances of it; where the model carries a task of the same shape, that one's
                instruction and schema are used, on which it was tuned.
            returns: the type of the results beside a task, or beside the model's own.
            adapter: a LoRA adapter that works beside the model, or its path.
            constraint: ``schema`` masks every token that would break the schema, ``none`` lets
                the model write freely.
            max_tokens: most tokens of an answer; by default twice the document's tokens plus
                those of the schema (an answer repeats its keys) plus 256. Never more than the
                context leaves.
            temperature: 0 takes the likeliest token; above it, tokens are drawn.
            top_p: tokens are drawn from the likeliest that together have this probability.
            seed: of the drawing; each document has its own stream, whatever the order.
            parallel: documents that :meth:`extract_all` decodes at once; by default what
                :func:`setaccio.runtime.decode.context_pool.default_parallel` finds right.
            guess: prompt lookup: verify drafts from the document in passes that are made anyway;
                the answer is the same.
            chunk: cut documents that do not fit the context at sentence boundaries and merge the
                answers; otherwise they are refused as ``truncated_input``.
            require_grounding: what becomes of values that stand nowhere in the document: ``null``,
                ``drop`` or ``fail``
                (:func:`setaccio.runtime.result.grounding_policy.apply_grounding`); None leaves
                them.
            stop_repetition: end an answer that goes round in circles.
            guard_lists: close a list where it repeats an item that the document does not repeat
                (:mod:`setaccio.runtime.decode.list_guard`); without it the answer is the model's
                own greedy one. Only of constrained answers, and of models whose memory can be cut.
            thinking: let the model think freely for at most so many tokens before it answers;
                None lets it answer at once. Its chat template must have a switch for thoughts.
            budget: gives each result its ``risk`` and ``review``; whether it was made with this
                model and task is asked with its ``refusal``.

        Raises:
            ModelError: the GGUF can not be loaded, or its template can not render the task or
                knows no thoughts.
            TaskError: neither the GGUF nor the caller says what to extract, or pydantic can not
                read the type.
            SchemaError: the constraint can not enforce the schema.
            UsageError: an option is out of range.
        """
        check_options(constraint, max_tokens, temperature, top_p, parallel, thinking)
        self.model = model if isinstance(model, LoadedModel) else load_model(model)
        if adapter is not None and not isinstance(adapter, Adapter):
            adapter = load_adapter(self.model, adapter)
        self.adapter = adapter
        self.budget = budget
        self.task, kind, warnings = resolve_task(adapter or self.model, task, returns)
        self._type: TypeAdapter[T] | None = None if kind is None else make_adapter(kind)
        self.warnings = [*warnings, *self.task.notes]
        if adapter is not None and adapter.warning is not None:
            self.warnings.append(adapter.warning)
        self.constraint: Constraint = constraint
        self.parallel = default_parallel(self.model) if parallel is None else parallel
        self._prompt_lookup = guess
        self._planner = Planner(
            self.model,
            self.task,
            constraint,
            max_tokens=max_tokens,
            sampling=(temperature, top_p, seed),
            chunk=chunk,
            stop_repetition=stop_repetition,
            guard_lists=guard_lists,
            thinking=thinking,
        )
        self._outcomes = Outcomes(self.model, self.task, constraint, require_grounding, self.name)
        # Steps are for good only where nothing is judged or looked for once more at the end.
        self._shows_steps = constraint == "schema" and require_grounding in (None, "fail")
        self._background = Background()

    @property
    def name(self) -> str:
        """What the results call the model: its file, and the adapter's where there is one."""
        return join_names(self.model.name, self.adapter.path if self.adapter else None)

    def extract(self, document: Document | str) -> Extraction[T]:
        """Extract from one document.

        Args:
            document: the document, or just its text (the id is then ``document``).

        Returns:
            The result; its status tells whether it can be trusted. Never raises for what is
            wrong with the document.

        Raises:
            TypeError: it is neither a document nor a text; so do the methods below.
        """
        # To its end: what interrupts an iterator that is collected as garbage is lost.
        ((_, extraction),) = self._decode([Followed(as_document(document))], parallel=1)
        return extraction

    def extract_all(
        self, documents: Iterable[Document | str | None], *, watch: Watch | None = None
    ) -> Iterator[Extraction[T]]:
        """Extract from documents as they come, one result for each, in order.

        Args:
            documents: any iterable of documents or texts (their ids are then their places, from 1
                on); read as others are finished, so that few are held at a time. None in place of
                a document says that none has come yet: those that have begun go on, and the
                iterable is asked again soon.
            watch: called after every forward pass with how far the documents are.
        """
        return in_order(self._decode(number_documents(documents), watch=watch))

    def extract_stream(
        self, document: Document | str
    ) -> Generator[Partial | Extraction[T], None, None]:
        """Extract from one document, and give what is there so far as it is written.

        Args:
            document: as for :meth:`extract`.

        Yields:
            A :class:`Partial` each time that the answer grew, each the one before it and more; at
            last the :class:`Extraction` that :meth:`extract` gives. Nothing but that comes where
            steps could be taken back: of documents that are cut into chunks, or may have to be
            (``max_tokens`` sets a limit that needs no second attempt), of free answers, and with
            ``require_grounding`` ``null`` or ``drop``.
        """
        decode = partial(self._decode, parallel=1)
        return stream(decode, self.model, as_document(document), steps=self._shows_steps)

    async def aextract(self, document: Document | str) -> Extraction[T]:
        """:meth:`extract` for asyncio.

        Calls that are awaited at the same time, and :meth:`aextract_all` beside them, are decoded
        together, ``parallel`` documents at once. Cancelling ends the document after the pass that
        is under way.
        """
        return await asyncio.wrap_future(
            self._background.submit(self._decode, as_document(document))
        )

    def aextract_all(
        self, documents: Iterable[Document | str] | AsyncIterable[Document | str]
    ) -> AsyncGenerator[Extraction[T], None]:
        """:meth:`extract_all` for asyncio.

        Args:
            documents: an iterable, read in another thread so that the event loop never waits for
                it, or an asynchronous one. Read as results are taken.
        """

        def submit(document: Document | str, place: int) -> Future[Extraction[T]]:
            return self._background.submit(self._decode, as_document(document, str(place)))

        return results_of(submit, documents, self.parallel)

    def aextract_stream(
        self, document: Document | str
    ) -> AsyncGenerator[Partial | Extraction[T], None]:
        """:meth:`extract_stream` for asyncio, decoded together with what is awaited beside it."""
        background, steps = self._background, self._shows_steps
        return astream(background, self._decode, self.model, as_document(document), steps=steps)

    def _decode(
        self,
        documents: Iterable[Followed | None],
        *,
        parallel: int | None = None,
        watch: Watch | None = None,
    ) -> Iterator[tuple[int, Extraction[T]]]:
        """The road of a document: planned, scheduled and decoded, judged."""
        plans = (None if each is None else self._planner.plan(*each) for each in documents)
        jobs = schedule(
            self.model,
            self._planner.prompts.prefix,
            plans,
            parallel=parallel or self.parallel,
            prompt_lookup=self._prompt_lookup,
            adapter=self.adapter,
            watch=watch,
        )
        for job in jobs:
            extraction = self._outcomes.judge(job)
            if self._type is not None:
                extraction = give_value(extraction, self._type)
            yield job.number, self.mark(extraction)  # with what the type's validators refused

    def mark(self, extraction: Extraction) -> Extraction:
        """The extraction with its risk, where there is a budget."""
        return extraction if self.budget is None else self.budget.mark(extraction)

    def tokenise(self, text: str) -> list[int]:
        """Token ids of the prompt for one document, as the model sees them."""
        prompt = self._planner.prompts.make(text)
        return [*prompt.prefix, *prompt.rest]


def check_options(
    constraint: str,
    max_tokens: int | None,
    temperature: float,
    top_p: float,
    parallel: int | None,
    thinking: int | None = None,
) -> None:
    """Refuse options that are out of range.

    Raises:
        UsageError: one is.
    """
    if constraint not in ("schema", "none"):
        raise UsageError(f"constraint is {constraint!r}. Choose schema or none.")
    if max_tokens is not None and max_tokens < 1:
        raise UsageError(f"max_tokens is {max_tokens}. Allow at least 1 token.")
    if not 0 <= temperature < math.inf:  # neither of which is true of nan
        raise UsageError(f"temperature is {temperature}. Choose 0 or a finite number above it.")
    if not 0 < top_p <= 1:
        raise UsageError(f"top_p is {top_p}. Choose a number above 0, at most 1.")
    if parallel is not None and parallel < 1:
        raise UsageError(f"parallel is {parallel}. Decode at least 1 document at a time.")
    if thinking is not None and thinking < 1:
        raise UsageError(f"thinking is {thinking}. Allow at least 1 token, or leave it out.")
