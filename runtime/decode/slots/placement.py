"""Neighbours: what is fed together should stand in neighbouring sequences.

llama.cpp evaluates the tokens of neighbouring sequences together and those of others one after the
other, so that answers with one adapter, which share a pass, are kept side by side.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence

from setaccio.runtime.decode.context import BatchContext
from setaccio.runtime.decode.request import Start
from setaccio.runtime.decode.sequence import ActiveSequence


def choose_sequence(
    context: BatchContext, active: Collection[ActiveSequence], start: Start, most: int
) -> int:
    """A free sequence of a context for a request.

    Rather not the last one that begins with another prompt's fixed part; near others of the
    adapter; as low as possible.

    Args:
        context: where.
        active: what is decoded there.
        start: of the request.
        most: sequences that are used.
    """
    busy = {sequence.id for sequence in active}
    free = sorted(set(range(min(most, context.sequences))) - busy)
    near = [s.id for s in active if s.start.adapter is start.adapter]
    if not near:
        # In the middle of the longest gap there is room on both sides.
        gap = max(_runs(free), key=len)
        near = [gap[len(gap) // 2] if busy else 0]
    held = list(context.prefixes.values())

    def cost(id: int) -> tuple[bool, int, int]:
        lost = context.prefixes.get(id, start)
        is_last = lost != start and held.count(lost) == 1
        return is_last, min(abs(id - other) for other in near), id

    return min(free, key=cost)


def close_gaps(
    context: BatchContext, active: list[ActiveSequence], fed: list[ActiveSequence]
) -> None:
    """Move what is fed into free sequences between them.

    It costs a copy of the whole cache of a sequence, and spares passes cut in two until the next
    document comes.

    Args:
        context: where.
        active: what is decoded there, in the order of the sequences; kept in order.
        fed: those of them that are fed together; likewise.
    """
    busy = {sequence.id for sequence in active}
    while holes := sorted(set(range(fed[0].id, fed[-1].id)) - busy):
        moved, free = fed[-1], holes[0]
        context.copy(moved.id, free)
        # What was behind the prompt's fixed part there is gone.
        context.prefixes[free] = moved.start
        busy ^= {moved.id, free}
        moved.id = free
        for sequences in (active, fed):
            sequences.sort(key=lambda sequence: sequence.id)


def _runs(ids: Sequence[int]) -> Iterator[list[int]]:
    """Ascending numbers in parts without gaps."""
    for _, run in itertools.groupby(enumerate(ids), lambda pair: pair[1] - pair[0]):
        yield [id for _, id in run]
