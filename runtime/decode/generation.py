"""One answer as it grows, and the thought before it: which token comes next, and when it ends."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from setaccio.runtime.decode.list_guard import ListGuard
from setaccio.runtime.decode.repetition import CHECK_EVERY, find_cycle
from setaccio.runtime.decode.request import Completion, Finish, Request, ThoughtRequest
from setaccio.runtime.decode.sampling import (
    Choose,
    Mask,
    Ranking,
    Row,
    choose_greedy,
    rank,
    removed_share,
)
from setaccio.runtime.grammar.complete_truncated import complete_truncated
from setaccio.runtime.grammar.constraint import Matcher
from setaccio.runtime.model.load import LoadedModel

NEGLIGIBLE = 1e-5
"""Probability that makes no difference to a confidence, of which four digits are kept."""

MOST_REWINDS = 64
"""Lists of one answer that are closed early; an end in any case."""


@dataclass
class Thought:
    """What a model thinks before it answers; :meth:`extend` adds to it.

    No grammar bounds a thought and no draft is looked up for it; for the answer behind it, it is a
    part of the prompt. Where it does not end by itself within its tokens, or ends the whole turn,
    it is closed as the model's chat template closes thoughts, so that the answer stands where the
    model expects it.

    Attributes:
        request: what it may be.
        ends: token ids that end a turn.
        choose: picks a token; None takes the likeliest.
        tokens: so far, without its end.
        started: whether the model has been asked for the first token.
        closed: whether it has ended.
    """

    request: ThoughtRequest
    ends: frozenset[int]
    choose: Choose | None = None
    tokens: list[int] = field(default_factory=list)
    started: bool = False
    closed: bool = False

    def extend(self, logits: Row, likeliest: int) -> tuple[int, ...]:
        """Add the next token.

        Args:
            logits: float32 (vocabulary,), the model's for the next token.
            likeliest: index of their maximum.

        Returns:
            What the model has to evaluate next: the token, and what closes the thought.
        """
        self.started = self.closed = True
        try:
            token = likeliest if self.choose is None else self.choose(logits, None)
        except ValueError:  # where no token can follow, none can answer either: that tells
            return self.request.closing
        if token == self.request.end:
            return (token, *self.request.after)
        if token in self.ends:
            return self.request.closing
        self.tokens.append(token)
        self.closed = len(self.tokens) >= self.request.most
        return (token, *self.request.closing) if self.closed else (token,)


@dataclass
class Generation:
    """The tokens generated for a request; :meth:`extend` adds to them.

    Attributes:
        request: what to generate.
        ends: token ids that end an answer.
        tokens: generated so far.
        finish: why it ended; None while it goes on.
        started: whether the model has been asked for the first token.
        rewound: how many tokens the last :meth:`extend` left as they were, where it took others
            back to close a list; None where it took none back.
        rewinds: how often that happened.
        seconds: wall time spent on it so far.
        rankings: of each token, where they were asked for.
    """

    request: Request
    ends: frozenset[int]
    tokens: list[int] = field(default_factory=list)
    finish: Finish | None = None
    started: bool = False
    rewound: int | None = None
    rewinds: int = 0
    seconds: float = 0.0
    rankings: list[Ranking] = field(default_factory=list)
    _matcher: Matcher | None = None
    _guard: ListGuard | None = None
    _probabilities: list[float] = field(default_factory=list)
    _removed: list[float] = field(default_factory=list)
    _message: str = ""

    def __post_init__(self) -> None:
        if self.request.grammar is not None:
            self._matcher = self.request.grammar.start()
            if self.request.guard is not None:
                self._guard = self.request.guard[0]()

    @property
    def left(self) -> int:
        """Tokens that the budget leaves."""
        return self.request.budget - len(self.tokens)

    @property
    def settled(self) -> int | None:
        """Bytes of the answer that its guard will not take back; None where it has no guard."""
        return None if self._guard is None else self._guard.settled

    def allowed(self, draft: Sequence[int]) -> list[int]:
        """As much of a draft as the grammar allows."""
        if not draft or self._matcher is None:
            return list(draft)
        return list(draft[: self._matcher.count_allowed(draft)])

    def extend(self, logits: Row, likeliest: int) -> None:
        """Add the next token, and those that the grammar forces behind it.

        Args:
            logits: float32 (vocabulary,), the model's for the next token.
            likeliest: index of their maximum.
        """
        self.started, self.rewound = True, None
        known = len(self.tokens)
        try:
            # Softmax: less the maximum nothing overflows, and the likeliest token has weight 1.
            weights = logits - logits[likeliest]
            np.exp(weights, out=weights)
            total = float(weights.sum())
            if self._accept_certain(likeliest, total):
                self._add(likeliest, 1.0 / total, 0.0)
            else:
                token, mask = self._next(logits, likeliest)
                if token in self.ends:
                    self.finish = "stop"
                    return
                removed = 0.0 if mask is None else removed_share(weights, total, mask)
                ranking = None
                if self.request.ranked is not None:
                    ranking = rank(logits, mask, token, self.request.ranked)
                self._add(token, float(weights[token]) / total, removed, ranking)
            self._take_forced()
            self._watch_lists(known)
        except ValueError as error:
            self.finish = "error"
            self._message = str(error)

    def _accept_certain(self, likeliest: int, total: float) -> bool:
        """Accept the likeliest token without a mask where no other has a chance; say whether so.

        A mask costs a walk over the whole vocabulary. Where the likeliest token has all but all of
        the probability (``total`` is the sum of all weights, its own being 1) and is allowed, the
        mask changes neither the token nor what is recorded.
        """
        matcher = self._matcher
        # The first token is left to the mask: there llguidance may force one way of cutting the
        # text into tokens that differs from the likeliest.
        if matcher is None or self.request.choose or not self.tokens or total > 1.0 + NEGLIGIBLE:
            return False
        if self.request.ranked is not None:  # whoever wants all chances wants them exactly
            return False
        if likeliest in self.ends or not matcher.count_allowed([likeliest]):
            return False
        matcher.accept(likeliest)
        return True

    def _next(self, logits: Row, likeliest: int) -> tuple[int, Mask | None]:
        """The next token, which the matcher has accepted, and the mask it was chosen under."""
        mask = None if self._matcher is None else self._matcher.mask()
        if self.request.choose is None:
            token = choose_greedy(logits, mask, likeliest)
        else:
            token = self.request.choose(logits, mask)
        if self._matcher and token not in self.ends:
            self._matcher.accept(token)
        return token, mask

    def _take_forced(self) -> None:
        """Add the tokens that the grammar leaves no choice about ("fast-forward tokens")."""
        while self._matcher and not self.finish:
            forced = self._matcher.forced()
            if not forced:
                return
            for token in forced:
                self._matcher.accept(token)
                self._add(token, 1.0, 0.0)
                if self.finish:
                    return

    def _watch_lists(self, known: int) -> None:
        """Close a list or string that repeats itself; the guard has read ``known`` tokens."""
        if self._guard is None or self.request.guard is None or self.finish == "stop":
            return
        piece = self.request.guard[1]
        cut = self._guard.feed(b"".join(map(piece, self.tokens[known:])))
        if cut is None or self.rewinds >= MOST_REWINDS:
            return
        text = bytes(self._guard.text[: cut.offset])
        # Whole tokens before the offset stay; the bytes of one that it cuts are tokenised anew.
        kept, length = 0, 0
        while length + len(piece(self.tokens[kept])) <= cut.offset:
            length += len(piece(self.tokens[kept]))
            kept += 1
        if self._replace(kept, text[length:] + cut.closing):
            self.rewinds += 1
            self.rewound = kept if self.rewound is None else min(self.rewound, kept)
            self.finish = None
            self._guard = self.request.guard[0]()  # guards can not go back: read again from the top
            self._guard.feed(text + cut.closing)
            before = len(self.tokens)
            self._take_forced()
            self._watch_lists(before)

    def _replace(self, kept: int, text: bytes) -> bool:
        """Put a text in place of the tokens from ``kept`` on, if the grammar allows it."""
        matcher, gone = self._matcher, self.tokens[kept:]
        if matcher is None:
            return False
        matcher.take_back(len(gone))
        wanted = matcher.tokenise(text)
        if matcher.count_allowed(wanted) < len(wanted):
            for token in gone:
                matcher.accept(token)
            return False
        for values in (self.tokens, self._probabilities, self._removed, self.rankings):
            del values[kept:]
        for token in wanted:
            matcher.accept(token)
            self._add(token, 1.0, 0.0)
        return True

    def _add(
        self, token: int, probability: float, removed: float, ranking: Ranking | None = None
    ) -> None:
        self.tokens.append(token)
        if self.request.ranked is not None:
            self.rankings.append(ranking or Ranking(0.0, ((token, 0.0),)[: self.request.ranked]))
        self._probabilities.append(probability)
        self._removed.append(removed)
        if self._matcher and self._matcher.complete:
            self.finish = "stop"
        elif self._loops():
            self.finish = "repetition"
        elif self.left <= 0:
            self.finish = "length"

    def _loops(self) -> bool:
        is_loop = self.request.is_loop
        if is_loop is None or len(self.tokens) % CHECK_EVERY:
            return False
        period = find_cycle(self.tokens)
        return bool(period) and is_loop(self.tokens, period)

    @property
    def cut_off(self) -> bool:
        """Whether the grammar has to complete it."""
        return self._matcher is not None and self.finish in ("length", "repetition", "timeout")

    def completion(self, model: LoadedModel, seconds: float = math.inf) -> Completion:
        """The answer, completed by its grammar where it did not end by itself.

        Args:
            model: whose vocabulary.
            seconds: that may be spent on that.
        """
        tokens = list(self.tokens)
        if self._matcher and self.cut_off:
            # No short end may be found; what was generated must not be lost.
            with contextlib.suppress(ValueError):
                tokens = complete_truncated(model, self._matcher, self.tokens, seconds)
        # Completing takes back the tokens of an incomplete character.
        kept = next(
            (i for i, token in enumerate(self.tokens) if tokens[i : i + 1] != [token]), None
        )
        return Completion(
            tuple(tokens),
            self.finish or "error",
            len(self.tokens),
            tuple(self._probabilities[:kept]),
            tuple(self._removed[:kept]),
            self._message,
            self.seconds,
            self.rewinds,
            tuple(self.rankings[:kept]),
        )
