"""A document while it is decoded: how far its KV cache is, and what it evaluates next."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from setaccio.runtime.decode.context import Logits
from setaccio.runtime.decode.generation import Generation, Thought
from setaccio.runtime.decode.prompt_lookup import MAX_DRAFT, PromptLookup, Proposal
from setaccio.runtime.decode.request import Completion, Feed, Request, Start
from setaccio.runtime.model.load import LoadedModel


class ActiveSequence:
    """One document in one sequence of a context.

    Attributes:
        id: number of the sequence in the context (llama.cpp's ``seq_id``).
        request: what is generated.
        start: adapter and fixed part of its prompt.
        loaded: whether the cache has been prepared for it.
        cached: length of the KV cache that is right; the next token's position.
        prompt: tokens of the whole prompt, a thought among them.
        pending: tokens that are certain and that the model has yet to evaluate, in order.
        thought: what the model thinks before it answers, or None.
        generation: the answer.
        found: the draft that prompt lookup found to follow them.
        proposal: how many tokens that makes.
        draft: tokens of ``found`` that the present pass verifies.
        added: tokens by which that pass made the answer longer.
    """

    def __init__(self, id: int, request: Request, start: Start, eog: frozenset[int]) -> None:
        self.id = id
        self.request = request
        self.start = start
        self.loaded = False
        self.cached = 0
        self.prompt = len(start.prefix) + len(request.rest)
        self.pending: deque[int] = deque((*start.prefix, *request.rest))
        self.thought = (
            None if request.thought is None else Thought(request.thought, eog, request.choose)
        )
        self.generation = Generation(request, eog)
        self._lookup = PromptLookup(request.document)
        self.found: Sequence[int] = ()
        self.proposal = Proposal(0, 0)
        self.draft: list[int] = []
        self.added: Sequence[int] = ()

    def load(self, cached: int) -> None:
        """Begin with a cache that holds so many tokens of the prompt's fixed part."""
        self.loaded, self.cached = True, cached
        for _ in range(cached):
            self.pending.popleft()

    @property
    def in_prefill(self) -> bool:
        """Whether the prompt is still being evaluated."""
        return not (self.generation.started or (self.thought and self.thought.started))

    @property
    def most(self) -> int:
        """Most tokens that it may feed: its token budget must have places for all of them."""
        return len(self.pending) + max(0, self.generation.left - 1)

    def propose(self) -> Proposal:
        """Look a draft up; returns what this sequence could feed."""
        # The logits of the last token of a feed give one token more than was drafted.
        length = min(MAX_DRAFT, self.generation.left - 1)
        draft = self._lookup.find(self.generation.tokens, length)
        self.found = draft.tokens
        self.proposal = Proposal(len(self.pending), len(draft.tokens), draft.weak)
        return self.proposal

    def feed(self, most: int, pad: bool = False) -> Feed:
        """The next tokens to evaluate: pending ones, then the draft.

        Args:
            most: how many at most.
            pad: make it exactly as many, with padding where the draft is shorter.
        """
        # A fixed part is read by itself: others may begin with it.
        unread = len(self.start.prefix) - self.cached
        count = min(most, len(self.pending), unread if unread > 0 else most)
        certain = [self.pending.popleft() for _ in range(count)]
        self.draft = []
        if self.pending:  # nothing can be sampled before the last of them
            return Feed(self.id, self.cached, certain, 0)
        if not self.in_prefill:
            self.draft = self.generation.allowed(self.found[: most - len(certain)])
        tokens = [*certain, *self.draft]
        padding = most - len(tokens) if pad else 0
        return Feed(self.id, self.cached, tokens, 1 + len(self.draft), padding)

    def verify(self, feed: Feed, logits: Logits, likeliest: Sequence[int]) -> int:
        """Continue the answer from a pass's logits, as far as the draft holds.

        Row *n* of the logits is the model's word on the token behind the *n*-th drafted one; it
        counts only if all drafted tokens before it are those that the answer took.

        Args:
            feed: what was evaluated.
            logits: float32 (feed.outputs, vocabulary).
            likeliest: the index of each row's maximum.

        Returns:
            How many drafted tokens were accepted. The KV cache may hold more than ``cached``
            tokens now; the caller cuts it back.
        """
        if self.thought and not self.thought.closed:
            self.cached += len(feed.tokens)
            thought = self.thought.extend(logits[0], likeliest[0])
            self.pending.extend(thought)
            self.prompt += len(thought)
            self.added = ()
            return 0
        known = len(self.generation.tokens)
        self.cached += len(feed.tokens) - len(self.draft)
        accepted = 0
        while True:
            before = len(self.generation.tokens)
            self.generation.extend(logits[accepted], likeliest[accepted])
            if self.generation.rewound is not None:
                self._rewind(self.cached + accepted)
                return accepted
            fresh = deque(self.generation.tokens[before:])
            # Accepted tokens are in the cache already, those that the grammar forced as well.
            while fresh and accepted < len(self.draft) and fresh[0] == self.draft[accepted]:
                fresh.popleft()
                accepted += 1
            if fresh or self.generation.finish:
                self.pending.extend(fresh)
                break
        self.cached += accepted
        self.added = self.generation.tokens[known:]
        return accepted

    def completion(self, model: LoadedModel) -> Completion:
        """The answer, and the thought before it."""
        done = self.generation.completion(model)
        return replace(done, thought=tuple(self.thought.tokens)) if self.thought else done

    def _rewind(self, evaluated: int) -> None:
        """Follow an answer that took tokens back; the cache holds ``evaluated`` tokens."""
        kept = self.generation.rewound or 0
        self.cached = min(evaluated, self.prompt + kept)
        self.pending = deque(self.generation.tokens[self.cached - self.prompt :])
        self.added = ()
