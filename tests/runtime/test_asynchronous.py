"""Extraction under asyncio: the loop goes on, documents are decoded together, nothing is left over.

Run: pytest tests/runtime/test_asynchronous.py
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from setaccio.data import Document, Pair
from setaccio.runtime import Extraction, Extractor, Partial
from setaccio.runtime.decode.scheduler import WINDOW
from setaccio.runtime.model.load import LoadedModel


@pytest.fixture(scope="module")
def extractor(model: LoadedModel) -> Extractor:
    return Extractor(model, parallel=4)


@pytest.fixture(scope="module")
def documents(recipe_pairs: list[Pair]) -> list[Document]:
    return [Document(pair.id, pair.text) for pair in recipe_pairs[-12:]]


@pytest.fixture(scope="module")
def expected(extractor: Extractor, documents: list[Document]) -> list[tuple[str, object]]:
    return told(extractor.extract_all(documents))


def told(extractions: Iterator[Extraction] | list[Extraction]) -> list[tuple[str, object]]:
    return [(each.id, each.data) for each in extractions]


def workers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "setaccio"]


def ended() -> bool:
    for worker in workers():
        worker.join(60)
    return not workers()


def test_calls_at_once_are_decoded_together(
    extractor: Extractor, documents: list[Document], expected: list[tuple[str, object]]
) -> None:
    most = 0

    async def main() -> list[Extraction]:
        nonlocal most
        calls = [asyncio.ensure_future(extractor.aextract(each)) for each in documents]
        while not all(call.done() for call in calls):
            most = max(most, len(workers()))
            await asyncio.sleep(0.001)
        return [call.result() for call in calls]

    assert told(asyncio.run(main())) == expected
    assert most == 1
    assert ended()


def test_the_event_loop_goes_on(extractor: Extractor, documents: list[Document]) -> None:
    async def main() -> int:
        turns = 0
        call = asyncio.ensure_future(extractor.aextract(documents[0]))
        while not call.done():
            turns += 1
            await asyncio.sleep(0)
        assert call.result().ok
        return turns

    assert asyncio.run(main()) > 10


def test_a_cancelled_call_harms_no_other(
    extractor: Extractor, documents: list[Document], expected: list[tuple[str, object]]
) -> None:
    async def main() -> list[Extraction]:
        calls = [asyncio.ensure_future(extractor.aextract(each)) for each in documents]
        while not workers():
            await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        rest = await asyncio.gather(*calls[1::2])
        assert all(call.cancelled() for call in calls[::2])
        return rest

    assert told(asyncio.run(main())) == expected[1::2]
    assert ended()


def test_a_time_limit(extractor: Extractor, documents: list[Document]) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(extractor.aextract(documents[0]), 0.001)

    asyncio.run(main())
    assert ended()


async def source(documents: list[Document], read: list[str]) -> AsyncIterator[Document]:
    for document in documents:
        await asyncio.sleep(0)
        read.append(document.id)
        yield document


@pytest.mark.parametrize("asynchronous", [False, True])
def test_many_come_in_order(
    extractor: Extractor,
    documents: list[Document],
    expected: list[tuple[str, object]],
    asynchronous: bool,
) -> None:
    async def main() -> list[Extraction]:
        given = source(documents, []) if asynchronous else iter(documents)
        return [each async for each in extractor.aextract_all(given)]

    assert told(asyncio.run(main())) == expected
    assert ended()


def test_texts_are_numbered(extractor: Extractor) -> None:
    async def ids() -> list[str]:
        return [each.id async for each in extractor.aextract_all(["", "", ""])]

    assert asyncio.run(ids()) == ["1", "2", "3"]


def test_no_more_is_read_than_is_needed(model: LoadedModel) -> None:
    read: list[str] = []
    many = [Document(str(number), "") for number in range(100)]

    async def main() -> int:
        results = Extractor(model, parallel=1).aextract_all(source(many, read))
        await anext(results)
        for _ in range(1000):
            await asyncio.sleep(0)
        most = len(read)
        await results.aclose()
        return most

    assert asyncio.run(main()) <= WINDOW + 2
    assert ended()


def test_a_slow_source_holds_up_no_result(extractor: Extractor, documents: list[Document]) -> None:
    async def main() -> list[str]:
        more = asyncio.Event()

        async def slow() -> AsyncIterator[Document]:
            yield documents[0]
            await more.wait()
            yield documents[1]

        found = []
        async for each in extractor.aextract_all(slow()):
            found.append(each.id)
            more.set()
        return found

    assert asyncio.run(main()) == [each.id for each in documents[:2]]


def test_a_source_that_blocks_does_not_block_the_loop(extractor: Extractor) -> None:
    go = threading.Event()

    def blocking() -> Iterator[str]:
        go.wait(60)
        yield ""

    async def main() -> list[str]:
        results = extractor.aextract_all(blocking())
        first = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0.05)
        go.set()  # which only a loop that goes on can do
        return [(await first).id, *[each.id async for each in results]]

    assert asyncio.run(main()) == ["1"]


def test_what_a_source_raises_comes_after_the_results_before_it(extractor: Extractor) -> None:
    found = []

    async def main() -> None:
        async def broken() -> AsyncIterator[str]:
            yield ""
            yield ""
            raise OSError("the disk is gone")

        with pytest.raises(OSError, match="the disk is gone"):
            async for each in extractor.aextract_all(broken()):
                found.append(each.id)

    asyncio.run(main())
    assert found == ["1", "2"]


@pytest.mark.parametrize("wrong", [None, 5])
def test_what_is_no_document_fails_its_caller_alone(extractor: Extractor, wrong: object) -> None:
    found = []

    async def many() -> None:
        async for each in extractor.aextract_all(["", "", wrong, ""]):  # type: ignore[list-item]
            found.append(each.id)

    async def main() -> list[object]:
        calls = [extractor.aextract(""), extractor.aextract(wrong), many()]  # type: ignore[arg-type]
        return await asyncio.gather(*calls, return_exceptions=True)

    good, *bad = asyncio.run(main())
    assert [type(good), *found] == [Extraction, "1", "2"]
    said = f"{type(wrong).__name__} is no document. Give texts or Documents."
    assert [str(each) for each in bad] == [f"document: {said}", f"3: {said}"]


def test_a_source_that_waits_keeps_nobody_from_ending(extractor: Extractor) -> None:
    def waiting() -> Iterator[str]:
        yield ""
        threading.Event().wait()

    async def main() -> None:
        async with contextlib.aclosing(extractor.aextract_all(waiting())) as results:
            assert (await anext(results)).id == "1"

    runner = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    runner.start()
    runner.join(60)
    assert not runner.is_alive()


def test_leaving_early_cancels_the_rest(extractor: Extractor, documents: list[Document]) -> None:
    closed = []

    async def watched() -> AsyncIterator[Document]:
        try:
            for document in documents * 50:
                yield document
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    async def main() -> str:
        given = watched()
        async with contextlib.aclosing(extractor.aextract_all(given)) as results:
            first = await anext(results)
        await given.aclose()
        return first.id

    assert asyncio.run(main()) == documents[0].id
    assert closed == [True]
    assert ended()


def test_two_loops_share_an_extractor(
    extractor: Extractor, documents: list[Document], expected: list[tuple[str, object]]
) -> None:
    found: dict[int, list[tuple[str, object]]] = {}

    def run(half: int) -> None:
        async def main() -> list[Extraction]:
            return await asyncio.gather(*(extractor.aextract(d) for d in documents[half::2]))

        found[half] = told(asyncio.run(main()))

    threads = [threading.Thread(target=run, args=(half,)) for half in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == {0: expected[::2], 1: expected[1::2]}


def test_streams_beside_each_other(
    extractor: Extractor, documents: list[Document], expected: list[tuple[str, object]]
) -> None:
    async def one(document: Document) -> Extraction:
        steps = [step async for step in extractor.aextract_stream(document)]
        assert len(steps) > 5
        assert all(isinstance(step, Partial) for step in steps[:-1])
        assert {step.id for step in steps} == {document.id}
        return steps[-1]

    async def main() -> list[Extraction]:
        return await asyncio.gather(*map(one, documents[:3]))

    assert told(asyncio.run(main())) == expected[:3]


def test_a_stream_that_is_left(extractor: Extractor, documents: list[Document]) -> None:
    async def main() -> None:
        async with contextlib.aclosing(extractor.aextract_stream(documents[0])) as steps:
            await anext(steps)

    asyncio.run(main())
    assert ended()
    assert extractor.extract(documents[0]).ok


def test_what_ends_the_decoder_reaches_every_caller(model: LoadedModel) -> None:
    extractor = Extractor(model, parallel=2)

    def broken(documents: object) -> Iterator[tuple[int, Extraction]]:
        raise MemoryError("no room")
        yield

    futures = [extractor._background.submit(broken, Document("a", "x")) for _ in range(3)]
    for future in futures:
        with pytest.raises(MemoryError, match="no room"):
            future.result(60)
    assert ended()
    again = asyncio.run(extractor.aextract(""))
    assert replace(again, seconds=0.0).status == "error"
