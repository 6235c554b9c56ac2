"""What the decoder is asked, what a pass evaluates of it, and what the decoder answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from setaccio.runtime.decode.list_guard import ListGuard
from setaccio.runtime.decode.sampling import Choose, Ranking
from setaccio.runtime.grammar.constraint import Grammar
from setaccio.runtime.model.adapters import Adapter

if TYPE_CHECKING:
    from setaccio.runtime.decode.generation import Generation

Finish = Literal["stop", "length", "repetition", "error", "timeout", "cancelled"]
Guard = tuple[Callable[[], ListGuard], Callable[[int], bytes]]
"""Makes a guard for one answer; gives the bytes of a token."""


@dataclass
class Passes:
    """What decoding took and how far it is: for benchmarks, and for whoever watches it.

    Attributes:
        forward: forward passes.
        evaluated: tokens that went through the model.
        drafted: of these, drafted tokens.
        accepted: drafted tokens that were right.
        seconds: wall time inside forward passes, of all contexts together.
        written: tokens of answers, those that the grammar forced among them.
        running: documents, or parts of them, that are being decoded.
        finished: documents that are decoded.
    """

    forward: int = 0
    evaluated: int = 0
    drafted: int = 0
    accepted: int = 0
    seconds: float = 0.0
    written: int = 0
    running: int = 0
    finished: int = 0


Watch = Callable[[Passes], None]
"""Called after every forward pass, with the same object each time."""


class Start(NamedTuple):
    """What a request's prompt begins with, and what works on it from there on.

    Attributes:
        adapter: the LoRA adapter beside the weights, or None.
        prefix: token ids of the prompt's fixed part, which other requests have as well.
    """

    adapter: Adapter | None
    prefix: tuple[int, ...]


class ThoughtRequest(NamedTuple):
    """What a thought may be.

    Attributes:
        most: most tokens.
        end: token id that ends it.
        closing: token ids that close it where it is cut off: ``end`` with what stands around it.
        after: token ids between ``end`` and the answer.
    """

    most: int
    end: int
    closing: tuple[int, ...]
    after: tuple[int, ...]


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
        start: adapter and prefix; None for those of the decoder.
        ranked: how many of the likeliest tokens are noted beside each token; None notes nothing.
        ended: asked before each pass whether it should end now, and why (``timeout`` or
            ``cancelled``).
        deferred: whether an answer that is cut off is handed out as it is, to be completed by
            whoever asked: it may take long, and others wait.
        follow: shown the answer after each pass that made it longer; a finish reason ends it.
        thought: what the model may think before it answers; None: nothing.
    """

    key: Any
    rest: Sequence[int]
    budget: int
    document: Sequence[int] = ()
    grammar: Grammar | None = None
    choose: Choose | None = None
    is_loop: Callable[[Sequence[int], int], bool] | None = None
    guard: Guard | None = None
    start: Start | None = None
    ranked: int | None = None
    ended: Callable[[], Finish | None] | None = None
    follow: Callable[[Generation], Finish | None] | None = None
    thought: ThoughtRequest | None = None
    deferred: bool = False

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
        finish: ``stop``, ``length``, ``repetition``, ``error``, ``timeout`` or ``cancelled``.
        generated: how many tokens model and grammar generated, those that complete a truncated
            answer left out.
        probabilities: of each generated token that is left what the model gave it, from 0 to 1;
            1 for tokens that the grammar forced.
        removed: of each of these the probability that the mask had taken from the others;
            0 for forced tokens.
        message: what went wrong; empty when nothing did.
        seconds: wall time of the passes it took part in, shared among those decoded together.
        closed_lists: lists and strings that were closed where they began to repeat themselves.
        rankings: of each generated token that is left, where they were asked for.
        thought: token ids of the thought before the answer, without the marks around it.
        cut_off: the answer that is still to be completed, of a request that wants it so; all else
            but ``finish`` is without meaning then.
    """

    tokens: tuple[int, ...]
    finish: Finish
    generated: int
    probabilities: tuple[float, ...] = ()
    removed: tuple[float, ...] = ()
    message: str = ""
    seconds: float = 0.0
    closed_lists: int = 0
    rankings: tuple[Ranking, ...] = ()
    thought: tuple[int, ...] = ()
    cut_off: Generation | None = None
