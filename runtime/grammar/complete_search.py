"""Look for a short end of one text or number, where going straight on does not lead to one.

An e-mail address wants its ``@``, a pattern its last word, a multiple of 7 the right last digit:
the grammar's masks do not tell beforehand what will let the value end. So beginnings are tried in
order of their length, those first that change what may follow.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from setaccio.runtime.grammar.constraint import Matcher, is_allowed
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import token_bytes

MOST_LOOKS = 4096
"""Beginnings of one value that are looked at; each costs a mask."""

MOST_CHOICES = 32
"""Characters that may follow where the shortest of several texts is looked for: an enumeration has
few; a text that only has to be long enough may go on with any."""

MOST_STEPS = 128
"""Beginnings that are looked at for that."""

_NUMBER = b"0123456789.-eE+"
_BEHIND_NUMBER = b",]}"
_FEW = b"a1A .:/@-"
_MANY = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')


class Search:
    """The searches for one answer, which share what they learn.

    Args:
        model: whose vocabulary.
        single: token id of each byte that has a token of its own.
        texts: what the schema makes likely, from :mod:`setaccio.runtime.grammar.likely_texts`.
    """

    def __init__(self, model: LoadedModel, single: Mapping[int, int], texts: Sequence[str]) -> None:
        self._model = model
        self._single = single
        self._texts = list(dict.fromkeys(filter(None, map(_inside_json, texts))))
        self._found: list[bytes] = []

    def short(self, matcher: Matcher, chance: random.Random | None) -> list[int]:
        """A short end of an open string, where it is one of a few texts, as of an enumeration.

        Args:
            matcher: where the answer stands, in a string; it is not moved.
            chance: takes any of the texts; without it the one of fewest tokens, then of fewest
                bytes, is taken.

        Returns:
            Token ids up to the end of the string; none where it may end here, where too much
            could follow, or where no end was found.
        """
        # Uniform-cost search (Dijkstra): the shortest beginning is always the next to grow.
        order = itertools.count()  # of equally long beginnings the first comes first
        waiting: list[tuple[float, int, int, int, Matcher, list[int]]]
        waiting = [(0.0, 0, 0, next(order), matcher, [])]
        for _ in range(MOST_STEPS):
            if not waiting or 0x22 not in self._single:
                break
            _, count, size, _, state, path = heapq.heappop(waiting)
            if self._is_past(path, True):
                return path
            mask = state.mask()
            if is_allowed(mask, self._single[0x22]):
                return path
            # Many choices: no enumeration, and the tree would be too wide.
            choices = [byte for byte, token in self._single.items() if is_allowed(mask, token)]
            if len(choices) > MOST_CHOICES:
                break
            for byte in choices:
                longer = state.copy()
                added = self._spell(longer, bytes([byte]))
                # Forced tokens may lead out of the string; what lies behind it costs nothing.
                own = [
                    t for end, t in enumerate(added) if not self._is_past(path + added[:end], True)
                ]
                length = size + sum(len(token_bytes(self._model, t)) for t in own)
                luck = chance.random() if chance else 0.0
                heapq.heappush(
                    waiting, (luck, count + len(own), length, next(order), longer, path + added)
                )
        return []

    def again(self, matcher: Matcher) -> list[int]:
        """An end that an earlier string of the answer had, where it fits and one is needed.

        Args:
            matcher: where the answer stands, in a string; it is not moved.

        Returns:
            Token ids up to the end of the string; none where none fits.
        """
        return self._look(matcher, True, self._found, len(self._found))

    def find(self, matcher: Matcher, inside: bool) -> list[int]:
        """A short end of a value.

        Args:
            matcher: where the answer stands; it is not moved.
            inside: whether that is in a string; otherwise in a number.

        Returns:
            Token ids up to the end of the value; none where none was found.
        """
        few = _FEW + b"".join(text[:1] for text in self._texts) if inside else _NUMBER
        for alphabet in (few, _MANY) if inside else (few,):
            texts = [*self._texts, *(bytes([byte]) for byte in dict.fromkeys(alphabet))]
            path = self._look(matcher, inside, texts, MOST_LOOKS)
            if path:
                self._found.append(b"".join(token_bytes(self._model, token) for token in path))
                return path
        return []

    def _look(
        self, matcher: Matcher, inside: bool, texts: Sequence[bytes], looks: int
    ) -> list[int]:
        """Uniform-cost search over what some texts, put together, can spell."""
        order = itertools.count()  # of equally good beginnings the first comes first
        waiting: list[tuple[int, int, Matcher, list[int]]] = [(0, next(order), matcher, [])]
        seen: set[int] = set()
        while waiting:
            cost, _, state, path = heapq.heappop(waiting)
            mask = state.mask().copy()  # the copies below write their masks to the same memory
            if self._may_end(state, mask, inside):
                return path
            for text in texts:
                token = self._single.get(text[0])
                if token is None or not is_allowed(mask, token):
                    continue
                if not looks:
                    return []
                looks -= 1
                longer = state.copy()
                added = self._spell(longer, text)
                if not added:
                    continue
                if self._is_past(added, inside):
                    return path + added
                following = longer.mask()
                if self._may_end(longer, following, inside):
                    return path + added
                # A text that changes nothing about what may follow seldom leads anywhere.
                kind = hash(following.tobytes())
                price = cost + 1 + (kind in seen)
                seen.add(kind)
                heapq.heappush(waiting, (price, next(order), longer, path + added))
        return []

    def _spell(self, matcher: Matcher, text: bytes) -> list[int]:
        """The tokens of a text and of what the grammar forces behind it; none where it is not
        allowed."""
        tokens: list[int] = []
        try:
            while True:
                step = matcher.forced()
                if not step and not text:
                    return tokens
                step = step or [self._single.get(text[0], -1)]
                if step[0] < 0:
                    return []
                for token in step:
                    matcher.accept(token)
                    text = text[len(token_bytes(self._model, token)) :]
                tokens += step
        except ValueError:
            return []

    def _may_end(self, matcher: Matcher, mask: npt.NDArray[np.int32], inside: bool) -> bool:
        """Whether the value may end here."""
        ends = b'"' if inside else _BEHIND_NUMBER
        return matcher.may_end or any(
            is_allowed(mask, self._single[byte]) for byte in ends if byte in self._single
        )

    def _is_past(self, tokens: Sequence[int], inside: bool) -> bool:
        """Whether the grammar has led out of the value."""
        text = b"".join(token_bytes(self._model, token) for token in tokens)
        return not where(text, True)[0] if inside else any(byte not in _NUMBER for byte in text)


def _inside_json(text: str) -> bytes:
    """A text as it is written in a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "ignore")


def where(text: bytes, inside: bool = False, escaped: bool = False) -> tuple[bool, bool]:
    """Whether the end of a JSON text lies inside a string, and right behind a backslash.

    Args:
        text: the text, or its continuation.
        inside: whether it begins inside a string.
        escaped: whether it begins right behind a backslash.
    """
    for byte in text:
        if escaped:
            escaped = False
        elif byte == 0x5C and inside:
            escaped = True
        elif byte == 0x22:
            inside = not inside
    return inside, escaped
