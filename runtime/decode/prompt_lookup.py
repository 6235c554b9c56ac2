"""Guesses of the next tokens, looked up in the document.

An answer copies from its document, so what followed the last two tokens there is likely to follow
them here (prompt lookup decoding; Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding).
A guess costs nothing but its place in the next forward pass, which checks it. Whether that place is
worth its price depends on model, machine and what else is in the pass: it is decided for each pass
from what passes have been measured to cost and how often guesses have been right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from setaccio.runtime.model.load import PREFILL_BATCH

LONGEST = 8
"""Tokens of the longest guess."""

_LENGTHS = (1, 2, 3, 4, 6, LONGEST)
_FORGET = 0.05  # weight of a new judgement on a guess
_KEPT = 0.98  # weight of former measurements when a new one comes


class Guess(NamedTuple):
    """What may come next in an answer.

    Attributes:
        tokens: token ids from the document; none where nothing was found.
        weak: whether only the answer's last token was found there, not its last two.
    """

    tokens: Sequence[int]
    weak: bool


class Lookup:
    """Finds guesses in one document.

    Args:
        document: its token ids, as the prompt holds them.
    """

    def __init__(self, document: Sequence[int]) -> None:
        self._document = document
        self._after: dict[tuple[int, ...], list[int]] = {}
        for end in range(1, len(document)):
            self._after.setdefault((document[end - 1],), []).append(end)
            if end > 1:
                self._after.setdefault((document[end - 2], document[end - 1]), []).append(end)
        self._cursor = 0

    def guess(self, tokens: Sequence[int], length: int) -> Guess:
        """What may come next.

        Args:
            tokens: the answer so far.
            length: most tokens to guess.

        Returns:
            Tokens behind a place that ends like the answer: in its last two tokens, else in the
            last one. Of several places the next one at or after that of the last strong guess,
            else the first.
        """
        for size in (2, 1):
            places = self._after.get(tuple(tokens[-size:])) if len(tokens) >= size else None
            if places and length > 0:
                place = next((place for place in places if place >= self._cursor), places[0])
                if size == 2:
                    self._cursor = place
                return Guess(self._document[place : place + length], size == 1)
        return Guess((), True)


class Offer(NamedTuple):
    """What one answer could feed into the next pass.

    Attributes:
        certain: tokens that the model has yet to see in any case, at least one.
        guessed: tokens guessed behind them.
        weak: as for :class:`Guess`.
    """

    certain: int
    guessed: int
    weak: bool = False


class DraftLength:
    """Chooses how many tokens each answer feeds, so that a pass advances the most for its time.

    llama.cpp evaluates sequences together that have equally many tokens and lie in neighbouring
    slots (``split_equal`` in its ``src/llama-batch.cpp``); any other pass it cuts into pieces, each
    of which goes through all weights. So all answers feed the same number, filled up where one has
    less to say. A pass is taken to cost a constant for each piece (``PREFILL_BATCH`` tokens at
    most) and another for each token, fitted to the passes that were made.
    """

    def __init__(self) -> None:
        self._hits = {False: 0.5, True: 0.25}
        self._recent = [0.0] * 5
        self._ever = [0.0] * 5
        self._count = 0

    def most(self, offers: Sequence[Offer]) -> int:
        """Tokens that each answer should feed.

        Args:
            offers: of the answers, at least one.
        """
        least = min(offer.certain for offer in offers)
        each_piece, each_token = self._fit()
        if not each_piece + each_token:
            return least
        alone = offers[0].certain + offers[0].guessed if len(offers) == 1 else None

        def speed(most: int) -> float:
            tokens = len(offers) * most if alone is None else min(most, alone)
            gain = sum(self._gain(most, offer) for offer in offers)
            return gain / (each_piece * -(-tokens // PREFILL_BATCH) + each_token * tokens)

        lengths = {least, *(least + n for n in _LENGTHS), max(o.certain for o in offers)}
        return max(sorted(lengths), key=speed)

    def _gain(self, most: int, offer: Offer) -> float:
        """Tokens by which an answer advances: those that are certain, and guesses while right."""
        certain = min(most, offer.certain)
        hit = self._hits[offer.weak]
        return certain + sum(hit**n for n in range(1, min(most - certain, offer.guessed) + 1))

    def measured(self, tokens: int, seconds: float) -> None:
        """Learn what a pass cost.

        Args:
            tokens: of all sequences.
            seconds: wall time.
        """
        pieces = -(-tokens // PREFILL_BATCH)
        weight = seconds**-2  # what counts is how far off an expectation is in proportion
        row = [pieces * pieces, pieces * tokens, tokens * tokens, pieces * seconds]
        row = [weight * value for value in (*row, tokens * seconds)]
        self._recent = [_KEPT * old + new for old, new in zip(self._recent, row, strict=True)]
        self._ever = [old + new for old, new in zip(self._ever, row, strict=True)]
        self._count += 1

    def _fit(self) -> tuple[float, float]:
        """Seconds for each piece and for each token: weighted least squares, neither below zero.

        Recent passes count most. All former ones together count as one more: where the recent ones
        are all alike, they keep the two numbers apart.
        """
        if not self._count:
            return 0.0, 0.0
        pp, pt, tt, ps, ts = (
            recent + ever / self._count
            for recent, ever in zip(self._recent, self._ever, strict=True)
        )
        determinant = pp * tt - pt * pt
        if determinant > 1e-9 * pp * tt:
            each_piece = (ps * tt - ts * pt) / determinant
            each_token = (ts * pp - ps * pt) / determinant
            if each_piece >= 0 and each_token >= 0:
                return each_piece, each_token
            if each_piece > 0:
                return ps / pp, 0.0
        return 0.0, ts / tt

    def judged(self, offer: Offer, found: Sequence[int], came: Sequence[int]) -> None:
        """Learn how good a guess was; it need not have been fed.

        Args:
            offer: in which it was.
            found: the guess.
            came: tokens by which the answer grew; nothing is known of a guess beyond these.
        """
        known = list(zip(found, came, strict=False))
        right = next((n for n, (one, other) in enumerate(known) if one != other), len(known))
        if known:
            rate = right / min(len(known), right + 1)
            self._hits[offer.weak] += _FORGET * (rate - self._hits[offer.weak])
