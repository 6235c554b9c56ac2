"""Finite-sample bounds: what held-out documents prove about documents that are still to come.

Learn then test (Angelopoulos, Bates, Candes, Jordan and Lei 2021, arXiv:2110.01052): each threshold
is a hypothesis, "among what passes it, the expected loss is above what was promised", and a p-value
that is valid for any sample size says whether it can be given up. The error among what passes need
not grow with the threshold, so thresholds are tested in a sequence that was chosen on other
documents (split fixed sequence testing, ibid.): from the one that promises most upwards, until the
first that is not rejected. Then the chance that the last rejected one breaks its promise is at most
1 - confidence, whatever the distribution, as long as documents are exchangeable.

p-values are, for losses of 0 and 1, the binomial tail (Clopper and Pearson 1934, inverted), and for
shares a bet against the hypothesis (Waudby-Smith and Ramdas 2023, arXiv:2010.09686, section 4; in
risk control Bates, Angelopoulos, Lei, Malik and Jordan 2021, arXiv:2101.02703, section 3.1), which
uses that most losses are far below 1: Hoeffding's and Bentkus' bounds need several times as many
documents there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from setaccio.eval.trust.ranking import Numbers
from setaccio.eval.trust.risk import ErrorUnit

PValue = Callable[[Numbers, float, float], float]
_ALL_IN = 0.999  # of the greatest stake: a bet of everything could lose everything


def binomial_p_value(losses: Numbers, max_error: float, delta: float = 0.05) -> float:
    """Chance of so few errors if the share of errors were ``max_error``.

    Args:
        losses: 0 or 1 of each document.
        max_error: the share that the hypothesis says is exceeded.
        delta: not used; the other p-value tunes its stakes to it.
    """
    return float(binom.cdf(round(losses.sum()), len(losses), max_error))


def betting_p_value(losses: Numbers, max_error: float, delta: float = 0.05) -> float:
    """One over the greatest fortune of a gambler who bets that losses are small.

    Under the hypothesis the fortune is a supermartingale, so that it rarely grows (Ville 1939).
    The stakes depend on former losses only (predictable plug-in).

    Args:
        losses: 0 to 1 of each document, in an order that says nothing about them.
        max_error: the mean that the hypothesis says is exceeded.
        delta: the level at which it will be used.
    """
    count = len(losses)
    if not count:
        return 1.0
    seen = np.arange(1, count + 1) + 1
    mean = (np.cumsum(losses) + 0.5) / seen
    variance = (np.cumsum((losses - mean) ** 2) + 0.25) / seen
    before = np.concatenate([[0.25], variance[:-1]])
    stakes = np.sqrt(2 * math.log(1 / delta) / (count * before))
    stakes = np.minimum(stakes, _ALL_IN / (1 - max_error))
    fortune = float(np.cumsum(np.log1p(stakes * (max_error - losses))).max())
    return min(1.0, math.exp(-fortune))


def p_value_for(of: ErrorUnit) -> PValue:
    """The p-value for losses of that kind."""
    return binomial_p_value if of == "documents" else betting_p_value


def evidence_per_document(losses: Numbers, max_error: float) -> float:
    """What one more such document adds to the evidence against the hypothesis, at best, in nats.

    Evidence of ln(1 / delta) rejects it. 0 where the mean loss is not below ``max_error``.
    """
    if not len(losses) or losses.mean() >= max_error:
        return 0.0
    found = minimize_scalar(
        lambda stake: -float(np.log1p(stake * (max_error - losses)).mean()),
        bounds=(0.0, _ALL_IN / (1 - max_error)),
        method="bounded",
    )
    return max(0.0, -float(found.fun))


def fewest_documents(max_error: float, confidence: float) -> int:
    """Documents without any error that prove the promise: fewer can never do it."""
    return math.ceil(math.log1p(-confidence) / math.log1p(-max_error))


def last_rejected(
    thresholds: Sequence[float],
    start: int,
    risk: Numbers,
    losses: Numbers,
    p_value: Callable[[Numbers], float],
    delta: float,
) -> float | None:
    """Test thresholds upwards, and give the last one before the first that can not be given up.

    Args:
        thresholds: rising.
        start: which comes first; chosen without these documents, as the thresholds are.
        risk: of each document.
        losses: of each document.
        p_value: of the losses of those that pass.
        delta: greatest chance of a broken promise.

    Returns:
        The threshold; None where even the first is not rejected.
    """
    found = None
    for threshold in thresholds[start:]:
        if p_value(losses[risk <= threshold]) > delta:
            break
        found = threshold
    return found
