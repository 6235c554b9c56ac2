"""How far two models' next-token distributions are apart on held-out answers.

Contract: models leave their logits of each answer in ``answer-<n>.npy`` of a folder (positions x
vocabulary, float32); ``measure(answers, folder, references, stops)`` reads them a few rows at a
time, so the memory needed does not grow with the number of pairs. Kullback-Leibler divergence and
agreement of the most likely token as llama.cpp's ``perplexity --kl-divergence`` defines them;
perplexity is the exponential of the mean negative log-likelihood of the gold answers' tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from setaccio.export.proof.gold_tokens import GoldTokens
from setaccio.models.gguf_base.answers import Logits, diverge, log_softmax

# Rows of logits that are worked on at once, in values: 32 MB in float64.
_AT_ONCE = 1 << 22


class Divergence(NamedTuple):
    """How far a model is from a reference.

    Attributes:
        mean_kl: mean KL(reference || model) of next-token distributions, in nats.
        top1_agreement: share of positions with the same most likely token.
    """

    mean_kl: float
    top1_agreement: float


class HeldOut(NamedTuple):
    """A model on held-out answers.

    Attributes:
        pairs: how many.
        positions: tokens of their answers, end tokens included.
        perplexity: of these tokens.
        ends: share of answers behind which an end token is the most likely.
        divergence: from each reference, by its name.
        losses: negative log-likelihood of each answer, in nats, its tokens summed.
    """

    pairs: int
    positions: int
    perplexity: float
    ends: float
    divergence: dict[str, Divergence]
    losses: tuple[float, ...] = ()


def answer_path(folder: Path, n: int) -> Path:
    """Where a model's logits of answer ``n`` lie."""
    return folder / f"answer-{n}.npy"


def measure(
    answers: Sequence[GoldTokens], folder: Path, references: dict[str, Path], stops: Sequence[int]
) -> HeldOut:
    """Measure a model by the logits it has left.

    Args:
        answers: what it was run on, at least one.
        folder: its logits.
        references: other models' folders, by the name to report them under.
        stops: token ids that end an answer.
    """
    losses, ends = [0.0] * len(answers), 0
    kl = dict.fromkeys(references, 0.0)
    agree = dict.fromkeys(references, 0)
    for n, answer in enumerate(answers):
        last = -1
        for span, rows in _rows(answer_path(folder, n)):
            said = answer.ids[answer.first :][span]
            # Row k predicts token first + k: logits were kept from the prompt's last token on.
            losses[n] -= float(log_softmax(rows)[np.arange(len(said)), said].sum())
            last = int(rows[-1].argmax())
            for name, other in references.items():
                kept = np.load(answer_path(other, n), mmap_mode="r", allow_pickle=False)
                values, same = diverge(np.asarray(kept[span]), rows)
                kl[name] += float(values.sum())
                agree[name] += sum(same)
        ends += last in stops  # the last row predicts what follows the gold answer
    positions = sum(len(answer.ids) - answer.first for answer in answers)
    return HeldOut(
        pairs=len(answers),
        positions=positions,
        perplexity=math.exp(min(sum(losses) / positions, 700.0)),  # Beyond that no float holds it.
        ends=ends / len(answers),
        divergence={
            name: Divergence(kl[name] / positions, agree[name] / positions) for name in references
        },
        losses=tuple(losses),
    )


def loss_difference(left: HeldOut, right: HeldOut) -> tuple[float, float]:
    """How much more one model loses per token than another, and the standard error of that.

    Args:
        left: a model on held-out answers.
        right: another one on the same answers.

    Returns:
        Mean difference ``left - right`` in nats per token, and its standard error from the
        differences of single answers, which are paired; infinite where there is one answer only.
    """
    each = np.subtract(left.losses, right.losses)
    mean = float(each.sum()) / left.positions
    if len(each) < 2:
        return mean, math.inf
    # A ratio of sums: answers are of different lengths, and each deviates by what its share is off.
    deviation = float(each.std(ddof=1))
    return mean, deviation * math.sqrt(len(each)) / left.positions


def _rows(path: Path) -> Iterator[tuple[slice, Logits]]:
    kept = np.load(path, mmap_mode="r", allow_pickle=False)
    step = max(1, _AT_ONCE // kept.shape[1])
    for begin in range(0, kept.shape[0], step):
        span = slice(begin, begin + step)
        yield span, np.asarray(kept[span])
