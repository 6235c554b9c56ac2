"""One answer as it grows: which token comes next, what the grammar forces, and when it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from setaccio.runtime.decode.list_guard import ListGuard
from setaccio.runtime.decode.repetition import CHECK_EVERY, find_cycle
from setaccio.runtime.decode.sampling import Choose, Mask, Row, choose_greedy, removed_share
from setaccio.runtime.grammar.complete_truncated import close
from setaccio.runtime.grammar.constraint import Grammar, Matcher
from setaccio.runtime.model.load import LoadedModel

NEGLIGIBLE = 1e-5
"""Probability that makes no difference to a confidence, of which four digits are kept."""

MOST_REWINDS = 64
"""Lists of one answer that are closed early; an end in any case."""

Guard = tuple[Callable[[], ListGuard], Callable[[int], bytes]]
"""Makes a guard for one answer; gives the bytes of a token."""
Finish = Literal["stop", "length", "repetition", "error"]


@dataclass(frozen=True)
class Request:
    """What to answer.

    Attributes:
        key: anything; comes back with the completion.
        rest: token ids of the prompt behind its fixed part; at least one.
        budget: most tokens to generate; prompt and budget must fit the context.
        document: token ids of the document, where guesses are looked up.
        grammar: what the answer must follow, or None for free decoding.
        choose: picks a token from logits and mask; None takes the likeliest.
        is_loop: asked when the answer seems to loop, with its token ids and the length of the
            cycle that they end in; None lets loops run.
        guard: makes what keeps the lists of a constrained answer from repeating themselves, and
            the bytes of a token; None lets them.
    """

    key: Any
    rest: Sequence[int]
    budget: int
    document: Sequence[int] = ()
    grammar: Grammar | None = None
    choose: Choose | None = None
    is_loop: Callable[[Sequence[int], int], bool] | None = None
    guard: Guard | None = None

    def under(self, key: Any) -> Request:
        """The same request with another key."""
        return replace(self, key=key)


@dataclass(frozen=True)
class Completion:
    """What was generated.

    Attributes:
        tokens: generated token ids, without the end token; of a constrained answer that did not
            end by itself, with those that close it.
        finish: ``stop``, ``length``, ``repetition`` or ``error``.
        generated: how many tokens model and grammar generated, those that close the answer left
            out.
        probabilities: of each generated token that is left what the model gave it, from 0 to 1;
            1 for tokens that the grammar forced.
        removed: of each of these the probability that the mask had taken from the others;
            0 for forced tokens.
        message: what went wrong; empty when nothing did.
        seconds: wall time of the passes it took part in, shared among those decoded together.
        closed_lists: lists that were closed where they began to repeat themselves.
    """

    tokens: tuple[int, ...]
    finish: Finish
    generated: int
    probabilities: tuple[float, ...] = ()
    removed: tuple[float, ...] = ()
    message: str = ""
    seconds: float = 0.0
    closed_lists: int = 0


@dataclass
class AnswerTokens:
    """An answer that grows by :meth:`extend`.

    Attributes:
        request: what is answered.
        ends: token ids that end an answer.
        tokens: generated so far.
        finish: why it ended; None while it goes on.
        started: whether the model has been asked for the first token.
        rewound: how many tokens the last :meth:`extend` left as they were, where it took others
            back to close a list; None where it took none back.
        rewinds: how often that happened.
        seconds: wall time spent on it so far.
    """

    request: Request
    ends: frozenset[int]
    tokens: list[int] = field(default_factory=list)
    finish: Finish | None = None
    started: bool = False
    rewound: int | None = None
    rewinds: int = 0
    seconds: float = 0.0
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

    def allowed(self, guess: Sequence[int]) -> list[int]:
        """As much of a guess as the grammar allows."""
        if not guess or self._matcher is None:
            return list(guess)
        return list(guess[: self._matcher.count_allowed(guess)])

    def extend(self, logits: Row, likeliest: int) -> None:
        """Add the next token, and those that the grammar forces behind it.

        Args:
            logits: float32 (vocabulary,), the model's for the next token.
            likeliest: index of their maximum.
        """
        self.started, self.rewound = True, None
        known = len(self.tokens)
        try:
            weights = logits - logits[likeliest]
            np.exp(weights, out=weights)
            total = float(weights.sum())
            if self._take_sure(likeliest, total):
                self._add(likeliest, 1.0 / total, 0.0)
            else:
                token, mask = self._next(logits, likeliest)
                if token in self.ends:
                    self.finish = "stop"
                    return
                removed = 0.0 if mask is None else removed_share(weights, total, mask)
                self._add(token, float(weights[token]) / total, removed)
            self._take_forced()
            self._watch_lists(known)
        except ValueError as error:
            self.finish = "error"
            self._message = str(error)

    def _take_sure(self, likeliest: int, total: float) -> bool:
        """Accept the likeliest token without a mask where no other could matter; say whether so.

        What the mask would take from the others is then too little to be told from nothing.

        Args:
            likeliest: the token.
            total: the sum of all weights, its own being 1.
        """
        matcher = self._matcher
        # Before the first token the grammar may force one way of cutting the text into tokens.
        if matcher is None or self.request.choose or not self.tokens or total > 1.0 + NEGLIGIBLE:
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
        """Add what the grammar leaves no choice about."""
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
        """Close a list that begins to repeat itself.

        Args:
            known: tokens that the guard has read.
        """
        if self._guard is None or self.request.guard is None or self.finish == "stop":
            return
        size = self.request.guard[1]
        offset = self._guard.feed(b"".join(map(size, self.tokens[known:])))
        if offset is None or self.rewinds >= MOST_REWINDS:
            return
        text = bytes(self._guard.text[:offset])
        kept, length = 0, 0
        while length + len(size(self.tokens[kept])) <= offset:
            length += len(size(self.tokens[kept]))
            kept += 1
        if self._replace(kept, text[length:] + b"]"):
            self.rewinds += 1
            self.rewound = kept if self.rewound is None else min(self.rewound, kept)
            self.finish = None
            self._guard = self.request.guard[0]()
            self._guard.feed(text + b"]")
            before = len(self.tokens)
            self._take_forced()
            self._watch_lists(before)

    def _replace(self, kept: int, text: bytes) -> bool:
        """Put a text in the place of the last tokens, if the grammar allows it; say whether."""
        matcher, gone = self._matcher, self.tokens[kept:]
        if matcher is None:
            return False
        matcher.take_back(len(gone))
        wanted = matcher.tokenise(text)
        if matcher.count_allowed(wanted) < len(wanted):
            for token in gone:
                matcher.accept(token)
            return False
        for values in (self.tokens, self._probabilities, self._removed):
            del values[kept:]
        for token in wanted:
            matcher.accept(token)
            self._add(token, 1.0, 0.0)
        return True

    def _add(self, token: int, probability: float, removed: float) -> None:
        self.tokens.append(token)
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

    def completion(self, model: LoadedModel) -> Completion:
        """The finished answer, closed by its grammar where it did not end by itself."""
        tokens = list(self.tokens)
        if self._matcher and self.finish in ("length", "repetition"):
            # A grammar with no short end leaves the answer open; what there is must not be lost.
            with contextlib.suppress(ValueError):
                tokens = close(model, self._matcher, self.tokens)
        # Closing takes back the tokens of an incomplete character.
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
        )
