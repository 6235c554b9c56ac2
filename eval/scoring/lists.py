"""What scoring a list needs besides its alignment: pointers, groups, similarity, measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from rapidfuzz import fuzz

from setaccio.data.schema.pointers import join
from setaccio.data.task.task import Json, ScoringRule
from setaccio.eval.scoring.align import (
    Group,
    Similarity,
    align_ordered,
    align_steps,
    align_unordered,
)
from setaccio.eval.scoring.counts import Leaf, Measures
from setaccio.eval.scoring.measures import compare_measures, parse_measure
from setaccio.eval.scoring.normalise import normalise
from setaccio.eval.scoring.rules import item_rule

_STEPPED = frozenset(("text", "fuzzy"))  # rules of items that may be split or merged


class Listed:
    """A value where a list is expected, with the pointers of its items.

    Args:
        value: a list as it is, null as an empty one, anything else as the only item of one.
        base: JSON Pointer of the value; None where there is none.
    """

    def __init__(self, value: Json, base: str | None) -> None:
        self._base = base or ""
        self._is_list = isinstance(value, list)
        self.items: list[Json] = value if self._is_list else [] if value is None else [value]

    def at(self, index: int) -> str:
        """JSON Pointer of an item."""
        return join(self._base, index) if self._is_list else self._base

    def beside(
        self, paired: set[int], outcome: Callable[[Json, str | None], list[Leaf]]
    ) -> list[Leaf]:
        """Outcomes of the leaves of all items that are not paired."""
        return [
            leaf
            for index, item in enumerate(self.items)
            if index not in paired
            for leaf in outcome(item, self.at(index))
        ]


def align_items(
    rule: ScoringRule,
    inner: dict[str, Any],
    gold: list[Json],
    prediction: list[Json],
    similarity: Similarity,
) -> list[Group]:
    """Align the items of two lists as their rule demands.

    Args:
        rule: of the list; ``ordered`` or ``unordered``.
        inner: the resolved schema of the items.
        gold: items that should be there.
        prediction: items that are there.
        similarity: compares one of each, 0 to 1.

    Returns:
        Pairs as groups of one against one; larger ones only among ordered texts.
    """
    if rule.method == "ordered" and _all_text(gold, prediction):
        chosen = item_rule(rule, inner, "", "")
        if chosen and chosen.method in _STEPPED:
            return align_steps(gold, prediction, similarity, rule.threshold)
    align = align_ordered if rule.method == "ordered" else align_unordered
    return [
        Group(range(one, one + 1), range(other, other + 1), alike)
        for one, other, alike in align(gold, prediction, similarity, rule.threshold)
    ]


def regrouped(group: Group, gold: Listed, prediction: Listed) -> list[Leaf]:
    """Outcomes of a group: every gold item is correct, with the predicted ones that say it."""
    last = len(group.prediction) - 1
    found = []
    for at, one in enumerate(group.gold):
        mine = group.prediction[min(at, last) : min(at, last) + 1]
        if at == len(group.gold) - 1:
            mine = group.prediction[min(at, last) :]
        found.append(Leaf("correct", gold.at(one), tuple(map(prediction.at, mine))))
    return found


def list_similarity(
    rule: ScoringRule, gold: list[Json], prediction: list[Json], groups: list[Group]
) -> float:
    """Graded likeness of two lists, 0 to 1; see :mod:`setaccio.eval.scoring.fields`."""
    if not gold and not prediction:
        return 1.0
    if rule.method == "ordered" and _all_text(gold, prediction):
        return fuzz.ratio(normalise(" ".join(gold)), normalise(" ".join(prediction))) / 100
    return 2 * math.fsum(group.similarity for group in groups) / (len(gold) + len(prediction))


def measured(
    gold: Json, prediction: Json, pairs: Mapping[int, int] | None = None
) -> Measures | None:
    """Count agreement of quantity, unit and name where texts begin with a quantity.

    Args:
        gold: a text, or a list of which the texts are counted.
        prediction: the same of the prediction.
        pairs: for lists, index of a gold item to that of its prediction.

    Returns:
        Counts; None when there is no text at all.
    """
    if pairs is None:
        gold, prediction, pairs = [gold], [prediction], {0: 0}
    texts = [item for item in gold if isinstance(item, str)]
    total = Measures(
        leaves=len(texts),
        gold=sum(map(_has_quantity, texts)),
        predicted=sum(isinstance(item, str) and _has_quantity(item) for item in prediction),
    )
    if not texts and not total.predicted:
        return None
    for one, item in enumerate(gold):
        other = prediction[pairs[one]] if one in pairs else None
        if isinstance(item, str) and isinstance(other, str) and _has_quantity(item):
            parts = compare_measures(item, other)
            total += Measures(
                quantity=parts.quantity, unit=parts.unit, name=parts.name, agreed=parts.all
            )
    return total


def _has_quantity(text: str) -> bool:
    return bool(parse_measure(text).quantity)


def _all_text(gold: list[Json], prediction: list[Json]) -> bool:
    return all(isinstance(item, str) for item in (*gold, *prediction))
