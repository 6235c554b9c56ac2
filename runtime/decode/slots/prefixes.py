"""The fixed part of a prompt in a sequence's cache: cut free, copied, or fetched."""

from __future__ import annotations

from collections import OrderedDict

from setaccio.runtime.decode.context import BatchContext, State
from setaccio.runtime.decode.request import Start

PREFIX_BYTES = 128 << 20
"""Memory for the prompts' fixed parts that are kept beside the contexts."""

LEAST_SHARED = 64
"""Tokens that two fixed parts must begin with alike, so that one is made of the other."""


class PrefixStates:
    """Fixed parts of prompts as they were evaluated, the latest used ones.

    In a context a fixed part is there only as long as no other prompt needs its place.

    Attributes:
        size_bytes: what they take.
    """

    def __init__(self) -> None:
        self._states: OrderedDict[tuple[int, int, tuple[int, ...]], State] = OrderedDict()
        self.size_bytes = 0

    def get(self, sequences: int, start: Start) -> State | None:
        """What was kept of a context for so many sequences."""
        key = (sequences, id(start.adapter), start.prefix)
        if key in self._states:
            self._states.move_to_end(key)
        return self._states.get(key)

    def put(self, sequences: int, start: Start, state: State) -> None:
        """Keep what a sequence holds that has evaluated a fixed part and nothing else."""
        key = (sequences, id(start.adapter), start.prefix)
        if key in self._states or state.nbytes > PREFIX_BYTES:
            return
        self._states[key] = state
        self.size_bytes += state.nbytes
        while self.size_bytes > PREFIX_BYTES:
            self.size_bytes -= self._states.popitem(last=False)[1].nbytes


class PrefixLoader:
    """Brings the sequences of a context to the fixed part of a prompt.

    Args:
        context: whose.
        cuts: whether a sequence can be cut; recurrent memory can not be cut back to the prefix.
        states: where fixed parts are kept beside the context, or None.
    """

    def __init__(self, context: BatchContext, cuts: bool, states: PrefixStates | None) -> None:
        self._context = context
        self._cuts = cuts
        self._states = states

    def load(self, id: int, start: Start) -> int:
        """Bring a sequence as far into a fixed part as is known; no copy may be waiting.

        Returns:
            How many tokens of it the sequence holds now, and nothing else.
        """
        context, known = self._context, self._context.prefixes
        size, source, shared = len(start.prefix), id, 0
        for number in (id, *known) if self._cuts else ():
            alike = _shared(known[number], start) if number in known else 0
            if alike > shared and (alike == size or alike >= LEAST_SHARED):
                source, shared = number, alike
        known.pop(id, None)
        kept = None
        if self._states is not None and shared < size:
            kept = self._states.get(context.sequences, start)
        if kept is not None:
            context.restore(id, kept)
            shared = size
        elif source != id:
            context.copy(source, id)
        if not context.truncate(id, shared):
            context.truncate(id, shared := 0)
        if shared == size:
            known[id] = start
        return shared

    def note(self, id: int, start: Start) -> None:
        """Take note that a sequence has evaluated a fixed part, and nothing else so far."""
        self._context.prefixes[id] = start
        if self._states is not None:
            self._states.put(self._context.sequences, start, self._context.save(id))


def _shared(held: Start, wanted: Start) -> int:
    """How many tokens two fixed parts begin with alike, evaluated with one adapter."""
    if held.adapter is not wanted.adapter:
        return 0
    if held.prefix == wanted.prefix:
        return len(wanted.prefix)
    pairs = zip(held.prefix, wanted.prefix, strict=False)
    most = min(len(held.prefix), len(wanted.prefix))
    return next((n for n, (one, other) in enumerate(pairs) if one != other), most)
