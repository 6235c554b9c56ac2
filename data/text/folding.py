"""Text folded for comparison, with the way back to the original's offsets.

Case, compatibility forms, decomposition, blanks, dashes and quotation marks no longer count, and
numbers are written out: ``½`` is ``1/2``, ``1½`` is ``1 1/2``, ``two`` is ``2``. Words of numbers
apart, folding works character by character, as decomposition (NFKD,
https://unicode.org/reports/tr15/) and case folding do, so that every folded character knows which
original one it came from, also where one becomes several (``ß``, ``ﬁ``, ``İ``) or several become
one (blanks).
"""

from __future__ import annotations

import bisect
import functools
import unicodedata

from setaccio.data.text.numerals import NUMBER_WORD, WORDS

_SAME = {
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "⁄": "/",
    "∕": "/",
}
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")


@functools.lru_cache(maxsize=4096)
def _fold_one(char: str) -> str:
    """One character, folded; a blank for any white space, nothing for what can not be seen."""
    if char in _INVISIBLE:
        return ""
    if char.isspace():
        return " "
    char = _SAME.get(char, char)
    spread = unicodedata.normalize("NFKD", char).casefold()
    spread = unicodedata.normalize("NFKD", spread)
    if char != "/" and "⁄" in spread:
        spread = spread.replace("⁄", "/")
    return "".join(_SAME.get(part, part) for part in spread)


class Folded:
    """A folded text.

    Attributes:
        text: the folded characters.
        starts: for each of them, the offset of the original character it came from.
        ends: for each of them, the offset behind that original character.
    """

    def __init__(self, original: str) -> None:
        chars: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        words = {found.start(): found for found in NUMBER_WORD.finditer(original)}
        behind = 0
        for offset, char in enumerate(original):
            if offset < behind:
                continue
            if offset in words:
                behind = words[offset].end()
                for part in str(WORDS[words[offset][0].lower()]):
                    chars.append(part)
                    self.starts.append(offset)
                    self.ends.append(behind)
                continue
            folded = _fold_one(char)
            # 1½ is one and a half, not eleven halves.
            if "/" in folded and len(folded) > 2 and chars and chars[-1].isdigit():
                folded = f" {folded}"
            for part in folded:
                if part == " " and chars and chars[-1] == " ":
                    self.ends[-1] = offset + 1
                    continue
                chars.append(part)
                self.starts.append(offset)
                self.ends.append(offset + 1)
        self._reorder(chars)
        self.text = "".join(chars)

    def _reorder(self, chars: list[str]) -> None:
        """Put runs of combining marks into canonical order, which no single character knows."""
        begin = 0
        while begin < len(chars):
            end = begin
            while end < len(chars) and unicodedata.combining(chars[end]):
                end += 1
            if end - begin > 1:
                order = sorted(range(begin, end), key=lambda i: unicodedata.combining(chars[i]))
                chars[begin:end] = [chars[i] for i in order]
                # Any mark of the run may stand for any other: together they span it all.
                self.starts[begin:end] = [min(self.starts[begin:end])] * (end - begin)
                self.ends[begin:end] = [max(self.ends[begin:end])] * (end - begin)
            begin = end + 1

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of a part of the folded one that is not empty."""
        return self.starts[start], self.ends[end - 1]

    def splits(self, at: int) -> bool:
        """Whether an edge here takes an original character, or a base and its marks, in two."""
        if not 0 < at < len(self.text):
            return False
        return self.starts[at] < self.ends[at - 1] or bool(unicodedata.combining(self.text[at]))

    def is_whole(self, start: int, end: int) -> bool:
        """Whether neither edge of a part takes a character in two."""
        return not (self.splits(start) or self.splits(end))


class Bare:
    """A folded text without accents and other combining marks, for likeness.

    An edge in it never stands between a letter and its marks.

    Args:
        folded: the text with them.
    """

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        letters = [(i, c) for i, c in enumerate(folded.text) if not unicodedata.combining(c)]
        self.text = "".join(char for _, char in letters)
        self._at = [*(offset for offset, _ in letters), len(folded.text)]

    def splits(self, at: int) -> bool:
        """Whether an edge here takes an original character in two."""
        return self._folded.splits(self._at[at])

    def folded(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the folded text of a part, the marks of its letters included."""
        return self._at[start], self._at[end]

    def behind(self, original: int) -> int:
        """Offset of the first letter from an offset of the original text on."""
        return bisect.bisect_left(self._at, bisect.bisect_left(self._folded.starts, original))


def fold(text: str) -> str:
    """A text folded, blanks at its ends removed."""
    return Folded(text).text.strip()
