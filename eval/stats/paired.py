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
from typing import Any

import numpy as np
from scipy.stats import binomtest

from setaccio.eval.formats import percent, points
from setaccio.eval.scoring.score import DocumentScore
from setaccio.eval.stats.summary import resamples

ALPHA = 0.05
LEVELS = frozenset(("L1", "L2", "L3", "exact"))
"""Metrics that are yes or no for a document."""

NUMBERS = {"L1": "l1", "L2": "l2", "L3": "l3", "exact": "exact", "score": "score", "ANLS*": "anls"}
"""Metrics of a document that are no field, and where its score has them."""

_Array = np.ndarray[Any, np.dtype[np.float64]]
_Tested = tuple[int | None, int | None, float | None]


@dataclass(frozen=True)
class Difference:
    """One number of two arms, measured on the same documents.

    Attributes:
        metric: ``L1``, ``L2``, ``L3``, ``exact``, ``score``, ``ANLS*``, ``<field> F1`` or
            ``<field> right``.
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


def field_difference(
    path: str,
    names: tuple[str, str],
    first: Sequence[DocumentScore],
    second: Sequence[DocumentScore],
) -> Difference:
    """Compare a field of two arms: micro F1 of a list, the rate of right values of anything else.

    Args:
        path: of the field.
        names: of the arms, the one to compare with first.
        first: one score per document, at least one.
        second: the other arm's, of the same documents in the same order.
    """
    one, two = (_parts(path, scores) for scores in (first, second))
    is_list = any(score.fields[path].items for score in first if path in score.fields)
    title = f"{path} {'F1' if is_list else 'right'}"
    weights = np.stack([one[:, 1], two[:, 1]], axis=1)
    return _difference(title, names, one[:, :1], two[:, :1], weights, (None, None, None))


def _parts(path: str, scores: Sequence[DocumentScore]) -> _Array:
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
