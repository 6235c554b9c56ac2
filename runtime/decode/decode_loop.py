"""The documents of one context: what each evaluates next, and what comes of it.

Each document has a slot. The prompt's fixed part (scaffold, instruction, schema) is evaluated once,
copied to every slot and kept there; a document that is finished makes room for the next. Tokens
that the grammar forces are taken without asking the model, and guesses looked up in the document
are checked in the pass that evaluates them (:mod:`setaccio.runtime.decode.prompt_lookup`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp

from setaccio.runtime.decode.context import ContextSlots, Feed, Logits
from setaccio.runtime.decode.prompt_lookup import LONGEST, DraftLength, Lookup, Offer
from setaccio.runtime.decode.sequence import AnswerTokens, Completion, Request
from setaccio.runtime.model.load import LoadedModel, can_cut


@dataclass
class Passes:
    """What decoding took and how far it is: for benchmarks, and for whoever watches it.

    Attributes:
        forward: forward passes.
        evaluated: tokens that went through the model.
        guessed: of these, guesses.
        right: guesses that were right.
        seconds: wall time inside forward passes, of all lanes together.
        written: tokens of answers, those that the grammar forced among them.
        running: documents, or parts of them, that are being decoded.
        finished: documents whose result is known, given out or not.
    """

    forward: int = 0
    evaluated: int = 0
    guessed: int = 0
    right: int = 0
    seconds: float = 0.0
    written: int = 0
    running: int = 0
    finished: int = 0


Watch = Callable[[Passes], None]
"""Called after every forward pass, with the same object each time."""


class _Sequence:
    """One document in its slot.

    Attributes:
        held: tokens that the slot's cache holds and that are right.
        prompt: tokens of the whole prompt.
        waiting: tokens that the model has yet to see, in order; certain ones.
        found: what may come behind them, looked up in the document.
        offer: how many tokens that makes.
        guess: those of the found tokens that the present pass checks.
        came: tokens by which that pass made the answer longer.
    """

    def __init__(self, slot: int, request: Request, prefix: int, eog: frozenset[int]) -> None:
        self.slot = slot
        self.request = request
        self.held = prefix
        self.prompt = prefix + len(request.rest)
        self.waiting: deque[int] = deque(request.rest)
        self.answer = AnswerTokens(request, eog)
        self.lookup = Lookup(request.document)
        self.found: Sequence[int] = ()
        self.offer = Offer(0, 0)
        self.guess: list[int] = []
        self.came: Sequence[int] = ()

    @property
    def reading(self) -> bool:
        """Whether the prompt is still being read."""
        return not self.answer.started

    def look(self) -> Offer:
        """Look a guess up; returns what this answer could feed."""
        found = self.lookup.guess(self.answer.tokens, min(LONGEST, self.answer.left - 1))
        self.found = found.tokens
        self.offer = Offer(len(self.waiting), len(found.tokens), found.weak)
        return self.offer

    @property
    def room(self) -> int:
        """Most tokens that it may feed: no more than its budget has places for."""
        return len(self.waiting) + max(0, self.answer.left - 1)

    def feed(self, most: int, fill: bool = False) -> Feed:
        """The next tokens to evaluate: certain ones, then guesses.

        Args:
            most: how many at most.
            fill: make it as many, with tokens that mean nothing where there is nothing to guess.
        """
        certain = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        self.guess = []
        if self.waiting:
            return Feed(self.slot, self.held, certain, 0)
        if not self.reading:
            self.guess = self.answer.allowed(self.found[: most - len(certain)])
        tokens = [*certain, *self.guess]
        filled = most - len(tokens) if fill else 0
        return Feed(self.slot, self.held, tokens, 1 + len(self.guess), filled)

    def judge(self, feed: Feed, logits: Logits, likeliest: Sequence[int]) -> int:
        """Continue the answer from a pass's logits.

        Args:
            feed: what was evaluated.
            logits: float32 (feed.outputs, vocabulary).
            likeliest: the index of each row's maximum.

        Returns:
            How many guesses were right. ``held`` and ``waiting`` are brought up to date.
        """
        known = len(self.answer.tokens)
        self.held += len(feed.tokens) - len(self.guess)
        right = 0
        while True:
            before = len(self.answer.tokens)
            self.answer.extend(logits[right], likeliest[right])
            if self.answer.rewound is not None:
                self._go_back(self.held + right)
                return right
            fresh = deque(self.answer.tokens[before:])
            # A right guess is in the cache already, be it for a token that the grammar forced.
            while fresh and right < len(self.guess) and fresh[0] == self.guess[right]:
                fresh.popleft()
                right += 1
            if fresh or self.answer.finish:
                self.waiting.extend(fresh)
                break
        self.held += right
        self.came = self.answer.tokens[known:]
        return right

    def _go_back(self, evaluated: int) -> None:
        """Follow an answer that took tokens back: the cache keeps what is still right.

        Args:
            evaluated: tokens of prompt and answer that the cache holds.
        """
        kept = self.answer.rewound or 0
        self.held = min(evaluated, self.prompt + kept)
        self.waiting = deque(self.answer.tokens[self.held - self.prompt :])
        self.came = ()


class DecodeLoop:
    """The documents that are decoded together in one context.

    A pass is :meth:`begin`, the slots' own work on the feeds that it returns, and :meth:`end`.

    Args:
        model: what generates.
        slots: the context.
        prefix: token ids of the prompt's fixed part.
        limit: most documents at once.
        guess: whether to look up guesses in the documents.
        passes: counts are added here.

    Attributes:
        slots: as given.
        active: the documents that are being decoded, by slot.
    """

    def __init__(
        self,
        model: LoadedModel,
        slots: ContextSlots,
        prefix: list[int],
        limit: int,
        guess: bool,
        passes: Passes,
    ) -> None:
        self.model = model
        self.slots = slots
        self.prefix = prefix
        self.limit = limit
        self.passes = passes
        key = ("pace", slots.threads, slots.apart)
        self.pace: DraftLength | None = (
            model.cache.setdefault(key, DraftLength()) if guess else None
        )
        self.eog = _end_tokens(model)
        self.active: list[_Sequence] = []
        self.fed: list[_Sequence] = []
        self.feeds: list[Feed] = []
        self.spent = 0.0
        # Recurrent memory can neither be cut back to the prefix nor forget a wrong guess.
        self.cuts = can_cut(model)
        if not self.cuts:
            self.pace = None

    @property
    def room(self) -> int:
        """Documents that it could take."""
        return self.limit - len(self.active)

    def admit(self, request: Request) -> None:
        """Give a document a slot."""
        taken = {sequence.slot for sequence in self.active}
        slot = min(set(range(self.limit)) - taken)
        self._lay_prefix(slot)
        self.active.append(_Sequence(slot, request, len(self.prefix), self.eog))
        self.active.sort(key=lambda sequence: sequence.slot)
        self.passes.running += 1

    def _lay_prefix(self, slot: int) -> None:
        """Bring a slot's cache to exactly the prefix."""
        wanted = tuple(self.prefix)
        held = self.slots.prefixes
        if self.cuts and held.get(slot) == wanted and self.slots.cut(slot, len(wanted)):
            return
        source = next((s for s, p in held.items() if p == wanted and self.cuts), None)
        held.pop(slot, None)
        if source is None or source == slot:
            self.slots.cut(slot, 0)
            for start in range(0, len(wanted), self.slots.capacity):
                part = wanted[start : start + self.slots.capacity]
                self.slots.decode([Feed(slot, start, part, 0)])
                self.passes.forward += 1
                self.passes.evaluated += len(part)
        else:
            self.slots.copy(source, slot)
            self.slots.cut(slot, len(wanted))
        held[slot] = wanted

    def begin(self) -> list[Feed]:
        """What the next pass evaluates."""
        began = time.perf_counter()
        if self.cuts:
            self._close_gaps()
        self.fed = self._choose()
        most = self.slots.capacity // len(self.fed)
        if not self.fed[0].reading:
            most = min(most, self._most(), *(sequence.room for sequence in self.fed))
        self.feeds = [sequence.feed(most, fill=len(self.fed) > 1) for sequence in self.fed]
        self.spent = time.perf_counter() - began
        return self.feeds

    def end(
        self, logits: Logits, seconds: float, beside: int = 1
    ) -> Iterator[tuple[Any, Completion]]:
        """Take up what a pass gave.

        Args:
            logits: of the feeds that :meth:`begin` returned.
            seconds: that the pass took.
            beside: lanes that were computing at the time, this one included: they share the time.

        Yields:
            Key and completion of each document that is finished.
        """
        began = time.perf_counter()
        finished = self._judge(logits, seconds)
        self.spent += time.perf_counter() - began
        share = (self.spent + seconds) / len(self.active) / beside
        for sequence in self.active:
            sequence.answer.seconds += share
        for sequence in finished:
            self.active.remove(sequence)
            self.passes.running -= 1
            yield sequence.request.key, sequence.answer.completion(self.model)

    def _judge(self, logits: Logits, seconds: float) -> list[_Sequence]:
        """Continue the answers; returns the sequences that are finished."""
        feeds = self.feeds
        likeliest = logits.argmax(axis=1).tolist() if len(logits) else []
        passes = self.passes
        passes.forward += 1
        passes.seconds += seconds
        tokens = sum(feed.size for feed in feeds)
        passes.evaluated += tokens
        if self.pace:
            self.pace.measured(tokens, seconds)
        finished = []
        row = 0
        for sequence, feed in zip(self.fed, feeds, strict=True):
            rows = slice(row, row + feed.outputs)
            row += feed.outputs
            if not feed.outputs:
                sequence.held += len(feed.tokens)
                continue
            right = sequence.judge(feed, logits[rows], likeliest[rows])
            passes.guessed += len(sequence.guess)
            passes.right += right
            passes.written += len(sequence.came)
            if self.pace:
                self.pace.judged(sequence.offer, sequence.found, sequence.came)
            if sequence.answer.finish:
                finished.append(sequence)
            elif right < len(sequence.guess) or feed.filled or sequence.answer.rewound is not None:
                self.slots.cut(sequence.slot, sequence.held)
        return finished

    def _close_gaps(self) -> None:
        """Move documents into empty slots below them: llama.cpp evaluates neighbours together.

        The whole stream of a slot is copied, by the next pass.
        """
        while len(self.active) > 1 and self.active[-1].slot >= len(self.active):
            moved = self.active[-1]
            free = min({*range(self.limit)} - {sequence.slot for sequence in self.active})
            self.slots.copy(moved.slot, free)
            # What was behind the prompt's fixed part there is gone; the fixed part is the same.
            self.slots.prefixes[free] = tuple(self.prefix)
            moved.slot = free
            self.active.sort(key=lambda sequence: sequence.slot)

    def _choose(self) -> list[_Sequence]:
        """Who takes part in the next pass: one document that is to be read, else all answers.

        Prompts differ in length, and llama.cpp would cut them, and the answers beside them, into
        many small pieces; read alone each is one piece.
        """
        reading = next((sequence for sequence in self.active if sequence.reading), None)
        return list(self.active) if reading is None else [reading]

    def _most(self) -> int:
        """Tokens that each answer feeds at most."""
        if self.pace:
            return self.pace.most([sequence.look() for sequence in self.fed])
        waiting = [len(sequence.waiting) for sequence in self.fed]
        return max(waiting) if len(waiting) == 1 else min(waiting)


def _end_tokens(model: LoadedModel) -> frozenset[int]:
    """Every token that ends an answer."""
    if "end tokens" not in model.cache:
        count = int(model.llama.n_vocab())
        model.cache["end tokens"] = frozenset(
            token for token in range(count) if llama_cpp.llama_vocab_is_eog(model.vocab, token)
        )
    found: frozenset[int] = model.cache["end tokens"]
    return found
