"""The sequences of one context: what each evaluates next, and what comes of it.

The prompt's fixed part (scaffold, instruction, schema) is evaluated once, copied to every sequence
and kept there (prefix caching); a sequence that is finished makes place for the next document
(continuous batching). A pass is either the prefill of one document, or one step of all answers that
have the same adapter: tokens that the grammar forces are taken without asking the model, and drafts
from prompt lookup are verified in the pass that evaluates them
(:mod:`setaccio.runtime.decode.prompt_lookup`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from setaccio.runtime.decode.context import BatchContext, Logits
from setaccio.runtime.decode.prompt_lookup import MAX_DRAFT
from setaccio.runtime.decode.request import Completion, Feed, Passes, Request, Start, Watch
from setaccio.runtime.decode.sequence import ActiveSequence
from setaccio.runtime.decode.slots.placement import choose_sequence, close_gaps
from setaccio.runtime.decode.slots.prefixes import PrefixLoader, PrefixStates
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import PREFILL_BATCH, LoadedModel, can_cut
from setaccio.runtime.model.tokens import end_tokens

LIKELY_ANSWER = 192
"""Tokens of an answer that room is made for at first; more is made when they are needed."""

PREFILL_BESIDE_FIRST = 0.25
"""Of the time that the first answer takes, what may go into the prefill of others meanwhile."""

SHRINK_AFTER = 32
"""Requests in a row, content with half the cells, after which a shared context gives cells back."""

TURN = 4
"""Passes over answers that an adapter has before others have theirs. llama.cpp plans its graph anew
after a switch, which takes a third of the time of a pass over one token."""

__all__ = ["DecodeLoop", "Passes", "Watch"]


class DecodeLoop:
    """The documents that are decoded together in one context.

    A pass is :meth:`start_pass`, the context's own work on the feeds that it returns, and
    :meth:`finish_pass`.

    Args:
        model: what generates.
        context: what it computes in.
        start: adapter and fixed part of requests that name none.
        parallel: most documents at once.
        prompt_lookup: whether to verify drafts from the documents.
        passes: counts are added here.
        hurry: whether the first document is answered alone: among many it would be out last.
        states: where fixed parts are kept, for requests of several users: then answers go on
            between the prompts of others, and prompts are read in small portions.

    Attributes:
        context: as given.
        active: the documents that are being decoded, by the number of their sequence.
    """

    def __init__(
        self,
        model: LoadedModel,
        context: BatchContext,
        start: Start,
        parallel: int,
        prompt_lookup: bool,
        passes: Passes,
        *,
        hurry: bool = False,
        states: PrefixStates | None = None,
    ) -> None:
        self.model = model
        self.context = context
        self.start = start
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
        self._shared = states is not None
        self._prefixes = PrefixLoader(context, self._cuts, states)
        self._turns: dict[int, int] = {}  # of each adapter the pass that it had last
        self._adapter: Adapter | None = None  # whose turn it is
        self._left = 0  # passes of its turn
        self._unread: list[ActiveSequence] = []  # those in prefill, in the order in which they came
        self._read_last = False  # whether the last pass was of a prompt

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
            start = request.start or self.start
            id = choose_sequence(self.context, self.active, start, self.parallel)
            sequence = ActiveSequence(id, request, start, self.eog)
            self._unread.append(sequence)
            self.active.append(sequence)
            self.active.sort(key=lambda sequence: sequence.id)
            if self._hurry:
                self._first, self._hurry = sequence, False
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
            len((request.start or self.start).prefix)
            + len(request.rest)
            + min(request.budget, LIKELY_ANSWER)
            for request in requests
        ]
        busy = [sequence.id for sequence in self.active if sequence.loaded]
        count = self.context.sequences if self.active else self.parallel if more else len(requests)
        wanted = max(cells) + step
        roomy = self._shared and 2 * wanted <= self.context.cells
        self.context.roomy = self.context.roomy + len(requests) if roomy else 0
        shrink = self.context.roomy >= SHRINK_AFTER
        self.context.reserve(count, wanted, busy, shrink)

    def start_pass(self) -> list[Feed]:
        """What the next pass evaluates."""
        began = time.perf_counter()
        self._fed = self._choose()
        first = self._fed[0]
        if not first.loaded:
            first.load(self._prefixes.load(first.id, first.start))
        elif self._cuts:
            close_gaps(self.context, self.active, self._fed)
        self.context.use(first.start.adapter)
        most = self.context.capacity // len(self._fed)
        if not first.in_prefill:
            most = min(most, self._feed_length(), *(sequence.most for sequence in self._fed))
        elif self._shared:
            most = PREFILL_BATCH
        self._feeds = [sequence.feed(most, pad=len(self._fed) > 1) for sequence in self._fed]
        self._spent = time.perf_counter() - began
        return self._feeds

    def _choose(self) -> list[ActiveSequence]:
        """Who is fed: one prompt alone, or answers.

        Prompts differ in length, and llama.cpp would cut them, and the answers beside them, into
        many small micro-batches.
        """
        prompts = self._unread = [sequence for sequence in self._unread if sequence.in_prefill]
        if self._first is None:
            answers = [sequence for sequence in self.active if not sequence.in_prefill]
            self._read_last = bool(prompts) and not (self._shared and answers and self._read_last)
            return prompts[:1] if self._read_last else self._turn(answers)
        if prompts and not self._first.in_prefill:
            seconds = self._beside_seconds + self._prefill_rate * len(prompts[0].pending)
            if seconds <= PREFILL_BESIDE_FIRST * self._first_seconds:
                return prompts[:1]
        return [self._first]

    def _turn(self, answers: list[ActiveSequence]) -> list[ActiveSequence]:
        """The answers of the adapter whose turn it is, else of the one that waited for longest."""
        adapters = [sequence.start.adapter for sequence in answers]
        if self._left == 0 or not any(adapter is self._adapter for adapter in adapters):
            self._adapter = min(adapters, key=lambda a: self._turns.get(id(a), 0))
            self._left = TURN
        self._left -= 1
        self._turns[id(self._adapter)] = self.passes.forward + 1
        return [sequence for sequence in answers if sequence.start.adapter is self._adapter]

    def _time_first(self, seconds: float) -> None:
        """Take note of how long the first document and those beside it took."""
        first = self._first
        if first is None or first.cached <= len(first.start.prefix):  # its fixed part is for all
            return
        if self._fed[0] is not first:
            self._beside_seconds += seconds
            return
        self._first_seconds += seconds
        if not self._prefill_rate:
            self._prefill_rate = seconds / max(1, self._feeds[0].size)
        if first.generation.finish:
            self._first = None

    def _feed_length(self) -> int:
        """Tokens that each answer feeds at most."""
        if self._draft_length:
            return self._draft_length.choose([sequence.propose() for sequence in self._fed])
        pending = [len(sequence.pending) for sequence in self._fed]
        return min(pending)

    def end_early(self) -> Iterator[tuple[Any, Completion]]:
        """Take out what shall go on no longer; nothing may be computing.

        Yields:
            Key and completion of each.
        """
        for sequence in list(self.active):
            ended = sequence.request.ended
            if ended is not None and (finish := ended()):
                sequence.generation.finish = finish
                yield self._taken_out(sequence)

    def _taken_out(self, sequence: ActiveSequence) -> tuple[Any, Completion]:
        self.active.remove(sequence)
        if sequence in self._unread:
            self._unread.remove(sequence)
        self.passes.running -= 1
        generation = sequence.generation
        if sequence.request.deferred and generation.cut_off:
            open_end = Completion((), generation.finish or "error", 0, cut_off=generation)
            return sequence.request.key, open_end
        return sequence.request.key, sequence.completion(self.model)

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
            yield self._taken_out(sequence)

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
                if sequence.cached == len(sequence.start.prefix):
                    self._prefixes.note(sequence.id, sequence.start)
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
