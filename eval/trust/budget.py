"""Make a review budget: learn what to look at on some documents, prove the promise on the others.

    >>> found = make_budget(rows, of="values", max_error=0.01, confidence=0.95)
    >>> found.threshold, found.sent, found.pairs_needed

Three tenths of the documents, chosen by a hash of their ids, teach the formula, the thresholds and
where testing begins; the other seven tenths prove. No document does both, so nothing leaks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from setaccio.data.errors import DataError, UsageError
from setaccio.eval.trust.bound import (
    evidence_per_document,
    fewest_documents,
    last_rejected,
    p_value_for,
)
from setaccio.eval.trust.ranking import Numbers, RiskOrder, area, fit_ranking
from setaccio.eval.trust.risk import ErrorUnit, JudgedRow, shuffled_rows
from setaccio.runtime.result.review import RiskFormula

LEARN_SHARE = 0.3
COVERAGES = tuple(1 - step / 20 for step in range(20))
FEWEST = 10
"""Documents below which nothing is tried."""
ASSUMPTION = (
    "It holds for documents that come as these did (exchangeable: same sources, same kinds, same "
    "model and options); setaccio drift tells when they no longer do."
)
_STEPS = 50  # thresholds that are tested at most
_MARGIN = 1.3  # more pairs than are needed on the average, for luck is not always average
_PASSES_ALL = 0.999999  # whatever has an answer: rows without one have risk 1


@dataclass(frozen=True)
class CurvePoint:
    """What is wrong among the surest documents.

    Attributes:
        sent: share of documents that a person looks at.
        threshold: greatest risk that passes.
        values: wrong values among those not sent: of each document the share, averaged.
        documents: share of documents with an error among those not sent.
    """

    sent: float
    threshold: float
    values: float
    documents: float


@dataclass(frozen=True)
class FoundBudget:
    """What was learned and proved, for the whole document or one field.

    Attributes:
        field: the top-level key; None for the whole document.
        of: what is counted as an error.
        max_error: what was to be promised.
        confidence: how surely.
        formula: what gives the risk.
        learned: whether it is of several signs; otherwise of confidence alone.
        threshold: greatest risk that passes; None where the promise can not be kept.
        sent: share of the proving documents that are sent to a person; all without a promise.
        error: error among the others, as it was seen; None where there are none.
        taught: documents that taught.
        proved: documents that proved.
        overall: error of all proving documents that have an answer.
        aurc: area under the risk-coverage curve of the formula on the proving documents.
        raw_aurc: the same of the raw confidence.
        curve: from nothing sent to nine tenths, on the proving documents.
        pairs_needed: about how many pairs would be needed; None where it is kept, or where no
            number would do.
    """

    field: str | None
    of: ErrorUnit
    max_error: float
    confidence: float
    formula: RiskFormula
    learned: bool
    threshold: float | None
    sent: float
    error: float | None
    taught: int
    proved: int
    overall: float
    aurc: float
    raw_aurc: float
    curve: tuple[CurvePoint, ...]
    pairs_needed: int | None

    @property
    def kept(self) -> bool:
        """Whether the promise can be kept."""
        return self.threshold is not None

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, without the formula's own form."""
        kept = {name: value for name, value in vars(self).items() if name != "formula"}
        kept["curve"] = [vars(point) for point in self.curve]
        return {**kept, "kept": self.kept}


def make_budget(
    rows: Sequence[JudgedRow],
    *,
    of: ErrorUnit = "values",
    max_error: float = 0.01,
    confidence: float = 0.95,
    field: str | None = None,
    taught_by: Sequence[JudgedRow] | None = None,
    seed: int = 0,
) -> FoundBudget:
    """Learn, prove, and say what was found.

    Args:
        rows: documents that the model was not trained on.
        of: what counts: ``values`` (of each document the share of its values that are wrong,
            averaged) or ``documents`` with any error.
        max_error: greatest error among what is not sent to a person, above 0 and below 1.
        confidence: how surely, above 0 and below 1.
        field: judge the values of one top-level key only.
        taught_by: other documents to learn from, so that all of ``rows`` can prove.
        seed: of the division.

    Raises:
        UsageError: a share out of range.
        DataError: too few documents.
    """
    for name, share in (("max_error", max_error), ("confidence", confidence)):
        if not 0 < share < 1:
            raise UsageError(f"{name} is {share:g}. Choose a number above 0 and below 1.")
    teaching, proving = _divide(rows, taught_by, seed)
    ranking = fit_ranking(teaching, of, field)
    losses = np.array([row.loss(of, field) for row in proving])
    risk = np.array([_risk(ranking.formula, row) for row in proving])
    thresholds, start = _sequence(teaching, ranking, of, max_error, len(proving))
    delta, p_value = 1 - confidence, p_value_for(of)
    threshold = last_rejected(
        thresholds, start, risk, losses, lambda seen: p_value(seen, max_error, delta), delta
    )
    passed = risk <= (-1.0 if threshold is None else threshold)
    ok = np.array([row.ok for row in proving])
    raw = np.array([row.signs(field)["doubt"] for row in proving if row.ok])
    found = FoundBudget(
        field=field,
        of=of,
        max_error=max_error,
        confidence=confidence,
        formula=ranking.formula,
        learned=ranking.learned,
        threshold=threshold,
        sent=float(1 - passed.mean()),
        error=float(losses[passed].mean()) if passed.any() else None,
        taught=len(teaching),
        proved=len(proving),
        overall=float(losses[ok].mean()) if ok.any() else 1.0,
        aurc=area(risk[ok], losses[ok]),
        raw_aurc=area(raw, losses[ok]),
        curve=_curve(proving, risk, field),
        pairs_needed=None,
    )
    if threshold is not None:
        return found
    needed = _pairs_needed(found, risk, losses, len(proving) / len(rows))
    return replace(found, pairs_needed=needed and max(needed, math.ceil(_MARGIN * len(rows))))


def _risk(formula: RiskFormula, row: JudgedRow) -> float:
    return formula.risk_of(row.signs(formula.field)) if row.ok else 1.0


def _divide(
    rows: Sequence[JudgedRow], taught_by: Sequence[JudgedRow] | None, seed: int
) -> tuple[list[JudgedRow], list[JudgedRow]]:
    """Those that teach, and those that prove, each in an order that says nothing about them."""
    mixed = shuffled_rows(rows, seed)
    if taught_by is None:
        count = round(LEARN_SHARE * len(mixed))
        teaching, proving = mixed[:count], mixed[count:]
    else:
        teaching, proving = shuffled_rows(taught_by, seed), mixed
        both = {row.id for row in teaching} & {row.id for row in proving}
        if both:
            raise DataError(
                f"{len(both)} documents are in both runs, such as {min(both)!r}. Learn from others."
            )
    if not any(row.ok for row in teaching):
        raise DataError("No document to learn from has an answer whose status is ok.")
    if min(len(teaching), len(proving)) < FEWEST:
        raise DataError(
            f"{len(teaching)} documents to learn from and {len(proving)} to prove with are too "
            f"few: {FEWEST} of each are needed at least, and some hundred to promise anything."
        )
    return teaching, proving


def _sequence(
    teaching: Sequence[JudgedRow],
    ranking: RiskOrder,
    of: ErrorUnit,
    max_error: float,
    proving: int,
) -> tuple[list[float], int]:
    """Rising thresholds, and the one that promises most evidence, from what taught alone."""
    loss = np.array([row.loss(of, ranking.formula.field) for row in teaching])
    answered = ranking.held_out[[row.ok for row in teaching]]
    steps = np.quantile(answered, np.linspace(0.02, 1, _STEPS), method="inverted_cdf")
    thresholds = sorted({*(round(float(one), 6) for one in steps if one < 1), _PASSES_ALL})
    usual = float(loss.mean())
    evidence = []
    for threshold in thresholds:
        inside = ranking.held_out <= threshold
        gain = evidence_per_document(_and_one_more(loss[inside], usual), max_error)
        evidence.append(gain * inside.mean() * proving)
    return thresholds, int(np.argmax(evidence))


def _and_one_more(losses: Numbers, usual: float) -> Numbers:
    """Losses and one of the usual size: that a few documents have none promises little."""
    return np.append(losses, usual)


def _curve(rows: Sequence[JudgedRow], risk: Numbers, field: str | None) -> tuple[CurvePoint, ...]:
    """The error among the surest; where risks are equal, more or fewer are sent than was asked."""
    values = np.array([row.loss("values", field) for row in rows])
    documents = np.array([row.loss("documents", field) for row in rows])
    points: dict[float, CurvePoint] = {}
    for coverage in COVERAGES:
        threshold = float(np.quantile(risk, coverage, method="inverted_cdf"))
        inside = risk <= min(threshold, _PASSES_ALL)
        if inside.any():
            sent = float(1 - inside.mean())
            error = float(values[inside].mean()), float(documents[inside].mean())
            points.setdefault(sent, CurvePoint(sent, threshold, *error))
    return tuple(points.values())


def _pairs_needed(found: FoundBudget, risk: Numbers, losses: Numbers, share: float) -> int | None:
    """About how many pairs would keep the promise, if the curve stays as it is."""
    fewest = fewest_documents(found.max_error, found.confidence)
    needed = []
    for threshold in np.unique(risk[risk < 1]):
        inside = risk <= threshold
        seen = _and_one_more(losses[inside], found.overall)
        gain = evidence_per_document(seen, found.max_error)
        if gain > 0:
            passing = max(fewest, -math.log(1 - found.confidence) / gain) * _MARGIN
            needed.append(passing / inside.mean() / share)
    return math.ceil(min(needed)) if needed else None
