"""Extract: a document in, an :class:`Extraction` out; many documents, several at a time.

    >>> from setaccio.runtime import Extractor
    >>> extractor = Extractor("recipes.gguf")
    >>> extractor.extract("Sponge cake. Beat 2 eggs with 50 g sugar. Bake for 25 minutes.").data
    {'title': 'Sponge cake', 'ingredients': ['2 eggs', '50 g sugar'], 'directions': [...]}

Nothing that a document holds can stop the others: whatever goes wrong with one becomes its status.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from setaccio.data.errors import TaskError, UsageError
from setaccio.data.records import Document
from setaccio.data.task.task import Task
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
        guard_lists: bool = True,
    ) -> None:
        """Prepare the extraction: everything that can be wrong with the set-up is raised here.

        Args:
            model: a loaded model, the path of a GGUF, or the name of a known model.
            task: what to extract; by default the task that the adapter or the GGUF carries. One
                that carries none was tuned for none, and its prompt shows the schema in any case.
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

        Raises:
            ModelError: the GGUF can not be loaded or its template can not render the task.
            TaskError: neither the GGUF nor the caller says what to extract.
            SchemaError: the constraint can not enforce the schema.
            UsageError: an option is out of range.
        """
        check_options(constraint, max_tokens, temperature, top_p, parallel)
        self.model = model if isinstance(model, LoadedModel) else load_model(model)
        if adapter is not None and not isinstance(adapter, Adapter):
            adapter = load_adapter(self.model, adapter)
        self.adapter = adapter
        self.task, self.warnings = settle_task(adapter or self.model, task)
        self.warnings += self.task.notes
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
        )
        self._outcomes = Outcomes(self.model, self.task, constraint, require_grounding, self.name)

    @property
    def name(self) -> str:
        """What the results call the model: its file, and the adapter's where there is one."""
        return join_names(self.model.name, self.adapter.path if self.adapter else None)

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
        # To its end: what interrupts an iterator that is collected as garbage is lost.
        (extraction,) = self._extract([document], 1)
        return extraction

    def extract_all(
        self, documents: Iterable[Document | None], *, watch: Watch | None = None
    ) -> Iterator[Extraction]:
        """Extract from documents as they come, one result for each, in order.

        Args:
            documents: any iterable; read as others are finished, so that few are held at a time.
                None in place of a document says that none has come yet: those that have begun go
                on, and the iterable is asked again soon.
            watch: called after every forward pass with how far the documents are.
        """
        return self._extract(documents, self.parallel, watch)

    def _extract(
        self, documents: Iterable[Document | None], parallel: int, watch: Watch | None = None
    ) -> Iterator[Extraction]:
        """The road of a document: planned, scheduled and decoded, judged, given out in order."""
        plan = self._planner.plan
        plans = (None if document is None else plan(document) for document in documents)
        jobs = schedule(
            self.model,
            self._planner.prompts.prefix,
            plans,
            parallel=parallel,
            prompt_lookup=self._prompt_lookup,
            adapter=self.adapter,
            watch=watch,
        )
        return in_order((job.number, self._outcomes.judge(job)) for job in jobs)

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


def settle_task(source: LoadedModel | Adapter, task: Task | None) -> tuple[Task, list[str]]:
    """The task to extract, and what is to be said about it.

    Args:
        source: the adapter, or the model where there is none.
        task: what was asked for, or None for the one that the source carries.

    Raises:
        TaskError: there is none.
    """
    own = source.task
    if task is None:
        if own is None:
            raise TaskError(
                f"{source.path}: this GGUF carries no task. Say what to extract with --schema or "
                "--task."
            )
        return own, []
    if own is None:
        return task.showing_schema(), []
    if own.digest != task.digest:
        same = "in another version" if own.name == task.name else "instead"
        return task, [
            f"{source.path.name} was exported for the task {own.name!r}; {task.name!r} is "
            f"extracted {same}, and results may suffer."
        ]
    return task, []
