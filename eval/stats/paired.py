"""Is one arm better than another? Paired differences, with what chance alone would do.

Both arms answered the same documents, so what makes a document hard cancels out. The interval of a
difference is the percentile bootstrap (Efron 1979) over documents, each drawn with both its
scores, with the seed and number of resamples of :mod:`setaccio.eval.stats.summary`. Yes or no (L1,
L2, L3) is also tested by McNemar's exact test (1947): of the documents on which the two disagree,
each arm should win half; the p-value is that of the two-sided binomial test.

A difference counts as one when the interval leaves out zero and, for yes or no, when p is below
:data:`ALPHA` too. Anything else is inside the noise and is printed as such, whatever its size.
Nothing is corrected for the number of comparisons: of twenty differences that are none, about one
will look like one.

    >>> print(compare_arms(base, tuned)[0].words())
    L1: 88.0% to 100%, +12.0 points [+4.0, +22.0], p = 0.031
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from setaccio.data.errors import UsageError
from setaccio.eval.formats import percent, points
from setaccio.eval.scoring.score import DocumentScore
from setaccio.eval.stats.summary import resamples

if TYPE_CHECKING:
    from setaccio.eval.result import ArmResult

ALPHA = 0.05
LEVELS = frozenset(("L1", "L2", "L3"))
"""Metrics that are yes or no for a document."""

_NUMBERS = {"L1": "l1", "L2": "l2", "L3": "l3", "score": "score", "ANLS*": "anls"}
_Array = np.ndarray[Any, np.dtype[np.float64]]
_Tested = tuple[int | None, int | None, float | None]


@dataclass(frozen=True)
class Difference:
    """One number of two arms, measured on the same documents.

    Attributes:
        metric: ``L1``, ``L2``, ``L3``, ``score``, ``ANLS*`` or ``<field> F1``, ``<field> right``.
        before: name and decoding of the first arm.
        after: name and decoding of the second.
        documents: how many both answered.
        first: the first arm's number, 0 to 1.
        second: the second arm's.
        difference: second less first.
        low: lower end of the 95% interval of the difference.
        high: upper end.
        won: documents right in the second arm only; None where it is not yes or no.
        lost: documents right in the first arm only; None where it is not yes or no.
        p_value: of McNemar's exact test; None where it is not yes or no.
    """

    metric: str
    before: str
    after: str
    documents: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    won: int | None = None
    lost: int | None = None
    p_value: float | None = None

    @property
    def is_noise(self) -> bool:
        """Whether chance alone may well have made it."""
        if self.low <= 0 <= self.high:
            return True
        return self.p_value is not None and self.p_value >= ALPHA

    def short(self) -> str:
        """A table cell: points with their interval, and ``noise`` where it is no difference."""
        if self.first == self.second and self.low == self.high == 0:
            return "none"
        said = f"{points(self.difference)} [{points(self.low)}, {points(self.high)}]"
        return f"{said} noise" if self.is_noise else said

    def words(self) -> str:
        """One line for people."""
        said = f"{self.metric}: {percent(self.first)} to {percent(self.second)}"
        if self.short() == "none":
            return f"{said}, no difference"
        interval = f"[{points(self.low)}, {points(self.high)}]"
        said += f", {points(self.difference)} points {interval}"
        if self.p_value is not None:
            shown = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
            said += f", {shown}"
        return f"{said}: inside the noise" if self.is_noise else said

    def to_dict(self) -> dict[str, Any]:
        """As a plain dictionary, with ``is_noise``."""
        return {**asdict(self), "is_noise": self.is_noise}


def compare_arms(arm_a: ArmResult, arm_b: ArmResult) -> tuple[Difference, ...]:
    """What the second arm does better or worse than the first.

    Args:
        arm_a: the arm to compare with.
        arm_b: the arm that is compared.

    Returns:
        One difference for each of L1, L2, L3, the score, ANLS*, and every field that both have
        scored: micro F1 of a list, the rate of right values of anything else.

    Raises:
        UsageError: the two were not measured on the same documents.
    """
    first, second = list(arm_a.scores), list(arm_b.scores)
    if not first or [one.id for one in first] != [one.id for one in second]:
        raise UsageError(
            f"{arm_a.label} and {arm_b.label} were not measured on the same documents. "
            "Compare arms of one run."
        )
    names = arm_a.label, arm_b.label
    found = [
        paired_difference(
            title,
            names,
            [float(getattr(score, key)) for score in first],
            [float(getattr(score, key)) for score in second],
        )
        for title, key in _NUMBERS.items()
    ]
    paths = [path for path in arm_a.summary.fields if path in arm_b.summary.fields]
    found += [_of_field(path, names, first, second) for path in paths]
    return tuple(found)


def paired_difference(
    metric: str, names: tuple[str, str], first: Sequence[float], second: Sequence[float]
) -> Difference:
    """Compare one number of two arms, document by document.

    Args:
        metric: its name; those of :data:`LEVELS` are yes or no and get McNemar's test.
        names: of the arms, the one to compare with first.
        first: one value per document, 0 to 1, at least one.
        second: the other arm's, of the same documents in the same order.
    """
    tested: _Tested = (None, None, None)
    if metric in LEVELS:
        tested = mcnemar([value > 0 for value in first], [value > 0 for value in second])
    columns = [np.array(values, dtype=float).reshape(-1, 1) for values in (first, second)]
    return _difference(metric, names, columns[0], columns[1], np.ones_like(columns[0]), tested)


def pairs_of_arms(arms: Sequence[ArmResult]) -> list[tuple[ArmResult, ArmResult]]:
    """Which arms are compared with which: one thing at a time changes.

    Free with constrained decoding of every model, and with equal decoding every model with the
    first one.
    """
    pairs = []
    for arm in arms:
        same_model = [one for one in arms if one.name == arm.name]
        if arm is not same_model[0]:
            pairs.append((same_model[0], arm))
        alike = [one for one in arms if one.constraint == arm.constraint]
        if arm is not alike[0] and alike[0].name != arm.name:
            pairs.append((alike[0], arm))
    measured = [[score.id for score in arm.scores] for arm in arms]
    order = {id(arm): ids for arm, ids in zip(arms, measured, strict=True)}
    return [(one, two) for one, two in pairs if order[id(one)] == order[id(two)] != []]


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> tuple[int, int, float]:
    """McNemar's exact test on paired yes and no.

    Returns:
        Pairs that only the second has, pairs that only the first has, and the two-sided p-value,
        1 when the two never disagree.
    """
    won = sum(two and not one for one, two in zip(first, second, strict=True))
    lost = sum(one and not two for one, two in zip(first, second, strict=True))
    p_value = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return won, lost, p_value


def _of_field(
    path: str, names: tuple[str, str], first: list[DocumentScore], second: list[DocumentScore]
) -> Difference:
    one, two = (_parts(path, scores) for scores in (first, second))
    is_list = any(score.fields[path].items for score in first if path in score.fields)
    title = f"{path} {'F1' if is_list else 'right'}"
    weights = np.stack([one[:, 1], two[:, 1]], axis=1)
    return _difference(title, names, one[:, :1], two[:, :1], weights, (None, None, None))


def _parts(path: str, scores: list[DocumentScore]) -> _Array:
    """Per document what a field earns and over how much; nothing where the field is absent."""
    rows = []
    for score in scores:
        part = score.fields.get(path)
        if part is None:
            rows.append((0.0, 0.0))
        elif part.items:
            both = part.items.gold + part.items.predicted
            rows.append((2.0 * part.items.matched + part.items.surplus, float(both)))
        else:
            rows.append((part.score, 1.0))
    return np.array(rows, dtype=float)


def _difference(
    title: str,
    names: tuple[str, str],
    first: _Array,
    second: _Array,
    weights: _Array,
    tested: _Tested,
) -> Difference:
    """Ratio of sums in either arm, and the interval of their difference.

    ``first`` and ``second`` have one column: what each document earns; ``weights`` says over how
    much, in one column for both arms or one for each.
    """
    columns = np.concatenate([first, second, weights[:, :1], weights[:, -1:]], axis=1)
    count = len(columns)
    sums = np.concatenate([columns[block].sum(axis=1) for block in resamples(count)])
    one, two = _ratios(columns.sum(axis=0, keepdims=True))
    drawn = np.subtract(*_ratios(sums)[::-1])
    low, high = np.percentile(drawn, [2.5, 97.5])
    won, lost, p_value = tested
    return Difference(
        metric=title,
        before=names[0],
        after=names[1],
        documents=count,
        first=float(one[0]),
        second=float(two[0]),
        difference=float(two[0] - one[0]),
        low=float(low),
        high=float(high),
        won=won,
        lost=lost,
        p_value=p_value,
    )


def _ratios(sums: _Array) -> tuple[_Array, _Array]:
    """Of sums in four columns; 1 where there was nothing to earn, as for empty lists."""
    found = [
        np.where(sums[:, at + 2] > 0, sums[:, at] / np.maximum(sums[:, at + 2], 1), 1.0)
        for at in (0, 1)
    ]
    return found[0], found[1]
