"""What works on a cluster's machines: one copy of the model, fed by several calls at once.

Ray Data hands documents to an actor a few at a time, in calls of which several run beside each
other in threads. All of them feed one stream, in which the model decodes as long as the actor
lives: the end of a call empties no slot, the documents of the next ones are there already.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from setaccio.data.errors import short_reason
from setaccio.data.records import Document
from setaccio.runtime.batch.batch import problem_row
from setaccio.runtime.batch.journal_rows import document_key
from setaccio.runtime.batch.ray.spec import WorkerSpec
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.extractor import Extractor

Answer = Future[Extraction]


class Stream:
    """An extractor that many threads give documents to.

    Args:
        extractor: used by the stream's own thread alone.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self._asked: queue.SimpleQueue[tuple[Document, Answer]] = queue.SimpleQueue()
        self._working: deque[tuple[Document, Answer]] = deque()
        threading.Thread(target=self._run, daemon=True).start()

    def extract(self, documents: Sequence[Document]) -> list[Extraction]:
        """Extract from documents, together with those of other threads; in order."""
        answers: list[Answer] = [Future() for _ in documents]
        for pair in zip(documents, answers, strict=True):
            self._asked.put(pair)
        return [answer.result() for answer in answers]

    def _run(self) -> None:
        while True:
            try:
                for extraction in self.extractor.extract_all(self._feed()):
                    self._working.popleft()[1].set_result(extraction)
            except Exception as error:  # of these documents; those that come later are not lost
                while self._working:
                    document, answer = self._working.popleft()
                    message = f"The decoder failed ({short_reason(error)}). Try --retry-failed."
                    answer.set_result(problem_row(self.extractor, document.id, message))

    def _feed(self) -> Iterator[Document | None]:
        while True:
            try:
                self._working.append(self._asked.get_nowait())
            except queue.Empty:
                yield None
            else:
                yield self._working[-1][0]


class Worker:
    """Rows for the hands of :class:`setaccio.runtime.batch.ray.documents.Documents`; an actor."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self.stream = Stream(spec.extractor())

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Answer hands: ``documents`` become ``rows`` of ``[id, status, message, key, row]``."""
        hands = [json.loads(hand) for hand in batch["hand"]]
        for hand in hands:
            hand["rows"] = self._rows(hand.pop("documents"))
        return {"hand": [json.dumps(hand).encode() for hand in hands]}

    def _rows(self, documents: list[list[Any]]) -> list[list[str]]:
        good = [Document(name, text) for name, text, _, readable in documents if readable]
        answers = iter(self.stream.extract(good))
        rows = []
        for name, text, key, readable in documents:
            row = next(answers) if readable else problem_row(self.stream.extractor, name, text)
            rows.append([row.id, row.status, row.message, key, row.to_json()])
        return rows


class DatasetWorker(Worker):
    """Columns of a row for each row of a user's own data set; an actor."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Answer a batch of ``id`` and ``text``; other columns come along."""
        texts, names = list(batch["text"]), [str(name) for name in batch["id"]]
        documents = [
            [name, text, document_key(self.spec.run, text), True]
            if isinstance(text, str)
            else [name, 'no "text" in this row', document_key(self.spec.run, ""), False]
            for name, text in zip(names, texts, strict=True)
        ]
        rows = self._rows(documents)
        made = {
            "id": names,
            "status": [row[1] for row in rows],
            "key": [row[3] for row in rows],
            "row": [f'{row[4][:-1]},"key":"{row[3]}"}}' for row in rows],
        }
        return {**{name: values for name, values in batch.items() if name != "text"}, **made}
