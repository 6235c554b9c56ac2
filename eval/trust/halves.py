"""Is a promise kept? Make it on one half of the documents, and look at the other, many times.

    >>> check = check_halves(rows, splits=200, of="documents", max_error=0.05)
    >>> check.exceeded, check.beyond_noise

The promise is about documents in general. The other half is a sample of them, so its error can be
above the promise by chance alone; ``beyond_noise`` leaves out what is within the noise of that half
(one-sided t-test at 5 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import ttest_1samp

from setaccio.eval.trust.budget import make_budget
from setaccio.eval.trust.risk import JudgedRow

_NOISE = 0.05


class HalvesCheck(NamedTuple):
    """What came of many divisions into two halves.

    Attributes:
        splits: divisions.
        kept: share of them in which the first half could prove the promise.
        exceeded: share in which the other half's error was above it, of all divisions.
        beyond_noise: the same where that half alone shows it beyond its own noise.
        sent: share of documents that were sent, where it was kept.
        error: error among the others, where it was kept.
    """

    splits: int
    kept: float
    exceeded: float
    beyond_noise: float
    sent: float
    error: float


def check_halves(
    rows: Sequence[JudgedRow], *, splits: int = 200, seed: int = 0, **promise: Any
) -> HalvesCheck:
    """Divide at random, promise on one half, measure on the other.

    Args:
        rows: documents.
        splits: how often.
        seed: of the divisions.
        promise: ``of``, ``max_error``, ``confidence`` and ``field`` of
            :func:`setaccio.eval.trust.budget.make_budget`.
    """
    dice = np.random.default_rng(seed)
    sent, errors, above, beyond = [], [], 0, 0
    for _ in range(splits):
        order = dice.permutation(len(rows))
        first, second = (
            [rows[int(at)] for at in part] for part in np.split(order, [len(rows) // 2])
        )
        found = make_budget(first, **promise)
        if found.threshold is None:
            continue
        formula, threshold = found.formula, found.threshold
        passed = [
            row for row in second if row.ok and formula.risk_of(row.signs(found.field)) <= threshold
        ]
        losses = np.array([row.loss(found.of, found.field) for row in passed])
        sent.append(1 - len(passed) / len(second))
        errors.append(float(losses.mean()) if len(losses) else 0.0)
        if errors[-1] > found.max_error:
            above += 1
            varies = len(losses) > 1 and losses.std() > 0
            test = ttest_1samp(losses, found.max_error, alternative="greater") if varies else None
            beyond += test is None or bool(test.pvalue < _NOISE)
    kept = len(sent)
    means = [float(np.mean(part)) if part else float("nan") for part in (sent, errors)]
    return HalvesCheck(splits, kept / splits, above / splits, beyond / splits, means[0], means[1])
