"""Order documents by their risk: a logistic function of signs of doubt, or the confidence alone.

The formula is fitted to the losses of some documents (losses are shares, so the targets are
fractional: Papke and Wooldridge 1996), with a ridge penalty on standardised signs, targets drawn
in from 0 and 1 as Platt (1999) does, and no negative weight for what can only speak for an error.
It is kept only where it orders documents better than the raw confidence does: both are fitted five
times to four fifths of the documents and judged on the fifth that they have not seen
(cross-fitting, Chernozhukov and others 2018), by the area under the risk-coverage curve (Geifman,
Uziel and El-Yaniv 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from setaccio.eval.trust.risk import ErrorUnit, JudgedRow
from setaccio.runtime.result.review import SIGNS, RiskFormula

FOLDS = 5
FEWEST_DOCUMENTS = 20
"""Documents that a formula of several signs takes at least; of fewer, only confidence is used."""

_RAW = ("doubt",)
_NEVER_NEGATIVE = frozenset({"doubt", "worst_doubt", "removed", "ungrounded"})
_RIDGE = 1.0
_LEAST_SLOPE = 1e-6  # of the raw confidence, whose order must stay

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class RiskOrder(NamedTuple):
    """What orders documents.

    Attributes:
        formula: gives their risk.
        learned: whether it is of several signs; otherwise it orders as the raw confidence does.
        held_out: risk of each document by a formula that has not seen it.
        aurc: area under the risk-coverage curve of the several signs, cross-fitted; None where
            there were too few documents.
        raw_aurc: the same of the raw confidence.
    """

    formula: RiskFormula
    learned: bool
    held_out: Numbers
    aurc: float | None
    raw_aurc: float


def fit_ranking(rows: Sequence[JudgedRow], of: ErrorUnit, field: str | None = None) -> RiskOrder:
    """Fit both formulas and keep the better one.

    Args:
        rows: documents, in an order that says nothing about them; those without an answer have
            risk 1 and teach nothing.
        of: what is counted.
        field: a top-level key, or None for the whole document.
    """
    known = [row for row in rows if row.ok]
    loss = np.array([row.loss(of, field) for row in known])
    raw = _cross_fit(known, loss, _RAW, field)
    raw_aurc, more_aurc, more = area(raw, loss), None, raw
    if len(known) >= FEWEST_DOCUMENTS:
        more = _cross_fit(known, loss, SIGNS, field)
        more_aurc = area(more, loss)
    learned = more_aurc is not None and more_aurc < raw_aurc
    formula = _fit(known, loss, SIGNS if learned else _RAW, field)
    held_out = np.ones(len(rows))
    held_out[[row.ok for row in rows]] = more if learned else raw
    return RiskOrder(formula, learned, held_out, more_aurc, raw_aurc)


def area(risk: Numbers, loss: Numbers) -> float:
    """Area under the risk-coverage curve: the mean loss of the surest 1, 2, ... n documents.

    Args:
        risk: of each document; of equal ones each counts with their mean loss.
        loss: of each document.

    Returns:
        0 at best; NaN for none.
    """
    if not len(risk):
        return float("nan")
    _, inverse = np.unique(risk, return_inverse=True)
    mean = np.bincount(inverse, loss) / np.bincount(inverse)
    ordered = mean[np.sort(inverse)]
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean())


def _cross_fit(
    rows: Sequence[JudgedRow], loss: Numbers, names: Sequence[str], field: str | None
) -> Numbers:
    """Risk of each document by a formula that was fitted without it."""
    risk = np.zeros(len(rows))
    for fold in range(FOLDS):
        inside = np.arange(len(rows)) % FOLDS == fold
        others = [row for row, out in zip(rows, ~inside, strict=True) if out]
        formula = _fit(others, loss[~inside], names, field)
        for at in np.flatnonzero(inside):
            risk[at] = formula.risk_of(rows[int(at)].signs(field))
    return risk


def _fit(
    rows: Sequence[JudgedRow], loss: Numbers, names: Sequence[str], field: str | None
) -> RiskFormula:
    """Ridge logistic regression on standardised signs; its weights are for signs as they are."""
    signs = np.array([[row.signs(field)[name] for name in names] for row in rows])
    signs = signs.reshape(len(rows), len(names))
    count = len(rows)
    target = (loss * count + 0.5) / (count + 1) if count else loss
    mean = signs.mean(axis=0) if count else np.zeros(len(names))
    scale = signs.std(axis=0) if count else np.ones(len(names))
    scale = np.where(scale > 1e-9, scale, np.inf)  # what is the same everywhere has no weight
    design = (signs - mean) / scale

    def cost(given: Numbers) -> tuple[float, Numbers]:
        score = given[0] + design @ given[1:]
        value = float(np.logaddexp(0, score).sum() - target @ score)
        slope = expit(score) - target
        gradient = np.concatenate([[slope.sum()], design.T @ slope + _RIDGE * given[1:]])
        return value + _RIDGE / 2 * float(given[1:] @ given[1:]), gradient

    bounds: list[tuple[float | None, float | None]] = [(-20.0, 20.0)]
    bounds += [(0.0 if name in _NEVER_NEGATIVE else None, None) for name in names]
    found = minimize(cost, np.zeros(len(names) + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = found[1:] / scale
    if tuple(names) == _RAW:
        weights = np.maximum(weights, _LEAST_SLOPE)
    kept = {name: round(float(one), 6) for name, one in zip(names, weights, strict=True) if one}
    return RiskFormula(round(float(found[0] - weights @ mean), 6), kept, field)
