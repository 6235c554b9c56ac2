"""The documents of one context: what each evaluates next, and what comes of it.

Each document has a slot. The prompt's fixed part (scaffold, instruction, schema) is evaluated once,
copied to every slot and kept there; a document that is finished makes room for the next. Tokens
that the grammar forces are taken without asking the model, and guesses looked up in the document
are checked in the pass that evaluates them (:mod:`setaccio.runtime.drafts`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp

from setaccio.runtime.answer import Answer, Completion, Request
from setaccio.runtime.drafts import Lookup, Pace
from setaccio.runtime.models import LoadedModel
from setaccio.runtime.slots import Feed, Logits, Slots


@dataclass
class Passes:
    """What decoding took, for benchmarks.

    Attributes:
        forward: forward passes.
        evaluated: tokens that went through the model.
        guessed: of these, guesses.
        right: guesses that were right.
        seconds: wall time inside forward passes.
    """

    forward: int = 0
    evaluated: int = 0
    guessed: int = 0
    right: int = 0
    seconds: float = 0.0


class _Sequence:
    """One document in its slot.

    Attributes:
        held: tokens that the slot's cache holds and that are right.
        waiting: tokens that the model has yet to see, in order; certain ones.
    """

    def __init__(self, slot: int, request: Request, prefix: int, eog: frozenset[int]) -> None:
        self.slot = slot
        self.request = request
        self.held = prefix
        self.waiting: deque[int] = deque(request.rest)
        self.answer = Answer(request, eog)
        self.lookup = Lookup(request.document)
        self.guess: list[int] = []

    @property
    def reading(self) -> bool:
        """Whether the prompt is still being read."""
        return not self.answer.started

    def feed(self, most: int, length: int) -> Feed:
        """The next tokens to evaluate.

        Args:
            most: most tokens.
            length: tokens to guess behind the certain ones, if there is room.
        """
        certain = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        self.guess = []
        if self.waiting:
            return Feed(self.slot, self.held, certain, 0)
        room = min(length, most - len(certain), self.answer.left - 1)
        if room > 0:
            self.guess = self.answer.allowed(self.lookup.guess(self.answer.tokens, room))
        return Feed(self.slot, self.held, [*certain, *self.guess], 1 + len(self.guess))

    def judge(self, feed: Feed, logits: Logits, likeliest: Sequence[int]) -> int:
        """Continue the answer from a pass's logits.

        Args:
            feed: what was evaluated.
            logits: float32 (feed.outputs, vocabulary).
            likeliest: the index of each row's maximum.

        Returns:
            How many guesses were right. ``held`` and ``waiting`` are brought up to date.
        """
        self.held += len(feed.tokens) - len(self.guess)
        right = 0
        while True:
            before = len(self.answer.tokens)
            self.answer.extend(logits[right], likeliest[right])
            fresh = deque(self.answer.tokens[before:])
            # A right guess is in the cache already, be it for a token that the grammar forced.
            while fresh and right < len(self.guess) and fresh[0] == self.guess[right]:
                fresh.popleft()
                right += 1
            if fresh or self.answer.finish:
                self.waiting.extend(fresh)
                break
        self.held += right
        return right


class Lane:
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
        slots: Slots,
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
        key = ("pace", slots.apart)
        self.pace: Pace | None = model.cache.setdefault(key, Pace()) if guess else None
        self.eog = _end_tokens(model)
        self.active: list[_Sequence] = []
        self.feeds: list[Feed] = []
        self.guesses = 0
        self.began = 0.0
        # Recurrent memory can neither be cut back to the prefix nor forget a wrong guess.
        self.cuts = not (
            llama_cpp.llama_model_is_recurrent(model.llama.model)
            or llama_cpp.llama_model_is_hybrid(model.llama.model)
        )
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
        self.began = time.perf_counter()
        self.feeds, self.guesses = self._next_feeds()
        return self.feeds

    def end(self, logits: Logits, seconds: float) -> Iterator[tuple[Any, Completion]]:
        """Take up what a pass gave.

        Args:
            logits: of the feeds that :meth:`begin` returned.
            seconds: that the pass took.

        Yields:
            Key and completion of each document that is finished.
        """
        finished = self._judge(logits, seconds)
        share = (time.perf_counter() - self.began) / len(self.active)
        for sequence in self.active:
            sequence.answer.seconds += share
        for sequence in finished:
            self.active.remove(sequence)
            yield sequence.request.key, sequence.answer.completion(self.model)

    def _judge(self, logits: Logits, seconds: float) -> list[_Sequence]:
        """Continue the answers; returns the sequences that are finished."""
        feeds, length = self.feeds, self.guesses
        likeliest = logits.argmax(axis=1).tolist() if len(logits) else []
        passes = self.passes
        passes.forward += 1
        passes.seconds += seconds
        passes.evaluated += sum(len(feed.tokens) for feed in feeds)
        if self.pace and all(len(feed.tokens) == 1 + length for feed in feeds):
            self.pace.measured(len(feeds), length, seconds)
        finished = []
        row = 0
        for sequence, feed in zip(self.active, feeds, strict=True):
            rows = slice(row, row + feed.outputs)
            row += feed.outputs
            if not feed.outputs:
                sequence.held += len(feed.tokens)
                continue
            right = sequence.judge(feed, logits[rows], likeliest[rows])
            if sequence.guess:
                passes.guessed += len(sequence.guess)
                passes.right += right
                if self.pace:
                    self.pace.judged(len(sequence.guess), right)
            if sequence.answer.finish:
                finished.append(sequence)
            elif right < len(sequence.guess):
                self.slots.cut(sequence.slot, sequence.held)
        return finished

    def _next_feeds(self) -> tuple[list[Feed], int]:
        """What each active sequence evaluates next, and how many guesses each may have made."""
        answering = [sequence for sequence in self.active if not sequence.reading]
        room = self.slots.capacity
        # Sequences of unequal length would need a pass each, so all that answer take as many
        # tokens as the one that has fewest; one alone takes all it has.
        alone = len(self.active) == 1
        length = 0
        if self.pace and answering:
            length = self.pace.length(len(self.active)) if len(answering) == len(self.active) else 0
        most = room if alone else 1 + length
        if not alone and length == 0 and answering:
            most = min(len(sequence.waiting) for sequence in answering)
        feeds = []
        for index, sequence in enumerate(self.active):
            share = room - (len(self.active) - index - 1)  # one token at least for each after it
            if sequence.reading:
                feed = sequence.feed(share, 0)
            else:
                feed = sequence.feed(min(share, most), length)
            feeds.append(feed)
            room -= len(feed.tokens)
        return feeds, length


def _end_tokens(model: LoadedModel) -> frozenset[int]:
    """Every token that ends an answer."""
    if "end tokens" not in model.cache:
        count = int(model.llama.n_vocab())
        model.cache["end tokens"] = frozenset(
            token for token in range(count) if llama_cpp.llama_vocab_is_eog(model.vocab, token)
        )
    found: frozenset[int] = model.cache["end tokens"]
    return found
