"""Complete a truncated answer within its grammar, without the model.

When the budget is used up or the answer goes round in circles, what stands there is half a JSON
value. The grammar knows how it may end: here the shortest way out is walked, closing the open
string, arrays and objects and writing the least that the schema still demands. No forward pass is
needed, and the result parses and fits the schema; its status says that it is not complete.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence

import numpy as np

from setaccio.runtime.grammar.complete_search import Search, where
from setaccio.runtime.grammar.constraint import Matcher, is_allowed
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import byte_tokens, token_bytes

MOST_TOKENS = 2048
"""Longest ending that is tried; a schema that demands more is left open."""

MOST_ATTEMPTS = 8
"""Ways that are walked: the first as preferred, the others by chance, where a schema that may hold
itself has led ever deeper."""

PATIENCE = 64
"""Tokens that one text or number may take before another way to its end is looked for."""

MOST_FAILURES = 2
"""Searches without a find in one answer, after which no more are made: they take long."""

# In order of preference. Outside strings: close, go on to what is still demanded, and give it the
# least value. Inside: close, or write what the schema demands; dates of ones exist, of noughts not.
_CLOSING, _OPENING = b"}],:", b'n0"tf[{'
_WITHIN = b"ulrase" + b"123456789-.E+ "
_BETWEEN = (b"{", b"}", b"[", b"]", b",", b":")
_INSIDE = b'"' + b"aeioutnrsldcmphgbfywvkxqzj" + b"1234567890-:TZ@./"


def complete_truncated(
    model: LoadedModel, matcher: Matcher, tokens: Sequence[int], seconds: float = math.inf
) -> list[int]:
    """Find the tokens that complete an answer.

    Args:
        model: whose vocabulary.
        matcher: where the answer stands; an incomplete character is taken back, no more.
        tokens: token ids generated so far.
        seconds: after which no more is tried. Without an end to be found, as where a list wants
            thousands of items, trying takes minutes.

    Returns:
        The whole answer's token ids; an incomplete character at the end is taken back first.
        Where no end is found in :data:`MOST_TOKENS`, or in time, the answer as it was.

    Raises:
        ValueError: the grammar can not take the incomplete character back.
    """
    until = time.monotonic() + seconds
    answer = list(tokens)
    text = b"".join(token_bytes(model, token) for token in answer)
    while answer and not _is_utf8(text):
        text = text[: len(text) - len(token_bytes(model, answer.pop()))]
        matcher.take_back(1)
    # A greedy walk, and after it random restarts.
    for attempt in range(MOST_ATTEMPTS):
        ending = _Ending(model, matcher.copy(), text, random.Random(attempt) if attempt else None)
        if ending.walk(MOST_TOKENS // 4 if attempt else MOST_TOKENS, until):
            return answer + ending.tokens
        if ending.is_stuck or time.monotonic() > until:  # no other array or object would help
            break
    return answer


class _Ending:
    """A walk through the grammar from where an answer stands to its end; ``tokens`` are added."""

    def __init__(
        self, model: LoadedModel, matcher: Matcher, text: bytes, chance: random.Random | None
    ) -> None:
        self.tokens: list[int] = []
        self._model = model
        self._matcher = matcher
        self._chance = chance
        self._single = byte_tokens(model)
        self._search = Search(model, self._single, matcher.grammar.texts)
        self._failures = 0
        self._inside, self._escaped = where(text)
        self._value = 0  # tokens before the string or number that is being ended
        self._looked = False  # whether that is one of a few texts
        self._searched = False

    @property
    def is_stuck(self) -> bool:
        """Whether it has not come out of one text or number."""
        return len(self.tokens) - self._value >= PATIENCE

    def walk(self, most: int, until: float) -> bool:
        """Go to the end, in so many tokens and in time; False where that is not reached."""
        try:
            while not self._matcher.may_end:
                if len(self.tokens) >= most or time.monotonic() > until:
                    return False
                self._go_on()
        except ValueError:  # nothing can follow, or the parser has reached a limit
            return False
        return True

    def _go_on(self) -> None:
        """Add the next tokens."""
        inside = self._inside and not self._escaped
        # Where the grammar leaves no choice it allows one way of cutting the text into tokens only.
        step = self._matcher.forced()
        if not step and inside and not self._looked:
            step = self._search.short(self._matcher, self._chance)
            step = step or self._search.again(self._matcher)
            self._looked = True
        self._add(step or [self._next(inside)])
        # Searching takes long, so only where straight on has failed, and once for a value.
        if self.is_stuck and not self._searched and self._failures < MOST_FAILURES:
            self._searched = True
            self._turn_back()

    def _add(self, step: Sequence[int]) -> None:
        for token in step:
            self._matcher.accept(token)
            self.tokens.append(token)
            text = token_bytes(self._model, token)
            before = self._inside
            turned = not before and text[-1:] in _BETWEEN
            for byte in text:  # one token may end a key and begin its value
                was = self._inside
                self._inside, self._escaped = where(bytes([byte]), was, self._escaped)
                turned = turned or self._inside != was
            if turned or self._escaped:
                self._value = len(self.tokens)
            if turned:
                self._looked = self._searched = False

    def _next(self, inside: bool) -> int:
        """The next token on the shortest way out, where the grammar leaves a choice."""
        mask = self._matcher.mask()
        opening = list(_OPENING)
        if self._chance:
            self._chance.shuffle(opening)
        for byte in _INSIDE if inside else (*_CLOSING, *opening, *_WITHIN):
            token = self._single.get(byte)
            if token is not None and is_allowed(mask, token):
                return token
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        known = [int(token) for token in allowed if token_bytes(self._model, int(token))]
        if not known:
            raise ValueError("nothing can follow; the answer can not be completed")
        return min(known, key=lambda token: len(token_bytes(self._model, token)))

    def _turn_back(self) -> None:
        """Take another way out of a value that does not end, where there is one."""
        tail = self.tokens[self._value :]  # put back where the search finds nothing better
        self._matcher.take_back(len(tail))
        end = self._search.find(self._matcher, self._inside)
        self._failures += not end
        del self.tokens[self._value :]
        self._add(end or tail)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_inside(text: str) -> bool:
    """Whether the end of a JSON text lies inside a string."""
    return where(text.encode("utf-8", "replace"))[0]
