"""An extraction while it is written: what is there so far, and never anything that goes again.

    >>> for step in extractor.extract_stream("Sponge cake. Beat 2 eggs with 50 g sugar."):
    ...     print(step.data)
    {}
    {'title': 'Sponge'}
    {'title': 'Sponge cake'}
    {'title': 'Sponge cake', 'ingredients': ['2 eggs']}

Each step is the one before it and more: keys and items are added at the end, the last string may
grow, numbers and literals come when they are complete. What the list guard
(:mod:`setaccio.runtime.decode.list_guard`) might still take back is held back.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import queue
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from typing_extensions import TypeVar

from setaccio.data.records import Document
from setaccio.data.schema.pointers import join
from setaccio.runtime.background import Background, Decode
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import token_bytes

T = TypeVar("T", default=Any)

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNFINISHED = re.compile(r"[-+.\w]+$")


@dataclass(frozen=True)
class Partial:
    """What of an answer is there, as plain JSON data.

    It is no instance of the extractor's type: half an object does not pass its validators.

    Attributes:
        id: the document's identifier.
        data: the answer so far.
        unfinished: JSON pointer of the string that is still being written; None where there is
            none. All other leaves are as they will be.
    """

    id: str
    data: Any
    unfinished: str | None = None


class PartialReader:
    """Reads one answer while it grows.

    Args:
        model: what generates it.
        id: the document's identifier.
    """

    def __init__(self, model: LoadedModel, id: str) -> None:
        self._model = model
        self._id = id
        self._last: Partial | None = None

    def read(self, answer: Generation) -> Partial | None:
        """What is there, where that is more than before."""
        raw = b"".join(token_bytes(self._model, token) for token in answer.tokens)
        found = parse_beginning(self._id, raw[: answer.settled])
        if found is None or found == self._last:
            return None
        self._last = found
        return found


def parse_beginning(id: str, raw: bytes) -> Partial | None:
    """The values that a beginning of a JSON text holds; None where it holds none yet."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(raw, final=False)
    end = max((string.end() for string in _STRING.finditer(text)), default=0)
    begin = text.find('"', end)  # of a string that is open
    if begin < 0:
        text = _UNFINISHED.sub("", text)
    try:
        data = from_json(text, allow_partial="trailing-strings")
        json.dumps(data, allow_nan=False)
    except ValueError:  # nothing, a whole answer's string that has just begun, a number too large
        return None
    if begin < 0 or _is_key(text[:begin], data):
        return Partial(id, data)
    return Partial(id, data, _last_leaf(data))


def _is_key(before: str, data: Any) -> bool:
    """Whether the string that is open names a value that has yet to come."""
    return bool(before.strip() and from_json(before, allow_partial=True) == data)


def _last_leaf(data: Any) -> str:
    pointer = ""
    while isinstance(data, dict | list) and data:
        key = next(reversed(data)) if isinstance(data, dict) else len(data) - 1
        pointer, data = join(pointer, key), data[key]
    return pointer


def stream(
    decode: Decode, model: LoadedModel, document: Document, *, steps: bool
) -> Generator[Partial | Extraction[T], None, None]:
    """The steps of one extraction, and the result as the last.

    Args:
        decode: what extracts.
        model: what it generates with.
        document: what to extract from.
        steps: whether to show any.
    """
    written: queue.SimpleQueue[Partial | None] = queue.SimpleQueue()
    reader = PartialReader(model, document.id)

    def show(answer: Generation) -> None:
        if (step := reader.read(answer)) is not None:
            written.put(step)

    future = Background().submit(decode, document, show if steps else None)
    future.add_done_callback(lambda _: written.put(None))
    try:
        while (step := written.get()) is not None:
            yield step
        yield future.result()
    finally:
        future.cancel()


async def astream(
    background: Background,
    decode: Decode,
    model: LoadedModel,
    document: Document,
    *,
    steps: bool,
) -> AsyncGenerator[Partial | Extraction[T], None]:
    """:func:`stream` for asyncio, decoded together with what else is in the background."""
    loop = asyncio.get_running_loop()
    written: asyncio.Queue[Partial | None] = asyncio.Queue()
    reader = PartialReader(model, document.id)

    def put(step: Partial | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens
            loop.call_soon_threadsafe(written.put_nowait, step)

    def show(answer: Generation) -> None:
        if (step := reader.read(answer)) is not None:
            put(step)

    future = background.submit(decode, document, show if steps else None)
    future.add_done_callback(lambda _: put(None))
    try:
        while (step := await written.get()) is not None:
            yield step
        yield future.result()
    finally:
        future.cancel()
