"""The numbers that a text writes, whichever way: ``1,500``, ``1½``, ``1 1/2``, ``0,5``, ``two``.

A numeral that can be read in two ways (``1,500`` is fifteen hundred or one and a half) has both
values. Number words are the English ones up to twelve, with ``half`` and ``dozen``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

_VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_SLASH = r"[ \u00a0]?[/⁄][ \u00a0]?"
_NUMERAL = re.compile(
    rf"""(?P<sign>(?<![\w.,])[-−])?
    (?: (?:(?P<mixed>\d+)[ \u00a0-]?)?(?P<vulgar>[{_VULGAR}])
      | (?<![/⁄\d])(?:(?P<over>\d+)[ \u00a0-])?(?P<upper>\d+){_SLASH}(?P<lower>\d+)(?![/⁄\d])
      | (?P<grouped>\d{{1,3}}(?:(?P<group>[,.'’ \u00a0\u202f])\d{{3}}(?:(?P=group)\d{{3}})*)
          (?![\d]))(?P<rest>[.,]\d+)?
      | (?P<plain>\d+(?:[.,]\d+)?|(?<![\d])[.,]\d+)(?P<power>[eE][+-]?\d+(?![\w]))?
    )""",
    re.VERBOSE,
)
_SMALL = "zero,one,two,three,four,five,six,seven,eight,nine,ten,eleven,twelve".split(",")  # noqa: SIM905
WORDS = {
    **{word: Fraction(value) for value, word in enumerate(_SMALL)},
    "half": Fraction(1, 2),
    "dozen": Fraction(12),
}
# More digits than Python turns into an integer, or a power that takes minutes to compute: an
# identifier or a hash, no number that an answer could hold.
_LONGEST = 1000
_HUGE = re.compile(r"[eE][+-]?0*[1-9]\d{3}")
# Without ASCII alone, "fıve" would count as a number word that the table does not have.
NUMBER_WORD = re.compile(rf"(?<!\w)(?ai:{'|'.join(WORDS)})(?!\w)")


class Numeral(NamedTuple):
    """A number in a text.

    Attributes:
        start: offset of its first character.
        end: offset behind its last one.
        values: what it may mean.
        word: whether it is written in letters.
    """

    start: int
    end: int
    values: frozenset[Fraction]
    word: bool


def to_fraction(value: float | str) -> Fraction | None:
    """A JSON number as an exact fraction; None for what is no finite number, or a huge one."""
    written = str(value)
    if _is_huge(written):
        return None
    try:
        return Fraction(written)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


def _is_huge(written: str) -> bool:
    """Whether a number is too long, or its power too great, to be computed with."""
    return len(written) > _LONGEST or _HUGE.search(written) is not None


def _digits(text: str) -> str:
    """The text with every script's digits as ASCII, a decimal comma as a point."""
    plain = "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)
    return plain.replace(",", ".")


def _grouped(found: re.Match[str]) -> set[Fraction]:
    group, rest = found["group"], found["rest"] or ""
    if rest[:1] == group:  # 1.500.25 is no number with groups
        return set()
    whole = found["grouped"].replace(group, "")
    values = {Fraction(_digits(whole + rest))}
    if group in ",." and not rest and found["grouped"].count(group) == 1:
        values.add(Fraction(_digits(found["grouped"])))
    return values


def _values(found: re.Match[str]) -> set[Fraction]:
    if found["vulgar"]:
        # The characters' own value, 1/3 as 0.3333 with few digits, is made exact again.
        part = Fraction(unicodedata.numeric(found["vulgar"])).limit_denominator(100)
        values = {int(found["mixed"] or 0) + part}
    elif found["upper"]:
        upper, lower = int(found["upper"]), int(found["lower"])
        values = {int(found["over"] or 0) + Fraction(upper, lower)} if lower else set()
    elif found["grouped"]:
        values = _grouped(found)
    else:
        values = {Fraction(_digits(found["plain"]) + (found["power"] or ""))}
    sign = -1 if found["sign"] else 1
    return {sign * value for value in values}


def numerals(text: str) -> Iterator[Numeral]:
    """Every number in a text, those in digits first, each kind in order.

    Args:
        text: any text; offsets count its code points.
    """
    for found in _NUMERAL.finditer(text):
        if _is_huge(found[0]):
            continue
        values = _values(found)
        if values:
            yield Numeral(found.start(), found.end(), frozenset(values), False)
        if found["group"] and found["group"] in " \u00a0\u202f":
            # A blank may also stand between two numbers.
            for part in re.finditer(r"\d+", found[0]):
                begin, end = found.start() + part.start(), found.start() + part.end()
                yield Numeral(begin, end, frozenset({Fraction(_digits(part[0]))}), False)
    for found in NUMBER_WORD.finditer(text):
        value = WORDS[found[0].lower()]
        yield Numeral(found.start(), found.end(), frozenset({value}), True)
