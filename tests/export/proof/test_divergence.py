"""Perplexity and divergence from kept logits.

Run with: pytest tests/export/proof/test_divergence.py
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from setaccio.export import make_files
from setaccio.export.proof import divergence
from setaccio.export.proof.divergence import HeldOut, answer_path, loss_difference, measure
from setaccio.export.proof.gold_tokens import GoldTokens

END = 3


def keep(folder, *logits):
    folder.mkdir()
    for n, rows in enumerate(logits):
        np.save(answer_path(folder, n), np.asarray(rows, dtype=np.float32))
    return folder


def test_uniform_logits_have_the_vocabulary_as_perplexity(tmp_path):
    folder = keep(tmp_path / "a", np.zeros((5, 8)))
    found = measure([GoldTokens([0, 1, 2, 3, 4, 5], 1)], folder, {"self": folder}, [END])
    assert found.perplexity == pytest.approx(8)
    assert found.divergence["self"] == (0.0, 1.0)
    assert (found.pairs, found.positions, found.ends) == (1, 5, 0.0)


def test_divergence_is_kl_from_the_reference(tmp_path):
    left, right = np.array([0.5, 0.25, 0.25]), np.array([0.2, 0.2, 0.6])
    reference = keep(tmp_path / "ref", [np.log(left), np.log(right)])
    # A constant on all logits and padding rows of the vocabulary must change nothing.
    padded = np.full((2, 5), -50.0)
    padded[:, :3] = np.log(right) + 7
    folder = keep(tmp_path / "got", padded)
    found = measure([GoldTokens([9, 0, 2], 1)], folder, {"ref": reference}, [2])
    kl = sum(p * math.log(p / q) for p, q in zip(left, right, strict=True))
    assert found.divergence["ref"].mean_kl == pytest.approx(kl / 2, rel=1e-5)
    assert found.divergence["ref"].top1_agreement == 0.5
    assert found.ends == 1.0
    assert found.perplexity == pytest.approx(math.exp(-(math.log(0.2) + math.log(0.6)) / 2), 1e-5)


def test_few_rows_at_a_time_give_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    shapes = ((7, 16), (3, 16))
    reference = keep(tmp_path / "ref", *[rng.normal(size=shape) for shape in shapes])
    folder = keep(tmp_path / "got", *[rng.normal(size=shape) for shape in shapes])
    answers = [GoldTokens([1, 2, *range(7)], 2), GoldTokens([1, 5, 6, 7], 1)]
    whole = measure(answers, folder, {"ref": reference}, [END])
    monkeypatch.setattr(divergence, "_AT_ONCE", 16)
    rows = measure(answers, folder, {"ref": reference}, [END])
    assert rows.perplexity == pytest.approx(whole.perplexity)
    assert rows.divergence["ref"] == pytest.approx(whole.divergence["ref"])
    assert rows.divergence["ref"].mean_kl > 0.1


@pytest.mark.parametrize(
    ("differences", "sure"),
    [([1.0, 1.1], True), ([0.8, 1.2], False), ([0.8, 1.2] * 4, True), ([1.0], False)],
)
def test_few_pairs_must_differ_more_to_be_told_apart(differences, sure):
    """Two pairs differ beyond two standard errors by chance nearly every third time."""
    plain = HeldOut(
        len(differences), 10 * len(differences), 1.0, 1.0, {}, (5.0,) * len(differences)
    )
    better = plain._replace(losses=tuple(5.0 - each for each in differences))
    said = make_files._verdict(better, plain, worse=False)
    assert said.startswith("with the importance matrix, 0.10")
    assert ("too close" not in said) == sure


def test_difference_of_losses_is_paired(tmp_path):
    rng = np.random.default_rng(0)
    ids = [[0, *rng.integers(0, 8, size=5).tolist()] for _ in range(6)]
    answers = [GoldTokens(each, 1) for each in ids]
    logits = [rng.normal(size=(5, 8)) for _ in ids]
    worse = [rows.copy() for rows in logits]
    for rows, each in zip(worse, ids, strict=True):
        rows[np.arange(5), each[1:]] -= 0.5  # Each answer loses, each a little differently.
    left = measure(answers, keep(tmp_path / "worse", *worse), {}, [END])
    right = measure(answers, keep(tmp_path / "right", *logits), {}, [END])
    assert sum(left.losses) / left.positions == pytest.approx(math.log(left.perplexity))
    mean, error = loss_difference(left, right)
    assert mean == pytest.approx(math.log(left.perplexity / right.perplexity))
    # What both find hard cancels out: the error is far below that of either loss alone.
    assert 0 < error < 0.2 * np.std(right.losses) / math.sqrt(6) / 5
    assert loss_difference(right, right) == (0.0, 0.0)
    assert (
        loss_difference(
            measure(answers[:1], tmp_path / "worse", {}, [END]),
            measure(answers[:1], tmp_path / "right", {}, [END]),
        )[1]
        == math.inf
    )
