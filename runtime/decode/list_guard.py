"""Keep a list from saying an item again that the document does not say again.

A small model's commonest error is the loop: a list goes on with what it said already, until the
budget ends it and the answer is lost. An item is said too often where the list holds it more often
than the document does. :data:`RUN` such items in a row, nothing new among them, are a loop: the
answer goes back to where it began, the list is closed there, and the extraction says so. Penalties
on repeated tokens (Keskar et al. 2019, https://arxiv.org/abs/1909.05858) can not tell a loop from a
list that repeats itself rightly; the document can, and where it says a thing once and means it
twice ("a coffee for me, the same for her"), something new follows soon.

What the schema itself offers (``enum`` and ``const``), numbers and literals may be said as often as
the model likes: a document holds them in other words, if at all.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from setaccio.data.schema.walk import subschemas
from setaccio.data.text.folding import fold

RUN = 5
"""Items in a row, all said too often, that are a loop."""

_QUOTE, _BACKSLASH, _COMMA, _COLON = b'"'[0], b"\\"[0], b","[0], b":"[0]
_OPEN, _CLOSE = frozenset(b"[{"), frozenset(b"]}")
_LIST = b"["[0]


@dataclass
class _Container:
    """An array or object that is open.

    Attributes:
        is_list: whether it is an array.
        begin: offset of the value that comes next or is being written.
        comma: offset of the comma before it; -1 for the first one.
        said: how often each item was said.
        run: items at the end that were said too often.
        loop: offset of the comma before the first of them.
    """

    is_list: bool
    begin: int
    comma: int = -1
    said: Counter[bytes] = field(default_factory=Counter)
    run: int = 0
    loop: int = -1


class ListGuard:
    """Watches one answer, a JSON text that grows by bytes.

    Args:
        times: how often at most a value (its JSON text) may stand in one list.
    """

    def __init__(self, times: Callable[[bytes], float]) -> None:
        self._times = times
        self.text = bytearray()
        self._open: list[_Container] = []
        self._inside = self._escaped = False

    def feed(self, more: bytes) -> int | None:
        """Read on.

        Args:
            more: bytes that the answer grew by.

        Returns:
            Offset at which a list should have been closed (of the comma before the first item of
            the loop), or None.
        """
        found = None
        for byte in more:
            self.text.append(byte)
            ended = self._step(byte)
            if found is None and ended is not None:
                found = ended
        return found

    @property
    def settled(self) -> int:
        """Bytes, from the beginning on, before which no list can be closed any more."""
        ends = [len(self.text)]
        for holder in self._open:
            if not holder.is_list or holder.comma < 0:
                continue
            item = bytes(self.text[holder.begin :]).strip()
            if any(said.startswith(item) for said in holder.said):
                # It may be said again: the loop that it would begin, or go on with.
                ends.append(holder.loop if holder.run else holder.comma)
        return min(ends)

    def _step(self, byte: int) -> int | None:
        here = len(self.text) - 1
        if self._inside:
            if self._escaped:
                self._escaped = False
            elif byte == _BACKSLASH:
                self._escaped = True
            elif byte == _QUOTE:
                self._inside = False
                return self._item_ended(here + 1)
            return None
        if byte == _QUOTE:
            self._inside = True
        elif byte in _OPEN:
            self._open.append(_Container(byte == _LIST, here + 1))
        elif byte in _CLOSE and self._open:
            self._open.pop()
            return self._item_ended(here + 1)
        elif byte == _COMMA and self._open:
            self._open[-1].begin, self._open[-1].comma = here + 1, here
        elif byte == _COLON and self._open:
            self._open[-1].begin = here + 1
        return None

    def _item_ended(self, end: int) -> int | None:
        holder = self._open[-1] if self._open else None
        if holder is None or not holder.is_list:
            return None
        item = bytes(self.text[holder.begin : end]).strip()
        holder.said[item] += 1
        if holder.said[item] < 2 or holder.said[item] <= self._times(item):
            holder.run = 0
            return None
        holder.run += 1
        if holder.run == 1:
            holder.loop = holder.comma
        return holder.loop if holder.run >= RUN else None


def make_times(document: str, schema: dict[str, Any]) -> Callable[[bytes], float]:
    """How often an item may stand in one list.

    Args:
        document: the source text.
        schema: of the answer; its fixed texts are never counted.

    Returns:
        A function of an item's JSON text: as often as the document holds each of its texts, at
        least once; without limit where it holds no text but fixed ones.
    """
    folded = functools.cache(lambda: fold(document))
    fixed = fixed_texts(schema)

    @functools.cache
    def times(item: bytes) -> float:
        try:
            value = json.loads(item)
        except ValueError:
            return float("inf")
        texts = [fold(text) for text in _texts(value) if text not in fixed]
        counts = [folded().count(text) for text in texts if text]
        return max(1, min(counts)) if counts else float("inf")

    return times


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def fixed_texts(schema: dict[str, Any]) -> frozenset[str]:
    """Texts that a schema's ``enum`` and ``const`` name."""
    found: set[str] = set()
    for _, part in subschemas(schema):
        for value in [*part.get("enum", ()), part.get("const")]:
            found.update(_texts(value))
    return frozenset(found)
