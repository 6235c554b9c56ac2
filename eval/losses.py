"""What a run lost against another over the same documents, and whether it is more than noise.

Documents are paired by id, so what makes one document harder than another cancels out. The
interval is the percentile bootstrap (Efron 1979) of the mean of the paired losses; yes or no (L1,
L2, L3) is also tested by McNemar's exact test (1947). A loss whose 95% interval holds zero, or
whose p-value is not below 0.05, is called noise: with these documents it can not be told from none.

The statistics are those of :mod:`setaccio.eval.paired`, which compares arms of one run. Here the
scores may come from a run folder, and only documents that both runs have count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from setaccio.eval.paired import ALPHA, mcnemar
from setaccio.eval.result import ArmResult, Comparison
from setaccio.eval.summary import resamples
from setaccio.eval.table import percent

MEASURES = ("l1", "l2", "l3", "score")
_NAMES = {"l1": "L1", "l2": "L2", "l3": "L3", "score": "score"}

Scores = Mapping[str, Mapping[str, float]]
"""By document id: the value of each of :data:`MEASURES`."""


@dataclass(frozen=True)
class Loss:
    """One measure of one arm in two runs; a gain is a negative loss.

    Attributes:
        name: the arm's name in the later run.
        constraint: its decoding.
        measure: one of :data:`MEASURES`.
        documents: how many both runs have.
        before: mean in the earlier run.
        after: mean in the later run.
        low: lower end of the loss's 95% interval.
        high: upper end.
        p_value: of McNemar's exact test; None for the score.
    """

    name: str
    constraint: str
    measure: str
    documents: int
    before: float
    after: float
    low: float
    high: float
    p_value: float | None = None

    @property
    def loss(self) -> float:
        """What the later run has less; negative where it has more."""
        return self.before - self.after

    @property
    def title(self) -> str:
        """The measure as tables write it."""
        return _NAMES[self.measure]

    @property
    def noise(self) -> bool:
        """Whether chance alone may well have made it."""
        unproven = self.p_value is not None and self.p_value >= ALPHA
        return unproven or self.low <= 0 <= self.high

    def show(self, value: float) -> str:
        """A value of this measure: rates as percentages, the score with three digits."""
        return f"{value:.3f}" if self.measure == "score" else percent(value)

    def describe_loss(self) -> str:
        """The loss with its interval, and a word where it is noise."""
        if self.loss == self.low == self.high == 0:
            return "none"
        if self.measure == "score":
            said = f"{self.loss:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"
        else:
            said = f"{self.loss:+.1%} [{self.low:+.1%}, {self.high:+.1%}]"
        return f"{said} noise" if self.noise else said

    def to_dict(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {**asdict(self), "loss": self.loss, "noise": self.noise}


def scores_of(arm: ArmResult) -> Scores:
    """An arm's scores by document."""
    return {
        one.id: {measure: float(getattr(one, measure)) for measure in MEASURES}
        for one in arm.scores
    }


def compare_scores(before: Comparison, after: Comparison) -> tuple[Loss, ...]:
    """Differences of every arm that both comparisons have, by name and constraint."""
    earlier = {(arm.name, arm.constraint): scores_of(arm) for arm in before.arms}
    return tuple(
        one
        for arm in after.arms
        if (arm.name, arm.constraint) in earlier
        for one in paired_losses(
            arm.name, arm.constraint, earlier[arm.name, arm.constraint], scores_of(arm)
        )
    )


def paired_losses(name: str, constraint: str, before: Scores, after: Scores) -> list[Loss]:
    """Every measure over the documents that both have.

    Args:
        name: carried along.
        constraint: carried along.
        before: the earlier scores.
        after: the later scores.

    Returns:
        One per measure; nothing when no document is in both.
    """
    shared = [id for id in after if id in before]
    if not shared:
        return []
    found = []
    for measure in MEASURES:
        old = np.array([before[id][measure] for id in shared])
        new = np.array([after[id][measure] for id in shared])
        low, high = paired_interval(old - new)
        found.append(
            Loss(
                name=name,
                constraint=constraint,
                measure=measure,
                documents=len(shared),
                before=float(old.mean()),
                after=float(new.mean()),
                low=low,
                high=high,
                p_value=None
                if measure == "score"
                else mcnemar((old > 0).tolist(), (new > 0).tolist())[2],
            )
        )
    return found


def paired_interval(losses: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """95% percentile bootstrap interval of the mean of paired differences.

    Args:
        losses: one per document, at least one.
    """
    means = [losses[block].mean(axis=1) for block in resamples(len(losses))]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)
