"""Where the words of a text begin and end, in any script.

A word ends where Unicode's segmentation (https://unicode.org/reports/tr29/) ends it, a letter is
never taken from its accents and vowel signs, and a change of script is an edge as well. A number is
a word. In scripts that put no blanks between words (Chinese, Japanese, Thai, Khmer and others) each
letter is one, since only a dictionary could tell. Others write particles onto a word, Korean behind
a noun, Arabic and Hebrew before it: there a word inside a longer one is told by :meth:`clings`.

>>> Words("부산까지").covered(0, 2), Words("champion").covered(1, 4)
(0.5, 0.375)
"""

from __future__ import annotations

import itertools
import unicodedata

import regex

LEAST_COVERED = 0.5
"""A value that stands inside words must make up this share of them, or it is not said there."""

# What segmentation joins to nothing, or only to its own kind: ideographs, kana, and the scripts for
# which it asks for a dictionary.
_SPACELESS = regex.compile(r"[\p{Alphabetic}&&[\p{WB=Other}\p{WB=Katakana}]]", regex.V1)
_CASED = regex.compile(r"[\p{Lu}\p{Ll}\p{Lt}]")
_CLUSTER = regex.compile(r"\X")
_TOKEN = regex.compile(r"[\w\p{M}\u200c\u200d]+")
_ALPHABETS = (
    "Latin Greek Cyrillic Armenian Georgian Hebrew Arabic Syriac Devanagari Bengali Gurmukhi "
    "Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Ethiopic Hangul Mongolian"
)
_SCRIPT = regex.compile("|".join(rf"(?P<{a}>\p{{Script={a}}})" for a in _ALPHABETS.split()))
_PARTICLE_BEHIND = frozenset({"Hangul"})
_PARTICLE_BEFORE = frozenset({"Arabic", "Hebrew"})
_SHORTEST_BEHIND_PARTICLE = 2  # letters; one alone is an ending as well
_LONGEST_CLUSTER = 32  # code points
_LONGEST_NUMBER = 32  # characters before a unit


def _script(char: str) -> str | None:
    found = _SCRIPT.match(char)
    return found.lastgroup if found else None


def _is_cluster_edge(text: str, offset: int) -> bool:
    """Whether no character, as a reader sees it, is taken in two here."""
    begin = offset - 1
    while begin and offset - begin < _LONGEST_CLUSTER and not text[begin].isascii():
        begin -= 1
    while begin < offset:
        found = _CLUSTER.match(text, begin)
        begin = found.end() if found else offset
    return begin == offset


def is_joined(text: str, offset: int) -> bool:
    """Whether the characters on both sides of an offset belong to one word or number."""
    if not 0 < offset < len(text):
        return False
    left, right = text[offset - 1], text[offset]
    if left.isdecimal() and right in ".,/":
        return text[offset + 1 : offset + 2].isdecimal()
    if left in ".,/" and right.isdecimal():
        return offset > 1 and text[offset - 2].isdecimal()
    if left.isascii() and right.isascii():
        return left.isalnum() and right.isalnum()
    if not _is_cluster_edge(text, offset):
        return True
    begin = offset - 1
    while begin and unicodedata.category(text[begin])[0] == "M":
        begin -= 1
    left = text[begin]
    return left.isalnum() and right.isalnum() and _go_together(left, right)


def _go_together(left: str, right: str) -> bool:
    """Whether two letters or digits side by side are of one word."""
    if left.isdecimal() and right.isdecimal():
        return True
    if _SPACELESS.match(left) or _SPACELESS.match(right):
        return False
    if left.isdecimal() or right.isdecimal():
        letter = right if left.isdecimal() else left
        # As in a1: an alphabet with capitals goes together with digits in names of things.
        return not letter.isalpha() or _CASED.match(letter) is not None
    scripts = _script(left), _script(right)
    return None in scripts or scripts[0] == scripts[1]


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
        """Share that a passage makes up of the words it begins and ends in; at least
        :data:`LEAST_COVERED` where only particles cling to it."""
        share = (end - start) / (self.around(end)[1] - self.around(start)[0])
        return LEAST_COVERED if share < LEAST_COVERED and self.clings(start, end) else share

    def is_whole(self, start: int, end: int) -> bool:
        """Whether a passage begins and ends with words, but for what clings to them."""
        joined = is_joined(self._text, start) or is_joined(self._text, end)
        return not joined or self.clings(start, end)

    def clings(self, start: int, end: int) -> bool:
        """Whether what the words have beyond a passage stands where their script writes particles:
        behind it in Korean, before it in Arabic and Hebrew, or is the number of a unit (200ml)."""
        text = self._text
        begin = self.around(start)[0]
        before, behind = begin < start, self.around(end)[1] > end
        if before == behind:
            return False
        if before and self._is_unit(begin, start):
            return True
        edge, scripts = (start, _PARTICLE_BEFORE) if before else (end, _PARTICLE_BEHIND)
        if before and end - start < _SHORTEST_BEHIND_PARTICLE:
            return False
        return (
            _is_cluster_edge(text, edge)
            and {_script(c) for c in text[edge - 1 : edge + 1]} <= scripts
        )

    def _is_unit(self, begin: int, start: int) -> bool:
        """Whether what stands here behind a number is a unit: letters to the end of the word."""
        if not (self._text[start - 1].isdecimal() and self._text[start].isalpha()):
            return False
        return start - begin <= _LONGEST_NUMBER and all(
            char.isdecimal() or char in ".,/" for char in self._text[begin:start]
        )


def words_of(text: str) -> list[str]:
    """The words of a text, casefolded and composed; each letter where no blanks part them."""
    text = unicodedata.normalize("NFC", text.casefold())
    found: list[str] = []
    for token in _TOKEN.findall(text):
        if token.isascii():
            found.append(token)
            continue
        cuts = [0, *(i for i in range(1, len(token)) if _parts(token, i)), len(token)]
        found += [token[a:b] for a, b in itertools.pairwise(cuts)]
    return found


def _parts(token: str, offset: int) -> bool:
    """Whether a token that holds no blank is two words here. Joining characters such as _ are of
    the word before and behind."""
    left, right = token[offset - 1], token[offset]
    return "_" not in (left, right) and right.isalnum() and not is_joined(token, offset)


def with_particles(words: list[str]) -> set[str]:
    """The words, and what is left of each without the particles that its script may write onto it:
    every beginning of a Korean word, every end of an Arabic or Hebrew one."""
    known = set(words)
    for word in known.copy():
        script = None if word.isascii() else _script(word[0])
        if script in _PARTICLE_BEHIND:
            known |= {word[:end] for end in range(1, len(word))}
        elif script in _PARTICLE_BEFORE:
            known |= {word[start:] for start in range(1, len(word) - 1)}
    return known
