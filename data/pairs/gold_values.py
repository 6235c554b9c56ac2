"""Which values of a gold stand in its text, for ``data check``.

Contract: what the runtime grounds (:mod:`setaccio.data.text.evidence`) stands in the text. Of
anything else the words are looked up one by one, upper and lower case aside. Labels need not stand
in the text: what the schema restricts to given values, true and false, null.

    values = GoldEvidence(task).values(pair)
    [value.text for value in values if value.absent]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from setaccio.data.records import Pair
from setaccio.data.schema.key_order import schemas_at
from setaccio.data.schema.pointers import join
from setaccio.data.task.task import Task
from setaccio.data.text.evidence import Span, ground
from setaccio.data.text.words import with_particles, words_of

LEAST = 1 / 3
"""Share of its words from which on a value that is not grounded counts as standing in the text."""


@dataclass(frozen=True)
class Value:
    """One leaf of a gold that has words.

    Attributes:
        field: where it is, as in ``author.name``; list positions are left out.
        text: the value as text.
        words: how many words it has, at least one.
        missing: those of them that do not occur in the pair's text; none where it is grounded.
        span: where the runtime grounds it, or None.
    """

    field: str
    text: str
    words: int
    missing: tuple[str, ...]
    span: Span | None = None

    @property
    def absent(self) -> bool:
        """Whether no or few of its words occur."""
        return self.words - len(self.missing) < LEAST * self.words


class GoldEvidence:
    """Compares golds of one task with their texts.

    Args:
        task: its schema tells which leaves are labels (``enum``, ``const``).
    """

    def __init__(self, task: Task) -> None:
        self._schema = task.json_schema
        self._labels: dict[str, bool] = {}

    def values(self, pair: Pair) -> list[Value]:
        """The leaves of the gold that should stand in the text, in the gold's order."""
        known = with_particles(words_of(pair.text))
        spans = ground(pair.text, pair.gold)
        found = []
        for field, pointer, leaf in _leaves(pair.gold):
            if leaf is None or isinstance(leaf, bool) or self._is_label(field):
                continue
            words = words_of(str(leaf))
            if words:
                span = spans.get(pointer)
                span = span if span and span.is_evidence else None
                missing = () if span else tuple(word for word in words if word not in known)
                found.append(Value(field, str(leaf), len(words), missing, span))
        return found

    def _is_label(self, field: str) -> bool:
        if field not in self._labels:
            schemas = schemas_at(self._schema, field, items=True)
            self._labels[field] = any({"enum", "const"} & set(each) for each in schemas)
        return self._labels[field]


def _leaves(value: Any, field: str = "", pointer: str = "") -> Iterator[tuple[str, str, Any]]:
    """Field, JSON pointer and value of every leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{field}.{key}".removeprefix("."), join(pointer, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, field, join(pointer, index))
    else:
        yield field, pointer, value


def share_of(values: list[Value]) -> tuple[float, str]:
    """Say how much of a gold can be read in its text.

    Args:
        values: the gold's, from :class:`GoldEvidence`.

    Returns:
        The share of the values' words that occur in the text, 1.0 where there are no words, and
        the first of those that do not occur.
    """
    total = sum(value.words for value in values)
    missing = [word for value in values for word in value.missing]
    share = 1 - len(missing) / total if total else 1.0
    return share, ", ".join(dict.fromkeys(missing[:5]))


def absent_fields(values: list[Value]) -> tuple[list[str], int]:
    """The fields none of whose values stands in the text, and how many fields there are."""
    standing = dict.fromkeys((value.field for value in values), False)
    for value in values:
        standing[value.field] |= not value.absent
    return [field for field, stands in standing.items() if not stands], len(standing)
