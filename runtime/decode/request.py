"""What the decoder is asked, what a pass evaluates of it, and what the decoder answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from setaccio.runtime.decode.list_guard import ListGuard
from setaccio.runtime.decode.sampling import Choose
from setaccio.runtime.grammar.constraint import Grammar

if TYPE_CHECKING:
    from setaccio.runtime.decode.generation import Generation

Finish = Literal["stop", "length", "repetition", "error"]
Guard = tuple[Callable[[], ListGuard], Callable[[int], bytes]]
"""Makes a guard for one answer; gives the bytes of a token."""


@dataclass(frozen=True)
class Request:
    """What to generate.

    Attributes:
        key: anything; comes back with the completion.
        rest: token ids of the prompt behind the shared prefix; at least one.
        budget: most tokens to generate; prompt and budget must fit the context.
        document: token ids of the document, for prompt lookup.
        grammar: what the answer must follow, or None for free decoding.
        choose: picks a token from logits and mask; None takes the likeliest.
        is_loop: asked when the answer seems to loop, with its token ids and the length of the
            cycle that they end in; None lets loops run.
        guard: closes the lists of a constrained answer where they begin to repeat themselves;
            None lets them.
        follow: shown the answer after each pass that made it longer; a finish reason ends it.
    """

    key: Any
    rest: Sequence[int]
    budget: int
    document: Sequence[int] = ()
    grammar: Grammar | None = None
    choose: Choose | None = None
    is_loop: Callable[[Sequence[int], int], bool] | None = None
    guard: Guard | None = None
    follow: Callable[[Generation], Finish | None] | None = None

    def under(self, key: Any) -> Request:
        """The same request with another key."""
        return replace(self, key=key)


@dataclass(frozen=True)
class Feed:
    """Tokens that one sequence evaluates next.

    Attributes:
        sequence: number of the sequence.
        start: position of the first token.
        tokens: token ids.
        outputs: how many of the last tokens give logits.
        padding: copies of the last token behind them, which make all feeds of a pass equally long.
    """

    sequence: int
    start: int
    tokens: Sequence[int]
    outputs: int
    padding: int = 0

    @property
    def size(self) -> int:
        """Tokens that are evaluated."""
        return len(self.tokens) + self.padding


@dataclass(frozen=True)
class Completion:
    """What was generated for a request.

    Attributes:
        tokens: generated token ids, without the end token; of a constrained answer that did not
            end by itself, with those that complete it.
        finish: ``stop``, ``length``, ``repetition`` or ``error``.
        generated: how many tokens model and grammar generated, those that complete a truncated
            answer left out.
        probabilities: of each generated token that is left what the model gave it, from 0 to 1;
            1 for tokens that the grammar forced.
        removed: of each of these the probability that the mask had taken from the others;
            0 for forced tokens.
        message: what went wrong; empty when nothing did.
        seconds: wall time of the passes it took part in, shared among those decoded together.
        closed_lists: lists and strings that were closed where they began to repeat themselves.
    """

    tokens: tuple[int, ...]
    finish: Finish
    generated: int
    probabilities: tuple[float, ...] = ()
    removed: tuple[float, ...] = ()
    message: str = ""
    seconds: float = 0.0
    closed_lists: int = 0
