"""Guesses of the next tokens, looked up in the document.

An answer copies from its document, so what followed the last two tokens there is likely to follow
them here (prompt lookup decoding; Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding).
A guess costs nothing but its place in the next forward pass, which checks it. Whether that place is
worth its price depends on model, machine and how many documents are decoded together: the length is
chosen from what forward passes have been measured to cost.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 8
"""Tokens of the longest guess."""

_LENGTHS = (0, 1, 2, 3, 4, 6, LONGEST)
_PROBE_EVERY = 48
_FORGET = 0.05  # weight of a new measurement
_TRIED = 4  # passes of each length before their cost is believed


class Lookup:
    """Finds guesses in one document.

    Args:
        document: its token ids, as the prompt holds them.
    """

    def __init__(self, document: Sequence[int]) -> None:
        self._document = document
        self._after: dict[tuple[int, int], list[int]] = {}
        for end in range(2, len(document)):
            self._after.setdefault((document[end - 2], document[end - 1]), []).append(end)
        self._cursor = 0

    def guess(self, tokens: Sequence[int], length: int) -> Sequence[int]:
        """What may come next.

        Args:
            tokens: the answer so far.
            length: most tokens to guess.

        Returns:
            Token ids from the document: behind the place where the last guess was, else behind
            the first place that ends like the answer; nothing when no place does.
        """
        if length == 0 or len(tokens) < 2:
            return ()
        places = self._after.get((tokens[-2], tokens[-1]))
        if places is None:
            return ()
        place = next((place for place in places if place >= self._cursor), places[0])
        self._cursor = place
        return self._document[place : place + length]


class Pace:
    """Chooses how long guesses should be, from measured costs and hits."""

    def __init__(self) -> None:
        self._cost: dict[tuple[int, int], float] = {}
        self._passes: dict[tuple[int, int], int] = {}
        self._hit = 0.5
        self._round = 0

    def length(self, sequences: int) -> int:
        """Tokens to guess for each of so many sequences; 0 where guessing does not pay."""
        self._round += 1
        untried = [n for n in (0, 2, 4) if self._passes.get((sequences, n), 0) < _TRIED]
        if untried:
            return untried[0]
        if self._round % _PROBE_EVERY == 0:
            return 2  # costs and hits change with the documents: look again now and then
        return max(_LENGTHS, key=lambda n: self._gain(n) / self._seconds(sequences, n))

    def _seconds(self, sequences: int, length: int) -> float:
        """What a pass is expected to cost: as measured, else on the line through 0 and 4."""
        measured = self._cost.get((sequences, length))
        if measured is not None:
            return measured
        none, four = self._cost[sequences, 0], self._cost[sequences, 4]
        return none + max(0.0, four - none) * length / 4

    def _gain(self, length: int) -> float:
        """Expected tokens of one pass: one, and each guess that all before it were right for."""
        return 1.0 + sum(self._hit**position for position in range(1, length + 1))

    def measured(self, sequences: int, length: int, seconds: float) -> None:
        """Learn what a pass cost.

        Args:
            sequences: how many took part.
            length: tokens that each had guessed.
            seconds: wall time.
        """
        key = (sequences, length)
        self._passes[key] = self._passes.get(key, 0) + 1
        former = self._cost.get(key, seconds)
        self._cost[key] = former + max(_FORGET, 1 / self._passes[key]) * (seconds - former)

    def judged(self, guessed: int, right: int) -> None:
        """Learn how many tokens of a guess were right."""
        if guessed:
            tried = min(guessed, right + 1)
            self._hit += _FORGET * (right / tried - self._hit)
