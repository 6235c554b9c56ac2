"""Where the words of a text begin and end; a number is a word, and so is each sign of a script
that puts no blanks between words."""

from __future__ import annotations

import re
import unicodedata

_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]")


def is_joined(text: str, offset: int) -> bool:
    """Whether the characters on both sides of an offset belong to one word or number."""
    if not 0 < offset < len(text):
        return False
    left, right = text[offset - 1], text[offset]
    if unicodedata.combining(right):
        return True
    if left.isdecimal() and right in ".,/":
        return text[offset + 1 : offset + 2].isdecimal()
    if left in ".,/" and right.isdecimal():
        return offset > 1 and text[offset - 2].isdecimal()
    together = (left.isalnum() or unicodedata.combining(left)) and right.isalnum()
    return bool(together) and not (_SPACELESS.match(left) or _SPACELESS.match(right))


class Words:
    """The words of a text, each measured once however often it is asked about."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: dict[int, tuple[int, int]] = {}

    def around(self, offset: int) -> tuple[int, int]:
        """Beginning and end of the word that an offset lies in; itself where it lies in none."""
        if offset not in self._ends:
            left = right = offset
            while is_joined(self._text, left):
                left -= 1
            while is_joined(self._text, right):
                right += 1
            ends = left, right
            self._ends.update((inside, ends) for inside in range(left + 1, right))
            return ends
        return self._ends[offset]

    def covered(self, start: int, end: int) -> float:
        """Share that a passage makes up of the words it begins and ends in."""
        return (end - start) / (self.around(end)[1] - self.around(start)[0])
