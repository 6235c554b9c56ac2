"""Notice an answer that goes round in circles, without suspecting a list that repeats an item.

Small models can fall into a loop that only the token budget would end. Tokens that end in many
cycles of one n-gram, be it one list item or several in turn, are such a loop; values that the
document itself holds as often are not.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence

from setaccio.data.text.folding import fold
from setaccio.runtime.grammar.complete_truncated import is_inside

LEAST_CYCLES = 6
"""Repetitions of an n-gram before it is called a loop."""

LEAST_SPAN = 120
"""Tokens that those repetitions must cover: short items may be listed often."""

GREATEST_PERIOD = 128
"""Longest n-gram, in tokens, that is looked for."""

CHECK_EVERY = 16
"""Tokens between two looks."""

# A JSON string with the colon that makes it a key, or a number.
_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|(-?\d[\d.eE+-]*)')


def find_cycle(tokens: Sequence[int]) -> int:
    """Length of the n-gram that the tokens end in many cycles of.

    Args:
        tokens: what was generated so far.

    Returns:
        The shortest such period in tokens, or 0 when there is no loop.
    """
    for period in range(1, GREATEST_PERIOD + 1):
        span = cycles(period) * period
        if len(tokens) < span:
            continue
        if tokens[-1] != tokens[-1 - period]:  # spares the slices, mostly
            continue
        tail = tokens[-span:]
        if tail[period:] == tail[:-period]:
            return period
    return 0


def cycles(period: int) -> int:
    """Repetitions from which an n-gram of so many tokens is called a loop."""
    return max(LEAST_CYCLES, -(-LEAST_SPAN // period))


def make_judge(
    decode: Callable[[Sequence[int]], str], document: str
) -> Callable[[Sequence[int], int], bool]:
    """A judge of one document's answer.

    Args:
        decode: makes text of token ids.
        document: the source text.

    Returns:
        Says of an answer's token ids and the period that they end in whether it is a loop.
    """
    folded = functools.cache(lambda: fold(document))

    def is_loop(tokens: Sequence[int], period: int) -> bool:
        before, text = decode(tokens[:-period]), decode(tokens)
        size = len(text) - len(before)
        if (len(before) - len(before.rstrip("\\"))) % 2:  # do not begin in the middle of an escape
            before = before[:-1]
        cycle = text[len(before) : len(before) + size]
        return not repeats_in(cycle, is_inside(before), folded(), cycles(period))

    return is_loop


def repeats_in(cycle: str, inside: bool, document: str, times: int) -> bool:
    """Whether a document itself repeats what an answer repeats.

    Args:
        cycle: text of one cycle, which may begin and end anywhere in the JSON of the answer but
            behind the backslash of an escape.
        inside: whether it begins inside a string.
        document: the source text, folded.
        times: how often the answer repeats it.

    Returns:
        Whether every value of the cycle stands in the document as often; of a cycle inside one
        string, the text itself.
    """
    values = [fold(value) for value in _values(cycle, inside)]
    core = fold(cycle.strip(' ",:[]{}\n'))
    values = [value for value in values if value] or [core]
    return all(value and document.count(value) >= times for value in values)


def _values(cycle: str, inside: bool) -> set[str]:
    """Strings and numbers that the cycle holds, keys left out."""
    # Twice, so that what goes on at the beginning is whole in the middle.
    text = cycle + cycle
    begin = 0
    if inside:
        end = re.match(r'(?:[^"\\]|\\.)*"', text)
        if end is None:
            return set()
        begin = end.end()
    found = set()
    for match in _VALUE.finditer(text, begin):
        string, key, number = match.groups()
        # What touches the end may go on; it stands whole in the middle as well.
        if match.end() == len(text) or key:
            continue
        if string is not None:
            found.add(_unescaped(string))
        elif match.start() > 0:
            found.add(number)
    return found


def _unescaped(string: str) -> str:
    try:
        return str(json.loads(f'"{string}"'))
    except ValueError:  # free text that only looks like JSON
        return string
