"""Notice an answer that goes round in circles, without suspecting a list that repeats an item.

Small models can fall into a loop that only the token budget would end. Tokens that end in many
cycles of one n-gram are such a loop; what a document itself repeats as often is not.
"""

from __future__ import annotations

from collections.abc import Sequence

LEAST_CYCLES = 12
"""Repetitions of an n-gram before it is called a loop."""

LEAST_SPAN = 144
"""Tokens that those repetitions must cover: short items may be listed often."""

GREATEST_PERIOD = 64
"""Longest n-gram, in tokens, that is looked for."""

CHECK_EVERY = 16
"""Tokens between two looks."""


def find_cycle(tokens: Sequence[int]) -> int:
    """Length of the n-gram that the tokens end in many cycles of.

    Args:
        tokens: what was generated so far.

    Returns:
        The shortest such period in tokens, or 0 when there is no loop.
    """
    for period in range(1, GREATEST_PERIOD + 1):
        span = max(LEAST_SPAN, LEAST_CYCLES * period)
        if len(tokens) < span:
            continue
        tail = tokens[-span:]
        if tail[period:] == tail[:-period]:
            return period
    return 0


def repeats_in(cycle: str, document: str) -> bool:
    """Whether a document itself repeats what an answer repeats.

    Args:
        cycle: text of one cycle.
        document: the source text.
    """
    core = cycle.strip(' ",:[]{}\n')
    return bool(core) and document.count(core) >= LEAST_CYCLES
