"""Documents through an extractor into a journal: in order, one row each, nothing done twice.

    >>> with Journal(path, resume=True) as journal:
    ...     batch = Batch(extractor, journal, run, on_row=lambda row: print(row.id, row.status))
    ...     batch.work(read_sources(["notes/"], jsonl=False))

What can not be read gets its error row in its place among the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from setaccio.data.records import Document, Problem
from setaccio.runtime.batch.journal import Journal, document_key, fingerprint
from setaccio.runtime.batch.sources import identify
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.extractor import Extractor

DEFAULT_OPTIONS: Mapping[str, Any] = {
    "constraint": "schema",
    "max_tokens": None,
    "temperature": 0.0,
    "top_p": 1.0,
    "seed": 0,
    "chunk": True,
    "require_grounding": None,
    "guard_lists": True,
}
"""Everything that can change an answer, and so belongs to the key of its row."""


class _Waiting(NamedTuple):
    """What was read and has no row yet: a document on its way, or a finished error row."""

    key: str
    row: Extraction | None


class Batch:
    """One run over many documents.

    Args:
        extractor: what extracts.
        journal: where rows go, and what knows which documents are done.
        run: from :func:`setaccio.runtime.batch.journal.fingerprint`.
        jsonl: whether every source is read as JSON Lines.
        on_row: called with each row when it is written.
        on_skip: called for each document that has a row already.

    Attributes:
        skipped: documents that had a row already.
    """

    def __init__(
        self,
        extractor: Extractor,
        journal: Journal,
        run: str,
        *,
        jsonl: bool = False,
        on_row: Callable[[Extraction], None] = lambda row: None,
        on_skip: Callable[[], None] = lambda: None,
    ) -> None:
        self.extractor = extractor
        self.journal = journal
        self.run = run
        self.jsonl = jsonl
        self.skipped = 0
        self._on_row = on_row
        self._on_skip = on_skip
        self._waiting: deque[_Waiting] = deque()

    def work(self, items: Iterable[Document | Problem | None]) -> None:
        """Write a row for everything that has none, as soon as its result is there.

        Args:
            items: documents, problems in place of those that can not be read, and None where
                nothing has come yet. Read as the extractor asks for documents.

        Raises:
            OSError: a row can not be written; those before it stand.
        """
        for extraction in self.extractor.extract_all(self._feed(items)):
            self._write_problems()
            self._write(self._waiting.popleft().key, extraction)
            self._write_problems()
        self._write_problems()

    def _feed(self, items: Iterable[Document | Problem | None]) -> Iterator[Document | None]:
        """Documents that have no row yet; problems wait for those before them."""
        for item in items:
            if item is None:
                yield None
                continue
            name, text = identify(item, self.jsonl)
            row = None if isinstance(item, Document) else problem_row(self.extractor, name, text)
            key = document_key(self.run, text)
            if self.journal.take(key, name):
                self.skipped += 1
                self._on_skip()
                continue
            self._waiting.append(_Waiting(key, row))
            if isinstance(item, Document):
                yield item
            else:
                self._write_problems()

    def _write_problems(self) -> None:
        """Write the error rows that nothing before them holds up."""
        while self._waiting and (row := self._waiting[0].row) is not None:
            self._write(self._waiting.popleft().key, row)

    def _write(self, key: str, extraction: Extraction) -> None:
        self.journal.write(key, extraction.to_json())
        self._on_row(extraction)


def problem_row(extractor: Extractor, identifier: str, message: str) -> Extraction:
    """The row of what can not be read.

    Args:
        extractor: what would have extracted.
        identifier: id of the row.
        message: what is wrong.
    """
    row = Extraction.refused(
        identifier,
        message,
        task=extractor.task.name,
        model=extractor.name,
        constraint=extractor.constraint,
    )
    return extractor.mark(row)


def run_fingerprint(extractor: Extractor, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What all rows of an extractor have in common.

    Args:
        extractor: what extracts.
        options: everything that it was told and that can change an answer; its context and its
            adapter are added.

    Returns:
        The run, as from :func:`setaccio.runtime.batch.journal.fingerprint`, and the same in words:
        options, model and task.
    """
    own = {**options, "context": extractor.model.context}
    own["adapter"] = extractor.adapter.sha256 if extractor.adapter else None
    words = {
        "model": extractor.name,
        "model_sha256": extractor.model.sha256,
        "task": extractor.task.name,
        "task_digest": extractor.task.digest,
    }
    run = fingerprint(extractor.model.sha256, extractor.task.digest, own)
    return run, {**words, **own}
