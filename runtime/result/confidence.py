"""How sure the model was of each value: from its tokens' probabilities to the leaves of the JSON.

The confidence of a leaf is the probability that the model, held to the grammar, gives to the
whole value: the product over its tokens of p / (1 - r), where p is what the model gave the token
and r what the mask took from the others. Tokens that the grammar forces count as 1. Long values
are therefore less sure than short ones, as they should be: one wrong token makes the value wrong.
Whether the number deserves its name is measured by the evaluation (calibration).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in typeshed

from setaccio.data.schema.pointers import join

_DECODER = json.JSONDecoder()
_SPACE = tuple(" \t\r\n")


@dataclass(frozen=True)
class LeafChance:
    """How sure the model was of a leaf.

    Attributes:
        confidence: probability of the whole value under the grammar, from 0 to 1.
        removed: the greatest probability that the mask took away at one of its tokens, from 0 to
            1; high where the model wanted to write something else.
    """

    confidence: float
    removed: float


def leaf_places(text: str) -> dict[str, tuple[int, int]]:
    """Where the leaves of a JSON text stand.

    Args:
        text: a JSON text, as generated.

    Returns:
        For the JSON pointer of each leaf (a string, number, true, false or null) the range of its
        characters: of a string from behind the opening quotation mark to behind the closing one.

    Raises:
        ValueError: it is not JSON.
    """
    scanner = _Scanner(text)
    scanner.value("")
    return scanner.places


def leaf_chances(
    text: str,
    ranges: Sequence[tuple[int, int]],
    probabilities: Sequence[float],
    removed: Sequence[float],
) -> dict[str, LeafChance]:
    """The confidence of each leaf.

    Args:
        text: a JSON text, as generated.
        ranges: for each token the range of characters of ``text`` that it holds.
        probabilities: of each token, what the model gave it.
        removed: of each token, what the mask took from the others.

    Returns:
        JSON pointer to chance; empty where the text is not JSON.
    """
    try:
        places = leaf_places(text)
    except (ValueError, RecursionError):
        return {}
    chances = {}
    for pointer, (start, end) in places.items():
        own = [i for i, (first, last) in enumerate(ranges) if last > start and first < end]
        confidence, most = 1.0, 0.0  # chain rule: the product over the tokens
        for i in own:
            # The tokens that the mask left share all probability: renormalised.
            kept = max(1.0 - removed[i], 1e-9)
            confidence *= min(1.0, probabilities[i] / kept)
            most = max(most, removed[i])
        chances[pointer] = LeafChance(confidence, most)
    return chances


class _Scanner:
    """Recursive descent over a JSON text that notes where its leaves stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[str, tuple[int, int]] = {}

    def value(self, pointer: str) -> None:
        opening = self._peek()
        if opening == "{":
            self._parts("}", lambda _: self._key(pointer))
        elif opening == "[":
            self._parts("]", lambda number: join(pointer, number))
        elif opening == '"':
            start = self.at + 1
            _, self.at = scanstring(self.text, start)
            self.places[pointer] = (start, self.at)
        else:
            start = self.at
            _, self.at = _DECODER.raw_decode(self.text, start)
            self.places[pointer] = (start, self.at)

    def _peek(self) -> str:
        """The next character that is not white space; the position moves there."""
        while self.text[self.at : self.at + 1] in _SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _key(self, pointer: str) -> str:
        self._take('"')
        key, self.at = scanstring(self.text, self.at)
        self._take(":")
        return join(pointer, key)

    def _take(self, mark: str) -> None:
        if self._peek() != mark:
            raise ValueError(f"no {mark} at character {self.at}")
        self.at += 1

    def _parts(self, closing: str, begin: Callable[[int], str]) -> None:
        """The members of an object or the items of an array; ``begin`` gives their pointers."""
        self.at += 1
        number = 0
        while self._peek() != closing:
            if number:
                self._take(",")
            self.value(begin(number))
            number += 1
        self.at += 1
