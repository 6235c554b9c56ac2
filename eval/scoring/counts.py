"""What scoring counts: leaves by outcome, items of lists, measures by part; ``+`` adds them up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from setaccio.data.schema.pointers import join, split_pointer
from setaccio.data.task.task import Json

Outcome = Literal["correct", "wrong", "omitted", "hallucinated"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class Leaf:
    """How one leaf came out, and where it stands.

    Attributes:
        outcome: correct, wrong, omitted or hallucinated.
        gold: JSON Pointer (RFC 6901) into gold; None for a hallucinated one.
        predictions: JSON Pointers into the prediction: none for an omitted leaf, several for a
            step that the prediction splits.
    """

    outcome: Outcome
    gold: str | None
    predictions: tuple[str, ...] = ()


class _Counts:
    """Dataclasses of counts, added up field by field."""

    def __add__(self, other: Self) -> Self:
        mine, theirs = vars(self), vars(other)
        return type(self)(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True)
class Leaves(_Counts):
    """How many leaves came out how."""

    correct: int = 0
    wrong: int = 0
    omitted: int = 0
    hallucinated: int = 0

    @classmethod
    def of(cls, outcomes: Iterable[Leaf]) -> Leaves:
        """Count outcomes."""
        counts = dict.fromkeys((part.name for part in fields(cls)), 0)
        for leaf in outcomes:
            counts[leaf.outcome] += 1
        return cls(**counts)


@dataclass(frozen=True)
class Items(_Counts):
    """Counts behind precision, recall and F1 of a list (micro average when added up).

    Attributes:
        matched: gold items that have their match.
        gold: items that should be there.
        predicted: items that are there.
        surplus: how many more predicted than gold items are in matches: above 0 where steps were
            split, below where they were merged, 0 where every match is one to one.
    """

    matched: int = 0
    gold: int = 0
    predicted: int = 0
    surplus: int = 0

    @property
    def precision(self) -> float:
        """Predicted items in matches over all; 1 when nothing was predicted, nothing there."""
        if not self.predicted:
            return float(not self.gold)
        return (self.matched + self.surplus) / self.predicted

    @property
    def recall(self) -> float:
        """Matched over gold; 1 when there was nothing to find."""
        return self.matched / self.gold if self.gold else 1.0

    @property
    def f1(self) -> float:
        """Items in matches over the items of both sides; 1 when both lists are empty."""
        total = self.gold + self.predicted
        return (2 * self.matched + self.surplus) / total if total else 1.0


@dataclass(frozen=True)
class Measures(_Counts):
    """Texts that begin with a quantity, and which of their parts agree.

    Attributes:
        leaves: gold texts of the field, with a quantity or without.
        gold: gold texts with a quantity.
        predicted: predicted texts with a quantity.
        quantity: of ``gold``, those whose prediction has the same quantity.
        unit: of ``gold``, those whose prediction has the same unit, or none either.
        name: of ``gold``, those whose prediction names the same.
        agreed: of ``gold``, those whose prediction agrees in all three.
    """

    leaves: int = 0
    gold: int = 0
    predicted: int = 0
    quantity: int = 0
    unit: int = 0
    name: int = 0
    agreed: int = 0

    @property
    def f1(self) -> float:
        """Pairs that agree in full, over the measures of both sides; 1 when there are none."""
        total = self.gold + self.predicted
        return 2 * self.agreed / total if total else 1.0


def leaf_pointers(value: Json, base: str = "") -> list[str]:
    """Pointers of all leaves of a JSON value; an empty object or list is one leaf."""
    if isinstance(value, dict) and value:
        parts = list(value.items())
    elif isinstance(value, list) and value:
        parts = list(enumerate(value))
    else:
        return [base]
    return [found for key, part in parts for found in leaf_pointers(part, join(base, key))]


def omitted(value: Json, at: str | None) -> list[Leaf]:
    """Every leaf of a gold value as omitted; ``at`` is the value's pointer."""
    return [Leaf("omitted", found) for found in leaf_pointers(value, at or "")]


def hallucinated(value: Json, at: str | None) -> list[Leaf]:
    """Every leaf of a predicted value as hallucinated; ``at`` is the value's pointer."""
    return [Leaf("hallucinated", None, (found,)) for found in leaf_pointers(value, at or "")]


ABSENT = ...
"""What :func:`at_pointer` gives when there is nothing; null is something."""


def at_pointer(value: Json, pointer: str) -> Any:
    """What a JSON Pointer leads to; :data:`ABSENT` when it leads nowhere."""
    for key in split_pointer(pointer):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ABSENT
    return value
