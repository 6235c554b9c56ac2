"""Gold against prediction, field by field.

Every field gets two numbers from 0 to 1. Its ``score`` is strict: what its rule calls right; for a
list, the F1 of its matched items. Its ``similarity`` is graded, and tells a near miss from
something unrelated. Every leaf (a value that is neither object nor list; an empty list counts as
one) is one of

``correct``       as the rule demands; null where gold is null; nothing where gold is an empty list
``wrong``         there, but not what gold says
``omitted``       in gold, not in the prediction
``hallucinated``  in the prediction, not in gold

A list's items are aligned one to one; pairs that reach the rule's threshold are its matches, from
which precision, recall and F1 follow. A pair below it, but at least :data:`RELATED` alike, is one
wrong item; anything else is an omitted and a hallucinated one. A key that is missing counts as
null; a key that is neither in the schema nor in gold is hallucinated.

The similarity of a list is twice the sum of its pairs' similarities over the items of both sides.
Where the order counts and the items are texts, it is that of the joined texts instead (rapidfuzz's
``ratio``), so that splitting one step into two does not read as a different procedure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz

from setaccio.data.task import Json, ScoringRule, Task
from setaccio.eval.align import Match, align_ordered, align_unordered, text_similarity
from setaccio.eval.normalise import normalise, parse_number
from setaccio.eval.rules import EXACT, item_rule, resolve, rule_for

RELATED = 0.5  # similarity from which an unmatched pair of items is one mistake instead of two


@dataclass(frozen=True)
class Leaves:
    """How many leaves came out how; adds up with ``+``."""

    correct: int = 0
    wrong: int = 0
    omitted: int = 0
    hallucinated: int = 0

    def __add__(self, other: Leaves) -> Leaves:
        return Leaves(
            self.correct + other.correct,
            self.wrong + other.wrong,
            self.omitted + other.omitted,
            self.hallucinated + other.hallucinated,
        )


@dataclass(frozen=True)
class Items:
    """Counts behind precision, recall and F1 of a list; adds up with ``+`` (micro average)."""

    matched: int = 0
    gold: int = 0
    predicted: int = 0

    def __add__(self, other: Items) -> Items:
        return Items(
            self.matched + other.matched,
            self.gold + other.gold,
            self.predicted + other.predicted,
        )

    @property
    def precision(self) -> float:
        """Matched over predicted; 1 when nothing was predicted and nothing was there."""
        return self.matched / self.predicted if self.predicted else float(not self.gold)

    @property
    def recall(self) -> float:
        """Matched over gold; 1 when there was nothing to find."""
        return self.matched / self.gold if self.gold else 1.0

    @property
    def f1(self) -> float:
        """Twice the matched over gold and predicted; 1 when both lists are empty."""
        total = self.gold + self.predicted
        return 2 * self.matched / total if total else 1.0


@dataclass(frozen=True)
class FieldScore:
    """How one field came out.

    Attributes:
        path: such as ``author.name``; empty for the whole value.
        method: method of the rule, or ``object``.
        score: what the rule gives, 0 to 1.
        similarity: the graded likeness, 0 to 1.
        leaves: outcomes of the leaves at and below this field.
        items: counts of a list; None for other fields.
        children: fields of an object; empty for other fields.
    """

    path: str
    method: str
    score: float
    similarity: float
    leaves: Leaves
    items: Items | None = None
    children: tuple[FieldScore, ...] = field(default=())

    def walk(self) -> Iterator[FieldScore]:
        """This field if it is a scalar or a list, else the ones below it, depth first."""
        if self.method != "object" or not self.children:
            yield self
        for child in self.children:
            yield from child.walk()


def count_leaves(value: Json) -> int:
    """How many leaves a JSON value has; an empty object or list is one."""
    parts = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return 1
    return sum(map(count_leaves, parts)) or 1


def score_value(task: Task, gold: Json, prediction: Json) -> FieldScore:
    """Score a whole predicted value against gold.

    Args:
        task: its schema and declared rules decide how.
        gold: the value that should have come out.
        prediction: the value that did.

    Returns:
        The root of a tree of scores, an object with one child per field.
    """
    return _Scorer(task).compare("", task.json_schema, gold, prediction)


def score_nothing(task: Task, gold: Json) -> FieldScore:
    """What a failed output gets: zero everywhere, every gold leaf omitted."""
    return _zero(score_value(task, gold, gold), gold)


def _zero(perfect: FieldScore, gold: Json) -> FieldScore:
    values = gold if isinstance(gold, dict) else {}
    prefix = f"{perfect.path}." if perfect.path else ""
    return FieldScore(
        path=perfect.path,
        method=perfect.method,
        score=0.0,
        similarity=0.0,
        leaves=Leaves(omitted=count_leaves(gold)),
        items=perfect.items and Items(gold=perfect.items.gold),
        children=tuple(
            _zero(child, values.get(child.path.removeprefix(prefix))) for child in perfect.children
        ),
    )


class _Scorer:
    """The recursion of :func:`score_value`, which always knows the task."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def compare(self, path: str, schema: Json, gold: Json, prediction: Json) -> FieldScore:
        schema = resolve(schema, self.task.json_schema)
        rule = rule_for(self.task, path, schema, gold, prediction)
        return self._with_rule(rule, path, schema, gold, prediction)

    def _with_rule(
        self, rule: ScoringRule | None, path: str, schema: Json, gold: Json, prediction: Json
    ) -> FieldScore:
        method = rule.method if rule else "object"
        if rule and method in ("unordered", "ordered"):
            return self._lists(rule, path, schema, _listed(gold), _listed(prediction))
        absent = gold is None, prediction is None
        if absent == (True, True):
            return FieldScore(path, method, 1.0, 1.0, Leaves(correct=1))
        if rule is None and (isinstance(gold, dict) or isinstance(prediction, dict)):
            return self._objects(path, schema, gold, prediction)
        if absent == (True, False):
            return FieldScore(path, method, 0.0, 0.0, Leaves(hallucinated=count_leaves(prediction)))
        if absent == (False, True):
            return FieldScore(path, method, 0.0, 0.0, Leaves(omitted=count_leaves(gold)))
        similarity, right = _scalars(rule or EXACT, gold, prediction)
        leaves = Leaves(correct=1) if right else Leaves(wrong=1)
        return FieldScore(path, method, float(right), similarity, leaves)

    def _objects(self, path: str, schema: Json, gold: Json, prediction: Json) -> FieldScore:
        """Field by field; the object's numbers are the means of its fields'."""
        wanted = gold if isinstance(gold, dict) else {}
        found = prediction if isinstance(prediction, dict) else {}
        known = schema.get("properties", {})
        keys = [k for k in known if k in wanted or k in found]
        keys += [k for k in (*wanted, *found) if k not in known]
        children = tuple(
            self.compare(
                f"{path}.{key}" if path else key, known.get(key), wanted.get(key), found.get(key)
            )
            for key in dict.fromkeys(keys)
        )
        if not children:
            right = wanted == gold and found == prediction
            leaves = Leaves(correct=1) if right else Leaves(wrong=1)
            return FieldScore(path, "object", float(right), float(right), leaves)
        leaves = sum((child.leaves for child in children), Leaves())
        if prediction is not None and not isinstance(prediction, dict):
            leaves += Leaves(hallucinated=count_leaves(prediction))
        if gold is not None and not isinstance(gold, dict):
            leaves += Leaves(omitted=count_leaves(gold))
        return FieldScore(
            path,
            "object",
            sum(child.score for child in children) / len(children),
            sum(child.similarity for child in children) / len(children),
            leaves,
            children=children,
        )

    def _lists(
        self, rule: ScoringRule, path: str, schema: Json, gold: list[Json], found: list[Json]
    ) -> FieldScore:
        """Align the items, then count matches and leaves."""
        inner = resolve(schema.get("items"), self.task.json_schema)

        def item(one: Json, other: Json) -> FieldScore:
            return self._with_rule(item_rule(rule, inner, one, other), path, inner, one, other)

        align = align_ordered if rule.method == "ordered" else align_unordered
        pairs = align(gold, found, lambda one, other: item(one, other).similarity, rule.threshold)
        items = Items(sum(p.similarity >= rule.threshold for p in pairs), len(gold), len(found))
        leaves = Leaves(correct=0 if gold or found else 1)
        related = [p for p in pairs if p.similarity >= min(RELATED, rule.threshold)]
        for pair in related:
            leaves += item(gold[pair.gold], found[pair.prediction]).leaves
        leaves += Leaves(
            omitted=_unpaired(gold, {p.gold for p in related}),
            hallucinated=_unpaired(found, {p.prediction for p in related}),
        )
        likeness = _list_similarity(rule, gold, found, pairs)
        return FieldScore(path, rule.method, items.f1, likeness, leaves, items)


def _listed(value: Json) -> list[Json]:
    """A list as it is, null as an empty one, anything else as the only item of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _unpaired(items: list[Json], paired: set[int]) -> int:
    return sum(count_leaves(item) for at, item in enumerate(items) if at not in paired)


def _list_similarity(
    rule: ScoringRule, gold: list[Json], found: list[Json], pairs: list[Match]
) -> float:
    if not gold and not found:
        return 1.0
    if rule.method == "ordered" and all(isinstance(item, str) for item in (*gold, *found)):
        return fuzz.ratio(normalise(" ".join(gold)), normalise(" ".join(found))) / 100
    return 2 * math.fsum(pair.similarity for pair in pairs) / (len(gold) + len(found))


def _scalars(rule: ScoringRule, gold: Json, prediction: Json) -> tuple[float, bool]:
    """Similarity of two values that are not null, and whether the rule calls them equal."""
    if rule.method == "exact":
        right = _canonical(gold) == _canonical(prediction)
        return float(right), right
    if rule.method == "number":
        wanted, found = parse_number(gold), parse_number(prediction)
        if wanted is not None and found is not None:
            right = math.isclose(wanted, found, rel_tol=1e-9, abs_tol=rule.tolerance)
            return float(right), right
    left, right_text = _as_text(gold), _as_text(prediction)
    similarity = text_similarity(left, right_text)
    if rule.method == "fuzzy":
        return similarity, similarity >= rule.threshold
    return similarity, normalise(left) == normalise(right_text)


def _canonical(value: Any) -> str:
    """JSON text by which values are equal exactly when JSON says so: 1 is 1.0, but not true."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else _canonical(value)
