"""Which of the allowed tokens comes next: the likeliest, or one that is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from setaccio.runtime.grammar.constraint import is_allowed

Row = npt.NDArray[np.float32]
Mask = npt.NDArray[np.int32]
Choose = Callable[[Row, "Mask | None"], int]
"""Picks a token from logits and mask."""


def apply_mask(logits: Row, mask: Mask) -> Row:
    """A copy of the logits in which every token that the mask lacks is minus infinity."""
    masked = np.full_like(logits, -np.inf)
    bits = _bits(mask, logits.size)
    with np.errstate(divide="ignore"):
        # The logarithm of 0 is minus infinity, that of 1 nothing; indexing by bits takes 20 times
        # as long where the vocabulary is large.
        np.add(logits[: bits.size], np.log(bits), out=masked[: bits.size])
    return masked


def _bits(mask: Mask, size: int) -> Row:
    """The mask as ones and noughts, one a token."""
    return np.unpackbits(mask.view(np.uint8), bitorder="little")[:size].astype(np.float32)


def choose_greedy(logits: Row, mask: Mask | None, likeliest: int | None = None) -> int:
    """The likeliest allowed token, the lowest id among equals, as llama.cpp's greedy sampler.

    Args:
        logits: float32 (vocabulary,).
        mask: allowed tokens; None allows all.
        likeliest: index of the logits' maximum, where it is known.

    Raises:
        ValueError: no token is allowed, or the model's output is not a number.
    """
    best = int(logits.argmax()) if likeliest is None else likeliest
    if mask is not None and not is_allowed(mask, best):
        logits = apply_mask(logits, mask)
        best = int(logits.argmax())
    if not np.isfinite(logits[best]):
        raise ValueError("no token can follow: the model's output is not a number")
    return best


def make_sampler(temperature: float, seed: int, top_p: float = 1.0) -> Choose:
    """A rule that draws tokens from the allowed ones.

    Args:
        temperature: above 0; logits are divided by it.
        seed: the same seed draws the same tokens.
        top_p: tokens are drawn from the likeliest that together have this probability (nucleus
            sampling; Holtzman et al. 2020).
    """
    generator = np.random.default_rng(seed)

    def choose(logits: Row, mask: Mask | None) -> int:
        likeliest = choose_greedy(logits, mask)
        allowed = logits if mask is None else apply_mask(logits, mask)
        with np.errstate(over="ignore"):  # an all but infinite distance is one
            weights = np.exp((allowed.astype(np.float64) - float(logits[likeliest])) / temperature)
        weights /= weights.sum()
        if top_p < 1.0:
            order = np.argsort(-weights, kind="stable")
            # The first token that reaches the share belongs to it, so one is always left.
            outside = order[1 + int(np.searchsorted(np.cumsum(weights[order]), top_p)) :]
            weights[outside] = 0.0
            weights /= weights.sum()
        return int(generator.choice(weights.size, p=weights))

    return choose


class Ranking(NamedTuple):
    """The chance of a token, and the likeliest tokens in its place.

    Attributes:
        logprob: natural logarithm of its probability among the allowed tokens.
        top: ids of the likeliest tokens and theirs, likeliest first.
    """

    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def rank(logits: Row, mask: Mask | None, token: int, count: int) -> Ranking:
    """How likely a token was by the model's own distribution over the allowed tokens.

    Args:
        logits: float32 (vocabulary,).
        mask: allowed tokens; None allows all.
        token: the one that was taken.
        count: how many of the likeliest are named.
    """
    allowed = (logits if mask is None else apply_mask(logits, mask)).astype(np.float64)
    allowed -= allowed.max()
    allowed -= np.log(np.exp(allowed).sum())
    order = np.argsort(-allowed, kind="stable")[:count]
    top = tuple((int(id), float(allowed[id])) for id in order if np.isfinite(allowed[id]))
    return Ranking(float(allowed[token]), top)


def removed_share(weights: Row, total: float, mask: Mask) -> float:
    """The probability of everything that the mask refuses."""
    bits = _bits(mask, weights.size)
    return max(0.0, 1.0 - float(weights[: bits.size].dot(bits)) / total)
