"""Keep lists and strings from saying again what the document does not say again.

A small model's commonest error is the loop: a list goes on with what it said already, until the
budget ends it and the answer is lost. An item is said too often where the list holds it more often
than the document does. :data:`RUN` such items in a row, nothing new among them, are a loop: the
answer goes back to where it began, the list is closed there, and the extraction says so. Penalties
on repeated tokens (Keskar et al. 2019, https://arxiv.org/abs/1909.05858) can not tell a loop from a
list that repeats itself rightly; the document can, and where it says a thing once and means it
twice ("a coffee for me, the same for her"), something new follows soon.

A string goes round in circles as well: :data:`CYCLES` cycles of one text at its end, over at
least :data:`LEAST_BYTES` bytes, which the document does not hold, are a loop too, and the string is
closed after the first of them.

What the schema itself offers (``enum`` and ``const``), numbers and literals may be said as often as
the model likes: a document holds them in other words, if at all.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from setaccio.data.schema.walk import subschemas
from setaccio.data.text.folding import fold

RUN = 5
"""Items in a row, all said too often, that are a loop."""

CYCLES = 4
"""Repetitions of one text at the end of a string that are a loop."""

LEAST_BYTES = 64
"""Bytes that they must cover: "stir, stir, stir, stir" is none."""

GREATEST_PERIOD = 256
"""Longest repeated text, in bytes, that is looked for."""

_LOOK_EVERY = 8  # bytes of a string between two looks
_SEED = 16  # bytes whose last occurrence gives the period

_QUOTE, _BACKSLASH, _COMMA, _COLON = b'"'[0], b"\\"[0], b","[0], b":"[0]
_OPEN, _CLOSE = frozenset(b"[{"), frozenset(b"]}")
_LIST = b"["[0]
_SEPARATORS = b" ,;\\"


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
        between: whether an item has ended and no comma has come.
    """

    is_list: bool
    begin: int
    comma: int = -1
    said: Counter[bytes] = field(default_factory=Counter)
    run: int = 0
    loop: int = -1
    between: bool = False


class Cut(NamedTuple):
    """Where a loop is to be cut off.

    Attributes:
        offset: bytes of the answer that stay.
        closing: what closes the list or the string there.
    """

    offset: int
    closing: bytes


class ListGuard:
    """Watches one answer, a JSON text that grows by bytes.

    Args:
        times: how often the document holds a value (its JSON text); without limit where it may be
            said at will.
    """

    def __init__(self, times: Callable[[bytes], float]) -> None:
        self._times = times
        self.text = bytearray()
        self._open: list[_Container] = []
        self._inside = self._escaped = False
        self._begin = 0  # of the string that is open
        self._told = False  # whether a loop in it was told

    def feed(self, more: bytes) -> Cut | None:
        """Read on.

        Args:
            more: bytes that the answer grew by.

        Returns:
            Where a list should have been closed (before the comma of the loop's first item) or a
            string (after the loop's first cycle), or None.
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
        """Bytes, from the beginning on, that no cut can take back any more; never fewer later."""
        ends = [self._settled_string() if self._inside else len(self.text)]
        for holder in self._open:
            if not holder.is_list or holder.comma < 0:
                continue
            item = bytes(self.text[holder.begin :]).strip()
            again = any(said.startswith(item) for said in holder.said)
            if holder.run and (again or holder.between):
                ends.append(holder.loop)
            elif again and not holder.between:  # a loop might begin with it
                ends.append(holder.comma)
        return min(ends)

    def _settled_string(self) -> int:
        """Where the second cycle of a loop in the string that is open would begin."""
        text, begin, end = self.text, self._begin, len(self.text)
        if self._told:
            return end
        at, length = end, 1
        while length <= end - begin:
            if text.rfind(text[-length:], max(begin, end - length - GREATEST_PERIOD), end - 1) < 0:
                break
            at = end - length
            length += 1
        while at > begin and text[at - 1] in _SEPARATORS:  # a cut takes them as well
            at -= 1
        return at

    def _step(self, byte: int) -> Cut | None:
        here = len(self.text) - 1
        if self._inside:
            if self._escaped:
                self._escaped = False
            elif byte == _BACKSLASH:
                self._escaped = True
            elif byte == _QUOTE:
                self._inside = False
                return self._item_ended(here + 1)
            elif not (here - self._begin) % _LOOK_EVERY and not self._told:
                return self._string_loop()
            return None
        if byte == _QUOTE:
            self._inside, self._begin, self._told = True, here + 1, False
        elif byte in _OPEN:
            self._open.append(_Container(byte == _LIST, here + 1))
        elif byte in _CLOSE and self._open:
            self._open.pop()
            return self._item_ended(here + 1)
        elif byte == _COMMA and self._open:
            holder = self._open[-1]
            holder.begin, holder.comma, holder.between = here + 1, here, False
        elif byte == _COLON and self._open:
            self._open[-1].begin = here + 1
        return None

    def _string_loop(self) -> Cut | None:
        """Whether the string that is open ends in cycles of one text; where the first one ends."""
        text, begin = self.text, self._begin
        end = len(text)
        if end - begin < LEAST_BYTES:
            return None
        last = text.rfind(text[-_SEED:], max(begin, end - _SEED - GREATEST_PERIOD), end - 1)
        period = end - _SEED - last
        start = end - max(CYCLES * period, LEAST_BYTES)
        if last < 0 or start < begin or text[start + period :] != text[start : end - period]:
            return None
        while start > begin and text[start - 1] == text[start - 1 + period]:
            start -= 1
        try:
            said = json.dumps(json.loads(b'"%s"' % text[start:end].rstrip(b"\\")))
        except ValueError:  # it begins or ends in the middle of a character
            return None
        self._told = True
        if self._times(said.encode()) >= 1:
            return None
        kept = bytes(text[begin : start + period]).decode(errors="ignore")
        return Cut(begin + len(kept.rstrip(_SEPARATORS.decode()).encode()), b'"')

    def _item_ended(self, end: int) -> Cut | None:
        holder = self._open[-1] if self._open else None
        if holder is None or not holder.is_list:
            return None
        item = bytes(self.text[holder.begin : end]).strip()
        holder.between = True
        holder.said[item] += 1
        if holder.said[item] < 2 or holder.said[item] <= self._times(item):
            holder.run = 0
            return None
        holder.run += 1
        if holder.run == 1:
            holder.loop = holder.comma
        return Cut(holder.loop, b"]") if holder.run >= RUN else None


def make_times(document: str, schema: dict[str, Any]) -> Callable[[bytes], float]:
    """How often a document holds what an answer says.

    Args:
        document: the source text.
        schema: of the answer; its fixed texts are never counted.

    Returns:
        A function of a value's JSON text: as often as the document holds each of its texts;
        without limit where it holds no text but fixed ones.
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
        return min(counts) if counts else float("inf")

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
