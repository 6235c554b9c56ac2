"""What a run lost against another over the same documents, and whether it is more than noise.

Documents are paired by id; only those that both runs have count, and the scores may come from a
run folder. Interval, test and the word noise are those of :mod:`setaccio.eval.stats.paired`, which
compares arms of one run; here a loss is positive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setaccio.eval.formats import percent
from setaccio.eval.result import ArmResult, Comparison
from setaccio.eval.stats.paired import Difference, paired_difference

_TITLES = {"l1": "L1", "l2": "L2", "l3": "L3", "score": "score"}
MEASURES = tuple(_TITLES)

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
        loss: what the later run has less; negative where it has more.
        low: lower end of the loss's 95% interval.
        high: upper end.
        noise: whether chance alone may well have made it.
        p_value: of McNemar's exact test; None where the measure is not yes or no.
        paired: the same as a difference, the later run less the earlier one.
    """

    name: str
    constraint: str
    measure: str
    documents: int
    before: float
    after: float
    loss: float
    low: float
    high: float
    noise: bool
    p_value: float | None
    paired: Difference

    @property
    def title(self) -> str:
        """The measure as tables write it."""
        return self.paired.metric

    def show(self, value: float) -> str:
        """A value of this measure: rates as percentages, the score with three digits."""
        return f"{value:.3f}" if self.measure == "score" else percent(value)

    def describe_loss(self) -> str:
        """The loss with its interval, and a word where it is noise."""
        if self.loss == self.low == self.high == 0:
            return "none"
        form = "+.3f" if self.measure == "score" else "+.1%"
        said = f"{self.loss:{form}} [{self.low:{form}}, {self.high:{form}}]"
        return f"{said} noise" if self.noise else said

    def to_dict(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {name: value for name, value in vars(self).items() if name != "paired"}


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
    losses = []
    for measure, title in _TITLES.items() if shared else ():
        values = [[scores[id][measure] for id in shared] for scores in (before, after)]
        paired = paired_difference(title, ("before", "after"), *values)
        losses.append(
            Loss(
                name,
                constraint,
                measure,
                documents=paired.documents,
                before=paired.first,
                after=paired.second,
                loss=paired.first - paired.second,
                low=0.0 - paired.high,
                high=0.0 - paired.low,
                noise=paired.is_noise,
                p_value=paired.p_value,
                paired=paired,
            )
        )
    return losses
