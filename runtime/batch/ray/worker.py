"""What works on a cluster's machines: one copy of the model, fed by several calls at once.

Ray Data hands documents to an actor a few at a time, in calls of which several run beside each
other in threads. All of them feed one stream, in which the model decodes as long as the actor
lives: the end of a call empties no slot, the documents of the next ones are there already.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from setaccio.data.documents.extracted import from_row
from setaccio.data.errors import short_reason
from setaccio.data.records import Document
from setaccio.runtime.batch.batch import problem_row
from setaccio.runtime.batch.journal_rows import document_key
from setaccio.runtime.batch.ray.spec import WorkerSpec
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.extractor import Extractor

MOST_DEATHS = 3
"""Workers that may die while they have a document, before it gets a row that says so."""

SUSPECT = 2
"""Deaths from which on documents are done one by one."""

_FATAL = f"{MOST_DEATHS} workers died while they had this document. --retry-failed tries it again."
Answer = Future[Extraction]


class Stream:
    """An extractor that many threads give documents to.

    Args:
        extractor: used by the stream's own thread alone.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self._asked: queue.SimpleQueue[tuple[Document, Answer] | None] = queue.SimpleQueue()
        self._working: deque[tuple[Document, Answer]] = deque()
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def extract(self, documents: Sequence[Document]) -> list[Extraction]:
        """Extract from documents, together with those of other threads; in order."""
        answers: list[Answer] = [Future() for _ in documents]
        for pair in zip(documents, answers, strict=True):
            self._asked.put(pair)
        return [answer.result() for answer in answers]

    def close(self) -> None:
        """End the thread, once everything that was asked for is answered."""
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        while self._open:
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
                asked = self._asked.get_nowait()
            except queue.Empty:
                yield None
                continue
            if asked is None:
                self._open = False
                return
            self._working.append(asked)
            yield asked[0]


class Deaths:
    """How many workers have died while they had a document; an actor that outlives them.

    A document that brings its process down would do so for ever, since what a dead worker had is
    done again. From the second death on, what was in work then is done one by one, so that the one
    at fault is told from its neighbours; after :data:`MOST_DEATHS` it gets the row of an error.
    """

    def __init__(self) -> None:
        self._deaths: Counter[int] = Counter()

    def begin(self, numbers: Sequence[int]) -> int:
        """Note that documents are in work; the most deaths that one of them has seen."""
        most = max((self._deaths[number] for number in numbers), default=0)
        self._deaths.update(numbers)
        return most

    def end(self, numbers: Sequence[int]) -> None:
        """Note that their worker has lived through it."""
        self._deaths.subtract(numbers)


class RayWorker:
    """Rows for the hands of :class:`setaccio.runtime.batch.ray.documents.Documents`; an actor.

    Args:
        spec: how to extract.
        deaths: handle of a :class:`Deaths`; None does everything again that a worker died with.
    """

    def __init__(self, spec: WorkerSpec, deaths: Any = None) -> None:
        self.spec = spec
        self.stream = Stream(spec.extractor())
        self._deaths = deaths
        self._alone = threading.Lock()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Answer hands: ``documents`` become ``rows``: id, status, message, key, row, review."""
        hands = [json.loads(hand) for hand in batch["hand"]]
        for hand in hands:
            hand["rows"] = self._carefully(hand.pop("documents"), hand["first"])
        return {"hand": [json.dumps(hand).encode() for hand in hands]}

    def _carefully(self, documents: list[list[Any]], first: int) -> list[list[Any]]:
        numbers = list(range(first, first + len(documents)))
        most = self._ask("begin", numbers)
        if most < SUSPECT:
            rows = self._rows(documents)
            self._ask("end", numbers)
            return rows
        self._ask("end", numbers)
        rows = []
        with self._alone:
            for number, document in zip(numbers, documents, strict=True):
                if self._ask("begin", [number]) >= MOST_DEATHS:
                    self._ask("end", [number])
                    document = [document[0], _FATAL, document[2], False, None]
                    rows += self._rows([document])
                    continue
                rows += self._rows([document])
                self._ask("end", [number])
        return rows

    def _ask(self, what: str, numbers: list[int]) -> int:
        """Tell the one that counts deaths; without it, and where it is lost, there were none."""
        if self._deaths is None:
            return 0
        import ray

        try:
            return int(ray.get(getattr(self._deaths, what).remote(numbers)) or 0)
        except ray.exceptions.RayError:
            return 0

    def _rows(self, documents: list[list[Any]]) -> list[list[Any]]:
        good = [
            Document(name, text, from_row(places).places if places else None)
            for name, text, _, readable, places in documents
            if readable
        ]
        answers = iter(self.stream.extract(good))
        rows = []
        for name, text, key, readable, _ in documents:
            row = next(answers) if readable else problem_row(self.stream.extractor, name, text)
            rows.append([row.id, row.status, row.message, key, row.to_json(), row.review])
        return rows


class DatasetWorker(RayWorker):
    """Columns of a row for each row of a user's own data set; an actor."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Answer a batch of ``id`` and ``text``; other columns come along."""
        texts, names = list(batch["text"]), [str(name) for name in batch["id"]]
        documents = [
            [name, text, document_key(self.spec.run, text), True, None]
            if isinstance(text, str)
            else [name, 'no "text" in this row', document_key(self.spec.run, ""), False, None]
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
