"""Names for the groups and strata of pairs, by which a data set is divided.

Contract: rows of one group go into one part together. ``group_names`` takes the value of a gold
field, the pair that a copy was made from, or, as ``near``, whatever texts are nearly the same.

    names = group_names(pairs, "near")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rapidfuzz import fuzz

from setaccio.data.errors import UsageError
from setaccio.data.pairs.near_duplicates import NEAR, Sketches, sketch_of
from setaccio.data.records import Pair, origin_of
from setaccio.data.schema.pointers import step_into
from setaccio.data.task.task import dump_compact
from setaccio.data.text.words import words_of

NEAR_GROUPS = "near"
ORIGIN_GROUPS = "origin"
_MOST_STRATA = 0.5


def gold_field(pair: Pair, name: str) -> Any:
    """The value of a gold field, written as in ``author.name``; None where it is absent."""
    value: Any = pair.gold
    for part in name.split("."):
        try:
            value = step_into(value, part)
        except (LookupError, ValueError, TypeError):
            return None
    return value


def _values(pairs: Sequence[Pair], name: str) -> list[str | None]:
    values = [gold_field(pair, name) for pair in pairs]
    if all(value is None for value in values):
        known = ", ".join(dict.fromkeys(key for pair in pairs[:100] for key in pair.gold))
        raise UsageError(f"{name}: no pair has this field in its gold (fields: {known}).")
    return [None if value is None else dump_compact(value) for value in values]


def strata_names(pairs: Sequence[Pair], name: str) -> list[str]:
    """The stratum of each pair: the value of a gold field, ``null`` where it is absent.

    Raises:
        UsageError: no pair has the field, or most values occur once, so that nothing can be
            spread evenly.
    """
    names = [value if value is not None else "null" for value in _values(pairs, name)]
    alone = sum(1 for count in Counter(names).values() if count == 1)
    if alone > _MOST_STRATA * len(names):
        raise UsageError(
            f"{name}: {alone} of {len(names)} pairs have a value that no other pair has. Choose a "
            "field with few values, such as a label, or divide without --stratify."
        )
    return names


def group_names(pairs: Sequence[Pair], by: str) -> list[str]:
    """The group of each pair.

    Args:
        pairs: the pairs.
        by: ``near`` for texts that are nearly the same, ``origin`` for a pair and the copies that
            ``augment`` made of it, or the name of a gold field.

    Raises:
        UsageError: no pair has the field.
    """
    if by == NEAR_GROUPS:
        return near_groups([pair.text for pair in pairs], [origin_of(pair.id) for pair in pairs])
    if by == ORIGIN_GROUPS:
        return [origin_of(pair.id) for pair in pairs]
    values = _values(pairs, by)
    # Where the field is absent nothing says that rows belong together.
    return [
        f"id {origin_of(pair.id)}" if value is None else value
        for pair, value in zip(pairs, values, strict=True)
    ]


def near_groups(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Put texts that are nearly the same into one group.

    Case, punctuation and spacing do not count. Candidates are found by the sketches of
    :mod:`setaccio.data.pairs.near_duplicates`; likeness is passed on, so a chain of near texts is
    one group.

    Args:
        texts: the texts.
        names: the name of each; equal names are one group from the start.

    Returns:
        The name of each text's group: that of its first text.
    """
    parent = list(range(len(texts)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def join(one: int, other: int) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    sketches = Sketches()
    seen: dict[str, int] = {}
    named: dict[str, int] = {}
    normal: list[str] = []
    for number, text in enumerate(texts):
        words = words_of(text)
        normal.append(" ".join(words))
        join(number, named.setdefault(names[number], number))
        if words and normal[number] in seen:
            join(number, seen[normal[number]])
            continue
        seen[normal[number]] = number
        sketch = sketch_of(words)
        for other in sketches.candidates(sketch, skip_crowded=False):
            if root(other) != root(number) and fuzz.ratio(
                normal[number], normal[other], score_cutoff=NEAR
            ):
                join(number, other)
        sketches.add(number, sketch)
    return [names[root(number)] for number in range(len(texts))]
