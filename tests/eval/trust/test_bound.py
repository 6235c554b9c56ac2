"""p-values are valid at any sample size. Run with: pytest tests/eval/trust/test_bound.py"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from setaccio.eval.trust.bound import (
    betting_p_value,
    binomial_p_value,
    evidence_per_document,
    fewest_documents,
    last_rejected,
    p_value_for,
)

DRAWS = 2000


@pytest.mark.parametrize("count", [1, 7, 40, 300])
@pytest.mark.parametrize("mean", [0.02, 0.2])
def test_p_values_are_seldom_small_where_the_hypothesis_holds(count: int, mean: float) -> None:
    dice = np.random.default_rng(count)
    shares = [  # all of this mean: of two values, of a few, of many
        lambda: (dice.random(count) < mean).astype(float),
        lambda: 0.2 * (dice.random(count) < 5 * mean),
        lambda: dice.beta(mean, 1 - mean, count),
    ]
    allowed = DRAWS * 0.05 + 3 * (DRAWS * 0.05 * 0.95) ** 0.5
    for draw in shares:
        small = sum(betting_p_value(draw(), mean, 0.05) <= 0.05 for _ in range(DRAWS))
        assert small <= allowed
    small = sum(binomial_p_value(shares[0](), mean) <= 0.05 for _ in range(DRAWS))
    assert small <= allowed


def test_the_binomial_tail_is_scipys() -> None:
    losses = np.array([1.0] * 3 + [0.0] * 97)
    wanted = binomtest(3, 100, 0.1, alternative="less").pvalue
    assert binomial_p_value(losses, 0.1) == pytest.approx(wanted)
    assert p_value_for("documents") is binomial_p_value


def test_small_losses_prove_more_than_whole_errors() -> None:
    dice = np.random.default_rng(0)
    losses = 0.2 * (dice.random(800) < 0.02)
    assert betting_p_value(losses, 0.01, 0.05) < 0.05
    assert binomial_p_value((losses > 0).astype(float), 0.01) > 0.5
    assert betting_p_value(np.zeros(0), 0.01) == 1


def test_evidence_is_what_a_run_without_errors_gives() -> None:
    assert evidence_per_document(np.zeros(50), 0.01) == pytest.approx(-np.log(0.99), rel=0.01)
    assert evidence_per_document(np.full(50, 0.01), 0.01) == 0
    assert evidence_per_document(np.zeros(0), 0.01) == 0


def test_the_fewest_documents_are_arithmetic_for_tiny_shares_too() -> None:
    assert fewest_documents(0.01, 0.95) == 299 and fewest_documents(0.05, 0.95) == 59
    assert fewest_documents(1e-17, 0.95) == pytest.approx(-np.log(0.05) * 1e17)


def test_testing_ends_at_the_first_threshold_that_can_not_be_given_up() -> None:
    risk = np.array([0.1, 0.2, 0.3, 0.4])
    losses = np.array([0.0, 0.0, 1.0, 0.0])

    def p_value(seen: np.ndarray) -> float:
        return float(seen.sum())

    thresholds = [0.1, 0.2, 0.3, 0.4]
    assert last_rejected(thresholds, 0, risk, losses, p_value, 0.05) == 0.2
    assert last_rejected(thresholds, 1, risk, losses, p_value, 0.05) == 0.2
    assert last_rejected(thresholds, 2, risk, losses, p_value, 0.05) is None
