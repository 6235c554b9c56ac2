"""Documents from any thread, decoded together in one that lives while there are any.

What is submitted while others are decoded joins them at the next pass. Nothing has to be closed:
the thread ends when nothing waits, and the next document starts another one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from setaccio.data.records import Document
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.request import Finish
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.planner import Follow

Show = Callable[[Generation], None]
"""Called in the decoding thread with an answer that grew; may not raise."""


class Followed(NamedTuple):
    """A document whose answer is watched while it grows."""

    document: Document
    follow: Follow | None = None


def as_document(document: Document | str, id: str = "document") -> Document:
    """A text as a document.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(document, str):
        return Document(id, document)
    if not isinstance(document, Document):
        raise TypeError(f"{id}: {type(document).__name__} is no document. Give texts or Documents.")
    return document


def number_documents(documents: Iterable[Document | str | None]) -> Iterator[Followed | None]:
    """Documents, texts with their places from 1 on as ids.

    Raises:
        TypeError: one is neither.
    """
    place = 0
    for document in documents:
        place += document is not None
        yield None if document is None else Followed(as_document(document, str(place)))


Decode = Callable[[Iterator[Followed | None]], Iterator[tuple[int, Extraction[Any]]]]
"""Gives results in whatever order, each with the number of its document, from 0 on."""


@dataclass
class _Entry:
    document: Document
    show: Show | None
    future: Future[Extraction[Any]] = field(default_factory=Future)

    def follow(self, answer: Generation, final: bool) -> Finish | None:
        if self.future.cancelled():
            return "error"  # nobody sees how it ended
        if self.show is not None and final:
            self.show(answer)
        return None


class Background:
    """What waits and what is in work; the methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Entry] = deque()
        self._thread: threading.Thread | None = None
        self._ended = True  # the thread takes no more

    def submit(
        self, decode: Decode, document: Document, show: Show | None = None
    ) -> Future[Extraction[Any]]:
        """Take up a document.

        Args:
            decode: what the thread runs; the same for every call.
            document: what to extract from.
            show: shown the answer as it grows, where what it shows is final.

        Returns:
            Where the result comes. Cancelling it drops a document that waits, and ends one that is
            being decoded after the pass that is under way.
        """
        entry = _Entry(document, show)
        with self._lock:
            self._waiting.append(entry)
            if self._ended:
                self._ended = False
                self._thread = threading.Thread(
                    target=self._run, args=(decode, self._thread), name="setaccio"
                )
                self._thread.start()
        return entry.future

    def _run(self, decode: Decode, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # it gives its contexts back, and they are used again
        in_work: dict[int, _Entry] = {}
        try:
            for number, extraction in decode(self._feed(in_work)):
                future = in_work.pop(number).future
                with suppress(InvalidStateError):  # it was cancelled
                    future.set_result(extraction)
        except BaseException as error:
            with self._lock:
                left = [*in_work.values(), *self._waiting]
                self._waiting.clear()
                self._ended = True
            for entry in left:
                with suppress(InvalidStateError):
                    entry.future.set_exception(error)

    def _feed(self, in_work: dict[int, _Entry]) -> Iterator[Followed | None]:
        """Documents as they come, None while none has; ends when nothing is in work either."""
        number = 0
        while True:
            with self._lock:
                while self._waiting and self._waiting[0].future.cancelled():
                    self._waiting.popleft()
                if not self._waiting and not in_work:
                    self._ended = True
                    return
                entry = self._waiting.popleft() if self._waiting else None
            if entry is None:
                yield None
                continue
            in_work[number] = entry
            number += 1
            yield Followed(entry.document, entry.follow)
