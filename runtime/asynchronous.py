"""Documents in and results out for asyncio: in order, few held at a time, ended when cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from setaccio.runtime.decode.scheduler import WINDOW
from setaccio.runtime.extraction import Extraction

Item = TypeVar("Item")
_END: Any = object()


async def results_of(
    submit: Callable[[Item, int], Future[Extraction[Any]]],
    documents: Iterable[Item] | AsyncIterable[Item],
    parallel: int,
) -> AsyncGenerator[Extraction[Any], None]:
    """Results of documents, in order, each as soon as it and those before it are there.

    Args:
        submit: takes up a document, given its place from 1 on; its future can be cancelled. It
            raises TypeError of what is none.
        documents: what to extract from; read ahead of the results, but not without end.
        parallel: documents that are decoded at once.

    Raises:
        Exception: whatever ``documents`` raises, after the results of those before it; likewise
            the TypeError of ``submit``.
    """
    source = documents if isinstance(documents, AsyncIterable) else _from_thread(documents)
    iterator = source.__aiter__()
    results: deque[asyncio.Future[Extraction[Any]]] = deque()
    fetch: asyncio.Future[Any] | None = None
    failure: BaseException | None = None
    more, place = True, 0
    try:
        while more or results:
            if more and fetch is None and len(results) < WINDOW * parallel:
                fetch = asyncio.ensure_future(anext(iterator, _END))
            awaited = [each for each in (fetch, results[0] if results else None) if each]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if fetch is not None and fetch.done():
                failure = fetch.exception()
                more = failure is None and fetch.result() is not _END
                if more:
                    place += 1
                    try:
                        results.append(asyncio.wrap_future(submit(fetch.result(), place)))
                    except TypeError as error:  # it is no document
                        failure, more = error, False
                fetch = None
            if results and results[0].done():
                yield results.popleft().result()
        if failure is not None:
            raise failure
    finally:
        for left in (*results, *([fetch] if fetch else [])):
            left.cancel()
        if fetch:  # an asynchronous generator ends in order
            await asyncio.gather(fetch, return_exceptions=True)


async def _from_thread(documents: Iterable[Item]) -> AsyncIterator[Item]:
    """An iterable, each step of it in another thread: it may wait for a disk or a network."""
    iterator = iter(documents)
    while (document := await asyncio.wrap_future(_read_next(iterator))) is not _END:
        yield document


def _read_next(iterator: Iterator[Item]) -> Future[Item]:
    """The next item, read in a daemon thread: one that waits without end must not keep the event
    loop or the process from ending, as a thread of an executor would."""
    future: Future[Item] = Future()

    def read() -> None:
        try:
            item = next(iterator, _END)
        except BaseException as error:
            with suppress(InvalidStateError):  # nobody waits for it any more
                future.set_exception(error)
        else:
            with suppress(InvalidStateError):
                future.set_result(item)

    threading.Thread(target=copy_context().run, args=(read,), daemon=True).start()
    return future
