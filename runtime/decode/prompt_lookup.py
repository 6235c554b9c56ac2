"""Prompt lookup decoding: drafts of the next tokens, looked up in the document.

An answer copies from its document, so what followed the last two tokens there is likely to follow
them here (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding). It is speculative
decoding (Leviathan et al. 2023, https://arxiv.org/abs/2211.17192) without a draft model: a pass
evaluates the draft behind the last certain token and its logits verify it. How many drafted tokens
pay depends on model, machine and what else is in the pass, so it is decided for each pass, from
what passes have been measured to cost and how often drafts have been right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from setaccio.runtime.model.load import PREFILL_BATCH

MAX_DRAFT = 8
"""Tokens of the longest draft."""

_LENGTHS = (1, 2, 3, 4, 6, MAX_DRAFT)
_HIT_WEIGHT = 0.05  # of a new draft in the moving average of the share that was right
_COST_DECAY = 0.98  # of former measurements when a new one comes


class Draft(NamedTuple):
    """What may come next in an answer.

    Attributes:
        tokens: token ids from the document; none where nothing was found.
        weak: whether only the answer's last token was found there, not its last two.
    """

    tokens: Sequence[int]
    weak: bool


class PromptLookup:
    """Finds drafts in one document.

    Args:
        document: its token ids, as the prompt holds them.
    """

    def __init__(self, document: Sequence[int]) -> None:
        self._document = document
        # An index of unigrams and bigrams: the places right behind each.
        self._after: dict[tuple[int, ...], list[int]] = {}
        for end in range(1, len(document)):
            self._after.setdefault((document[end - 1],), []).append(end)
            if end > 1:
                self._after.setdefault((document[end - 2], document[end - 1]), []).append(end)
        self._cursor = 0

    def find(self, tokens: Sequence[int], length: int) -> Draft:
        """What may come next.

        Args:
            tokens: the answer so far.
            length: most tokens of the draft.

        Returns:
            Tokens behind a place that ends like the answer: in its last two tokens, else in the
            last one. Of several places the next one at or after that of the last bigram, since
            answers copy in the document's order; else the first.
        """
        for size in (2, 1):
            places = self._after.get(tuple(tokens[-size:])) if len(tokens) >= size else None
            if places and length > 0:
                place = next((place for place in places if place >= self._cursor), places[0])
                if size == 2:
                    self._cursor = place
                return Draft(self._document[place : place + length], size == 1)
        return Draft((), True)


class Proposal(NamedTuple):
    """What one sequence could feed into the next pass.

    Attributes:
        certain: pending tokens, which the model has to evaluate in any case; at least one.
        drafted: tokens of the draft behind them.
        weak: as for :class:`Draft`.
    """

    certain: int
    drafted: int
    weak: bool = False


class DraftLength:
    """Chooses how many tokens each sequence feeds, so that a pass advances the most for its time.

    llama.cpp evaluates sequences together that have equally many tokens and neighbouring numbers
    (``split_equal`` in its ``src/llama-batch.cpp``); any other batch it cuts into micro-batches,
    each of which goes through all weights. So all sequences feed the same number, padded where one
    has less. A pass is taken to cost a constant for each micro-batch (``PREFILL_BATCH`` tokens at
    most) and another for each token, fitted to the passes that were made.
    """

    def __init__(self) -> None:
        # Share of drafted tokens that were right, by weakness; to begin with, an assumption.
        self._hits = {False: 0.5, True: 0.25}
        # Sums of the least squares' normal equations: micro-batches², micro-batches x tokens,
        # tokens², micro-batches x seconds, tokens x seconds.
        self._recent = [0.0] * 5
        self._ever = [0.0] * 5
        self._count = 0

    def choose(self, proposals: Sequence[Proposal]) -> int:
        """Tokens that each sequence should feed.

        Args:
            proposals: of the sequences, at least one.
        """
        least = min(proposal.certain for proposal in proposals)
        each_batch, each_token = self._fit()
        if not each_batch + each_token:
            return least
        # One sequence alone is not padded: it feeds no more than it has.
        alone = sum(proposals[0][:2]) if len(proposals) == 1 else None

        def speed(most: int) -> float:
            tokens = len(proposals) * most if alone is None else min(most, alone)
            gain = sum(self._gain(most, proposal) for proposal in proposals)
            return gain / (each_batch * -(-tokens // PREFILL_BATCH) + each_token * tokens)

        lengths = {least, *(least + n for n in _LENGTHS), max(p.certain for p in proposals)}
        return max(sorted(lengths), key=speed)

    def _gain(self, most: int, proposal: Proposal) -> float:
        """Tokens by which an answer can be expected to advance."""
        certain = min(most, proposal.certain)
        # A drafted token counts only where all before it are right: the n-th with hit ** n.
        hit = self._hits[proposal.weak]
        drafted = min(most - certain, proposal.drafted)
        return certain + sum(hit**n for n in range(1, drafted + 1))

    def pass_measured(self, tokens: int, seconds: float) -> None:
        """Learn what a pass cost.

        Args:
            tokens: of all sequences.
            seconds: wall time.
        """
        batches = -(-tokens // PREFILL_BATCH)
        weight = seconds**-2  # of the relative error, so that long passes do not outweigh short
        row = [batches * batches, batches * tokens, tokens * tokens, batches * seconds]
        row = [weight * value for value in (*row, tokens * seconds)]
        self._recent = [_COST_DECAY * old + new for old, new in zip(self._recent, row, strict=True)]
        self._ever = [old + new for old, new in zip(self._ever, row, strict=True)]
        self._count += 1

    def _fit(self) -> tuple[float, float]:
        """Seconds for each micro-batch and each token: weighted least squares, neither below zero.

        Recent passes count most. All former ones together count as one more: where the recent ones
        are all alike, the equations have no single solution, and these keep the two costs apart.
        """
        if not self._count:
            return 0.0, 0.0
        bb, bt, tt, bs, ts = (
            recent + ever / self._count
            for recent, ever in zip(self._recent, self._ever, strict=True)
        )
        determinant = bb * tt - bt * bt
        if determinant > 1e-9 * bb * tt:
            each_batch = (bs * tt - ts * bt) / determinant
            each_token = (ts * bb - bs * bt) / determinant
            if each_batch >= 0 and each_token >= 0:
                return each_batch, each_token
            if each_batch > 0:
                return bs / bb, 0.0
        return 0.0, ts / tt

    def draft_verified(
        self, proposal: Proposal, draft: Sequence[int], added: Sequence[int]
    ) -> None:
        """Learn how good a draft was; it need not have been fed.

        Args:
            proposal: in which it was.
            draft: the drafted tokens.
            added: tokens by which the answer grew; nothing is known of a draft beyond these.
        """
        known = list(zip(draft, added, strict=False))
        right = next((n for n, (one, other) in enumerate(known) if one != other), len(known))
        if known:
            rate = right / min(len(known), right + 1)
            self._hits[proposal.weak] += _HIT_WEIGHT * (rate - self._hits[proposal.weak])
