"""Whether confidence means anything, and whether values are found in their documents.

A *point* is the confidence of one predicted leaf and whether that leaf is correct. Points are put
into bins; within each, the mean confidence should be the share of correct leaves. The reliability
curve (DeGroot and Fienberg 1983) shows the two per bin; the expected calibration error is the mean
of their distances, each bin weighted by its points. Bins are stated, as the number depends on them:

``equal_mass``   every bin holds as many points as the next (Nguyen and O'Connor 2015)
``equal_width``  bins of one tenth of confidence each (Naeini, Cooper and Hauskrecht 2015)

Brier's score (1950), the mean squared distance of confidence and outcome, needs no bins. Whether
confidence puts right leaves before wrong ones, whatever its scale, is the area under the ROC curve
(Hanley and McNeil 1982).

Recorded outputs are plain rows: ``confidence`` maps the JSON Pointer of a leaf to 0 to 1, ``spans``
maps it to ``{"start", "end", "how"}``, the place in the document. Rows without them count for
nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.stats import rankdata

from setaccio.data.task.task import Json
from setaccio.eval.scoring.counts import Leaf, at_pointer

BINS = 10
Binning = Literal["equal_mass", "equal_width"]


class Point(NamedTuple):
    """One predicted leaf: how sure the model was, and whether it was right."""

    confidence: float
    correct: bool


@dataclass(frozen=True)
class Bin:
    """One point of the reliability curve.

    Attributes:
        low: least confidence in it; of ``equal_width``, its lower edge.
        high: greatest confidence in it; of ``equal_width``, its upper edge.
        confidence: mean confidence.
        accuracy: share of correct leaves.
        count: leaves.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be taken at its word.

    Attributes:
        leaves: points.
        accuracy: share of correct ones.
        confidence: mean confidence.
        brier: Brier's score, 0 at best.
        ece_equal_mass: expected calibration error over bins of equal mass, 0 at best.
        ece_equal_width: the same over bins of equal width.
        auroc: chance that a right leaf has more confidence than a wrong one, ties counted half; 0.5
            says nothing; None where all are right or all are wrong.
        equal_mass: reliability curve over bins of equal mass.
        equal_width: the same over bins of equal width; empty bins are left out.
    """

    leaves: int
    accuracy: float
    confidence: float
    brier: float
    ece_equal_mass: float
    ece_equal_width: float
    auroc: float | None
    equal_mass: tuple[Bin, ...]
    equal_width: tuple[Bin, ...]


@dataclass(frozen=True)
class GroundedLeaves:
    """How many predicted values have a place in their document.

    Attributes:
        leaves: predicted leaves that are not null, of documents that carry spans.
        grounded: of those, the ones with a span.
        how: grounded leaves by how they were found, such as ``exact``.
    """

    leaves: int
    grounded: int
    how: dict[str, int]

    @property
    def rate(self) -> float:
        """Grounded over all."""
        return self.grounded / self.leaves


def calibrate(points: Sequence[Point], bins: int = BINS) -> Calibration | None:
    """Summarise points.

    Args:
        points: one per leaf.
        bins: how many, at most.

    Returns:
        The summary; None when there is no point.
    """
    if not points:
        return None
    sure = np.array([point.confidence for point in points], dtype=float)
    right = np.array([point.correct for point in points], dtype=float)
    mass = reliability(points, "equal_mass", bins)
    width = reliability(points, "equal_width", bins)
    return Calibration(
        leaves=len(points),
        accuracy=float(right.mean()),
        confidence=float(sure.mean()),
        brier=float(((sure - right) ** 2).mean()),
        ece_equal_mass=calibration_error(mass),
        ece_equal_width=calibration_error(width),
        auroc=_auroc(sure, right),
        equal_mass=mass,
        equal_width=width,
    )


def reliability(
    points: Sequence[Point], binning: Binning = "equal_mass", bins: int = BINS
) -> tuple[Bin, ...]:
    """Points of the reliability curve, by rising confidence.

    Args:
        points: one per leaf.
        binning: how they are put into bins; equal confidences never part.
        bins: how many, at most; empty ones are left out.
    """
    sure = np.array([point.confidence for point in points], dtype=float)
    right = np.array([point.correct for point in points], dtype=float)
    if binning == "equal_width":
        place = np.minimum((sure * bins).astype(int), bins - 1)
    else:
        ranks = np.searchsorted(np.sort(sure), sure)  # of equals, that of the first
        place = ranks * bins // max(len(points), 1)
    found = []
    for at in np.unique(place):
        inside = sure[place == at]
        low, high = (
            (at / bins, (at + 1) / bins)
            if binning == "equal_width"
            else (inside.min(), inside.max())
        )
        accuracy = float(right[place == at].mean())
        found.append(Bin(float(low), float(high), float(inside.mean()), accuracy, len(inside)))
    return tuple(found)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error of a reliability curve: 0 at best, 1 at worst."""
    total = sum(part.count for part in bins)
    return sum(abs(part.confidence - part.accuracy) * part.count for part in bins) / max(total, 1)


def _auroc(
    sure: np.ndarray[Any, np.dtype[np.float64]], right: np.ndarray[Any, np.dtype[np.float64]]
) -> float | None:
    """Mann and Whitney's U over all pairs of a right and a wrong leaf, from ranks."""
    correct = int(right.sum())
    pairs = correct * (len(right) - correct)
    if not pairs:
        return None
    above = float(rankdata(sure)[right == 1].sum()) - correct * (correct + 1) / 2
    return above / pairs


def leaf_points(row: Mapping[str, Json], outcomes: Iterable[Leaf]) -> list[Point]:
    """Points of one document.

    Args:
        row: a recorded output; its ``confidence`` is used where it is a mapping.
        outcomes: of its leaves, as :attr:`setaccio.eval.scoring.score.DocumentScore.outcomes` has
            them.

    Returns:
        One point per predicted leaf that has a confidence; values outside 0 to 1 are cut to it.
    """
    known = row.get("confidence")
    if not isinstance(known, Mapping):
        return []
    return [
        Point(min(max(float(known[at]), 0.0), 1.0), leaf.outcome == "correct")
        for leaf in outcomes
        for at in leaf.predictions
        if isinstance(known.get(at), int | float)
    ]


def ground_leaves(
    pairs: Iterable[tuple[Mapping[str, Json], Iterable[Leaf]]],
) -> GroundedLeaves | None:
    """Count predicted leaves that have a place in their document.

    Args:
        pairs: a recorded output and the outcomes of its leaves, per document.

    Returns:
        The counts; None when no document carries spans or none has a value.
    """
    leaves, how = 0, Counter[str]()
    for row, outcomes in pairs:
        spans = row.get("spans")
        if not isinstance(spans, Mapping):
            continue
        for at in {at for leaf in outcomes for at in leaf.predictions}:
            if at_pointer(row.get("data"), at) in (None, [], {}):
                continue
            leaves += 1
            span: Any = spans.get(at)
            if span:
                known = span.get("how") if isinstance(span, Mapping) else None
                how[str(known or "unknown")] += 1
    return GroundedLeaves(leaves, how.total(), dict(how.most_common())) if leaves else None
