"""Gold against prediction, field by field.

Every field gets two numbers from 0 to 1. Its ``score`` is strict: what its rule calls right; for a
list, the F1 of its matched items. Its ``similarity`` is graded, and tells a near miss from
something unrelated. Every leaf (a value that is neither object nor list; an empty list counts as
one) is one of

``correct``       as the rule demands; null where gold is null; nothing where gold is an empty list
``wrong``         there, but not what gold says
``omitted``       in gold, not in the prediction
``hallucinated``  in the prediction, not in gold

and is known by its JSON Pointers into gold and prediction.

A list's items are aligned one to one; pairs that reach the rule's threshold are its matches, from
which precision, recall and F1 follow. A pair below it, but at least :data:`RELATED` alike, is one
wrong item; anything else is an omitted and a hallucinated one. A key that is missing counts as
null; a key that is neither in the schema nor in gold is hallucinated. Where the order counts and
the items are texts, neighbours may also match as groups
(:func:`setaccio.eval.scoring.align.align_steps`), so that a step that is split, or two that are
merged, is no step missed.

The similarity of a list is twice the sum of its pairs' similarities over the items of both sides.
Where the order counts and the items are texts, it is that of the joined texts instead (rapidfuzz's
``ratio``).

Texts that begin with a quantity get a strict sub-score beside the score of their field, whatever
its rule: :class:`setaccio.eval.scoring.counts.Measures`. Ordered texts, which are prose, do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from setaccio.data.schema.pointers import join
from setaccio.data.task.task import Json, ScoringRule, Task
from setaccio.eval.scoring.counts import (
    Items,
    Leaf,
    Leaves,
    Measures,
    Outcome,
    hallucinated,
    omitted,
)
from setaccio.eval.scoring.lists import Listed, align_items, list_similarity, measured, regrouped
from setaccio.eval.scoring.rules import EXACT, item_rule, resolve, rule_for
from setaccio.eval.scoring.scalars import compare_scalars

SCORING = "2"  # changes whenever the same output could get another score
RELATED = 0.5  # similarity from which an unmatched pair of items is one mistake instead of two
_WORDED = frozenset(("text", "fuzzy", "measure"))  # rules under which a quantity may be read


@dataclass(frozen=True)
class FieldScore:
    """How one field came out.

    Attributes:
        path: such as ``author.name``; empty for the whole value.
        method: method of the rule, or ``object``.
        score: what the rule gives, 0 to 1.
        similarity: the graded likeness, 0 to 1.
        leaves: outcomes of the leaves at and below this field, counted.
        items: counts of a list; None for other fields.
        children: fields of an object; empty for other fields.
        strict: counts of texts that begin with a quantity; None where there is no text.
        outcomes: outcomes of the leaves at and below this field, one by one.
    """

    path: str
    method: str
    score: float
    similarity: float
    leaves: Leaves
    items: Items | None = None
    children: tuple[FieldScore, ...] = field(default=())
    strict: Measures | None = None
    outcomes: tuple[Leaf, ...] = field(default=())

    def walk(self) -> Iterator[FieldScore]:
        """This field if it is a scalar or a list, else the ones below it, depth first."""
        if self.method != "object" or not self.children:
            yield self
        for child in self.children:
            yield from child.walk()


class _At(NamedTuple):
    """JSON Pointers of the two values that are compared; None where there is none."""

    gold: str | None
    prediction: str | None

    def below(self, key: str, gold: dict[str, Json], prediction: dict[str, Json]) -> _At:
        """The pointers of a member."""
        return _At(
            join(self.gold, key) if self.gold is not None and key in gold else None,
            join(self.prediction, key)
            if self.prediction is not None and key in prediction
            else None,
        )


ROOT = _At("", "")


def score_value(task: Task, gold: Json, prediction: Json) -> FieldScore:
    """Score a whole predicted value against gold.

    Args:
        task: its schema and declared rules decide how.
        gold: the value that should have come out.
        prediction: the value that did.

    Returns:
        The root of a tree of scores, an object with one child per field.
    """
    return _Scorer(task).compare("", task.json_schema, gold, prediction, ROOT)


def score_nothing(task: Task, gold: Json) -> FieldScore:
    """What a failed output gets: zero everywhere, every gold leaf omitted."""
    return _zero(score_value(task, gold, gold), gold, "")


def _zero(perfect: FieldScore, gold: Json, at: str) -> FieldScore:
    values = gold if isinstance(gold, dict) else {}
    prefix = f"{perfect.path}." if perfect.path else ""
    keys = [child.path.removeprefix(prefix) for child in perfect.children]
    strict = perfect.strict
    return _field(
        perfect.path,
        perfect.method,
        0.0,
        0.0,
        omitted(gold, at),
        items=perfect.items and Items(gold=perfect.items.gold),
        strict=strict and Measures(leaves=strict.leaves, gold=strict.gold),
        children=tuple(
            _zero(child, values.get(key), join(at, key))
            for child, key in zip(perfect.children, keys, strict=True)
        ),
    )


def _field(
    path: str,
    method: str,
    score: float,
    similarity: float,
    outcomes: list[Leaf],
    *,
    items: Items | None = None,
    children: tuple[FieldScore, ...] = (),
    strict: Measures | None = None,
) -> FieldScore:
    counts = Leaves.of(outcomes)
    found = tuple(outcomes)
    return FieldScore(path, method, score, similarity, counts, items, children, strict, found)


def _both(outcome: Outcome, at: _At) -> list[Leaf]:
    return [Leaf(outcome, at.gold, () if at.prediction is None else (at.prediction,))]


class _Scorer:
    """The recursion of :func:`score_value`, which always knows the task."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def compare(self, path: str, schema: Json, gold: Json, prediction: Json, at: _At) -> FieldScore:
        schema = resolve(schema, self.task.json_schema)
        rule = rule_for(self.task, path, schema, gold, prediction)
        return self._with_rule(rule, path, schema, gold, prediction, at)

    def _with_rule(
        self,
        rule: ScoringRule | None,
        path: str,
        schema: Json,
        gold: Json,
        prediction: Json,
        at: _At,
    ) -> FieldScore:
        method = rule.method if rule else "object"
        if rule and method in ("unordered", "ordered"):
            return self._lists(rule, path, schema, gold, prediction, at)
        absent = gold is None, prediction is None
        if absent == (True, True):
            return _field(path, method, 1.0, 1.0, _both("correct", at))
        if rule is None and (isinstance(gold, dict) or isinstance(prediction, dict)):
            return self._objects(path, schema, gold, prediction, at)
        strict = measured(gold, prediction) if rule and method in _WORDED else None
        if absent == (True, False):
            found = hallucinated(prediction, at.prediction)
            return _field(path, method, 0.0, 0.0, found, strict=strict)
        if absent == (False, True):
            return _field(path, method, 0.0, 0.0, omitted(gold, at.gold), strict=strict)
        similarity, right = compare_scalars(rule or EXACT, gold, prediction)
        outcomes = _both("correct" if right else "wrong", at)
        return _field(path, method, float(right), similarity, outcomes, strict=strict)

    def _objects(
        self, path: str, schema: Json, gold: Json, prediction: Json, at: _At
    ) -> FieldScore:
        """Field by field; the object's numbers are the means of its fields'."""
        wanted = gold if isinstance(gold, dict) else {}
        found = prediction if isinstance(prediction, dict) else {}
        known = schema.get("properties", {})
        keys = [k for k in known if k in wanted or k in found]
        keys += [k for k in (*wanted, *found) if k not in known]
        children = tuple(
            self.compare(
                f"{path}.{key}" if path else key,
                known.get(key),
                wanted.get(key),
                found.get(key),
                at.below(key, wanted, found),
            )
            for key in dict.fromkeys(keys)
        )
        if not children:
            right = wanted == gold and found == prediction
            outcomes = _both("correct" if right else "wrong", at)
            return _field(path, "object", float(right), float(right), outcomes)
        outcomes = [leaf for child in children for leaf in child.outcomes]
        if prediction is not None and not isinstance(prediction, dict):
            outcomes += hallucinated(prediction, at.prediction)
        if gold is not None and not isinstance(gold, dict):
            outcomes += omitted(gold, at.gold)
        return _field(
            path,
            "object",
            sum(child.score for child in children) / len(children),
            sum(child.similarity for child in children) / len(children),
            outcomes,
            children=children,
        )

    def _lists(
        self, rule: ScoringRule, path: str, schema: Json, gold: Json, prediction: Json, at: _At
    ) -> FieldScore:
        """Align the items, then count matches and leaves."""
        inner = resolve(schema.get("items"), self.task.json_schema)
        ours, theirs = Listed(gold, at.gold), Listed(prediction, at.prediction)

        def item(one: Json, other: Json, place: _At = ROOT) -> FieldScore:
            chosen = item_rule(rule, inner, one, other)
            return self._with_rule(chosen, path, inner, one, other, place)

        wording = item_rule(rule, inner, "", "")

        def alike(one: Json, other: Json) -> float:
            if wording and isinstance(one, str) and isinstance(other, str):
                return compare_scalars(wording, one, other)[0]  # nothing else is asked of it yet
            return item(one, other).similarity

        groups = align_items(rule, inner, ours.items, theirs.items, alike)
        likeness = list_similarity(rule, ours.items, theirs.items, groups)
        items, outcomes = Items(0, len(ours.items), len(theirs.items)), list[Leaf]()
        related = [one for one in groups if one.similarity >= min(RELATED, rule.threshold)]
        strict = None
        if rule.method == "unordered":
            pairs = {group.gold[0]: group.prediction[0] for group in related}
            strict = measured(ours.items, theirs.items, pairs)
        for group in related:
            if group.similarity >= rule.threshold:
                surplus = len(group.prediction) - len(group.gold)
                items += Items(matched=len(group.gold), surplus=surplus)
            if len(group.gold) == len(group.prediction) == 1:
                one, other = group.gold[0], group.prediction[0]
                place = _At(ours.at(one), theirs.at(other))
                outcomes += item(ours.items[one], theirs.items[other], place).outcomes
            else:
                outcomes += regrouped(group, ours, theirs)
        outcomes += ours.beside({n for group in related for n in group.gold}, omitted)
        outcomes += theirs.beside({n for group in related for n in group.prediction}, hallucinated)
        if not ours.items and not theirs.items:
            outcomes = _both("correct", at)
        return _field(path, rule.method, items.f1, likeness, outcomes, items=items, strict=strict)
