"""The sequences of one context: what each evaluates next, and what comes of it.

The prompt's fixed part (scaffold, instruction, schema) is evaluated once, copied to every sequence
and kept there (prefix caching); a sequence that is finished makes place for the next document
(continuous batching). A pass is either the prefill of one document, or one step of all answers:
tokens that the grammar forces are taken without asking the model, and drafts from prompt lookup
are verified in the pass that evaluates them (:mod:`setaccio.runtime.decode.prompt_lookup`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from setaccio.runtime.decode.context import BatchContext, Logits
from setaccio.runtime.decode.prompt_lookup import MAX_DRAFT
from setaccio.runtime.decode.request import Completion, Feed, Request
from setaccio.runtime.decode.sequence import ActiveSequence
from setaccio.runtime.model.load import LoadedModel, can_cut
from setaccio.runtime.model.tokens import end_tokens

LIKELY_ANSWER = 192
"""Tokens of an answer that room is made for at first; more is made when they are needed."""

PREFILL_BESIDE_FIRST = 0.25
"""Of the time that the first answer takes, what may go into the prefill of others meanwhile."""


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


class DecodeLoop:
    """The documents that are decoded together in one context.

    A pass is :meth:`start_pass`, the context's own work on the feeds that it returns, and
    :meth:`finish_pass`.

    Args:
        model: what generates.
        context: what it computes in.
        prefix: token ids of the prompt's fixed part.
        parallel: most documents at once.
        prompt_lookup: whether to verify drafts from the documents.
        passes: counts are added here.
        hurry: whether the first document is answered alone: among many it would be out last.

    Attributes:
        context: as given.
        active: the documents that are being decoded, by the number of their sequence.
    """

    def __init__(
        self,
        model: LoadedModel,
        context: BatchContext,
        prefix: list[int],
        parallel: int,
        prompt_lookup: bool,
        passes: Passes,
        hurry: bool = False,
    ) -> None:
        self.model = model
        self.context = context
        self.prefix = tuple(prefix)
        self.parallel = parallel
        self.passes = passes
        self.eog = end_tokens(model)
        self.active: list[ActiveSequence] = []
        self._fed: list[ActiveSequence] = []
        self._feeds: list[Feed] = []
        self._spent = 0.0
        self._hurry = hurry
        self._first: ActiveSequence | None = None
        self._first_seconds = self._beside_seconds = self._prefill_rate = 0.0
        # Recurrent memory can neither be cut back to the prefix nor forget a rejected draft.
        self._cuts = can_cut(model)
        self._draft_length = context.draft_length if prompt_lookup and self._cuts else None

    @property
    def free(self) -> int:
        """Documents that it could take."""
        # Caches can not be moved to a context for more sequences.
        most = min(self.parallel, self.context.sequences) if self.active else self.parallel
        return most - len(self.active)

    def admit(self, requests: Sequence[Request], more: bool) -> None:
        """Give documents sequences, and all of them room for what they evaluate next.

        Args:
            requests: at most :attr:`free`.
            more: whether others may come while these are decoded.
        """
        self._reserve(requests, more)
        for request in requests:
            id = self._lowest_free()
            self._load_prefix(id)
            self.active.append(ActiveSequence(id, request, len(self.prefix), self.eog))
            if self._hurry:
                self._first, self._hurry = self.active[-1], False
            self.active.sort(key=lambda sequence: sequence.id)
            self.passes.running += 1

    def _reserve(self, requests: Sequence[Request], more: bool) -> None:
        if not self.active and not requests:
            return
        # Feeds of answers are padded to the longest of them; a draft makes each longer.
        step = MAX_DRAFT + max((len(s.pending) for s in self.active if not s.in_prefill), default=1)
        cells = [
            sequence.cached + (len(sequence.pending) if sequence.in_prefill else 0)
            for sequence in self.active
        ]
        cells += [
            len(self.prefix) + len(request.rest) + min(request.budget, LIKELY_ANSWER)
            for request in requests
        ]
        busy = [sequence.id for sequence in self.active]
        count = self.context.sequences if busy else self.parallel if more else len(requests)
        self.context.reserve(count, max(cells) + step, busy)

    def _lowest_free(self) -> int:
        return min(set(range(self.parallel)) - {sequence.id for sequence in self.active})

    def _load_prefix(self, id: int) -> None:
        """Bring a sequence's cache to exactly the prefix: cut it, copy it, or evaluate it."""
        known = self.context.prefixes
        holding = [number for number, held in known.items() if self._cuts and held == self.prefix]
        if id in holding and self.context.truncate(id, len(self.prefix)):
            return
        source = next(iter(holding), None)
        known.pop(id, None)
        if source is None or source == id:
            self.context.truncate(id, 0)
            for start in range(0, len(self.prefix), self.context.capacity):
                part = self.prefix[start : start + self.context.capacity]
                self.context.decode([Feed(id, start, part, 0)])
                self.passes.forward += 1
                self.passes.evaluated += len(part)
        else:
            self.context.copy(source, id)
            self.context.truncate(id, len(self.prefix))
        known[id] = self.prefix

    def start_pass(self) -> list[Feed]:
        """What the next pass evaluates."""
        began = time.perf_counter()
        if self._cuts:
            self._close_gaps()
        self._fed = self._choose()
        most = self.context.capacity // len(self._fed)
        if not self._fed[0].in_prefill:
            most = min(most, self._feed_length(), *(sequence.most for sequence in self._fed))
        self._feeds = [sequence.feed(most, pad=len(self._fed) > 1) for sequence in self._fed]
        self._spent = time.perf_counter() - began
        return self._feeds

    def _choose(self) -> list[ActiveSequence]:
        """Who is fed: one prompt alone, or answers.

        Prompts differ in length, and llama.cpp would cut them, and the answers beside them, into
        many small micro-batches.
        """
        prompts = [sequence for sequence in self.active if sequence.in_prefill]
        if self._first is None:
            return prompts[:1] or list(self.active)
        if prompts and not self._first.in_prefill:
            seconds = self._beside_seconds + self._prefill_rate * len(prompts[0].pending)
            if seconds <= PREFILL_BESIDE_FIRST * self._first_seconds:
                return prompts[:1]
        return [self._first]

    def _time_first(self, seconds: float) -> None:
        """Take note of how long the first document and those beside it took."""
        if self._first is None:
            return
        if self._fed[0] is not self._first:
            self._beside_seconds += seconds
            return
        self._first_seconds += seconds
        if not self._prefill_rate:
            self._prefill_rate = seconds / max(1, self._feeds[0].size)
        if self._first.generation.finish:
            self._first = None

    def _close_gaps(self) -> None:
        """Move documents into free sequences below them: llama.cpp evaluates neighbours together.

        It costs a copy of the whole cache of a sequence, and spares passes cut in two until the
        next document comes.
        """
        while len(self.active) > 1 and self.active[-1].id >= len(self.active):
            moved, free = self.active[-1], self._lowest_free()
            self.context.copy(moved.id, free)
            # What was behind the prompt's fixed part there is gone; the fixed part is the same.
            self.context.prefixes[free] = self.prefix
            moved.id = free
            self.active.sort(key=lambda sequence: sequence.id)

    def _feed_length(self) -> int:
        """Tokens that each answer feeds at most."""
        if self._draft_length:
            return self._draft_length.choose([sequence.propose() for sequence in self._fed])
        pending = [len(sequence.pending) for sequence in self._fed]
        return min(pending)

    def finish_pass(
        self, logits: Logits, seconds: float, beside: int = 1
    ) -> Iterator[tuple[Any, Completion]]:
        """Take up what a pass gave.

        Args:
            logits: of the feeds that :meth:`start_pass` returned.
            seconds: that the pass took.
            beside: contexts that were computing at the time, this one included: they share the
                time.

        Yields:
            Key and completion of each document that is finished.
        """
        began = time.perf_counter()
        finished = self._advance(logits, seconds)
        self._time_first(seconds)
        self._spent += time.perf_counter() - began
        share = (self._spent + seconds) / len(self._fed) / beside
        for sequence in self._fed:
            sequence.generation.seconds += share
        for sequence in finished:
            self.active.remove(sequence)
            self.passes.running -= 1
            yield sequence.request.key, sequence.generation.completion(self.model)

    def _advance(self, logits: Logits, seconds: float) -> list[ActiveSequence]:
        """Continue the answers; returns the sequences that are finished."""
        likeliest = logits.argmax(axis=1).tolist() if len(logits) else []
        tokens = sum(feed.size for feed in self._feeds)
        self.passes.forward += 1
        self.passes.seconds += seconds
        self.passes.evaluated += tokens
        if self._draft_length:
            self._draft_length.pass_measured(tokens, seconds)
        finished = []
        row = 0
        for sequence, feed in zip(self._fed, self._feeds, strict=True):
            rows = slice(row, row + feed.outputs)
            row += feed.outputs
            if not feed.outputs:  # a prompt that was not evaluated to its end
                sequence.cached += len(feed.tokens)
                continue
            accepted = sequence.verify(feed, logits[rows], likeliest[rows])
            self.passes.drafted += len(sequence.draft)
            self.passes.accepted += accepted
            self.passes.written += len(sequence.added)
            if self._draft_length:
                self._draft_length.draft_verified(sequence.proposal, sequence.found, sequence.added)
            rejected = accepted < len(sequence.draft) or feed.padding
            follow = sequence.request.follow
            if follow is not None and not sequence.generation.finish:
                sequence.generation.finish = follow(sequence.generation)
            if sequence.generation.finish:
                finished.append(sequence)
            elif rejected or sequence.generation.rewound is not None:
                self.context.truncate(sequence.id, sequence.cached)
        return finished
