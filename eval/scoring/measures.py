"""Texts such as ``1 cup flour``: a quantity, a unit and a name that must all agree.

Fuzzy text takes ``7 cups flour`` for ``1 cup flour``: six characters of one in ten differ. Here
it is wrong, and the three parts are told apart:

quantity   a number, fraction, mixed number or number word at the beginning; ``2-3`` and ``2 to 3``
           are ranges; a package size such as ``(16 oz.)`` belongs to it. Equal as numbers:
           ``1 1/2``, ``1½`` and ``1.5`` agree.
unit       one of the units that :mod:`setaccio.eval.scoring.normalise` knows, or a kitchen word
           such as clove or jar, right after the quantity (a size such as ``large`` may stand
           between). No unit is converted: 3 teaspoons are not 1 tablespoon.
name       the rest without a leading ``of``; agrees from the threshold of similarity on.

    >>> parse_measure("1 (16 oz.) can beans")
    Measure(quantity='1 (16 ounce)', unit='can', name='beans')
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from typing import NamedTuple

from setaccio.data.text.numerals import WORDS
from setaccio.eval.scoring.align import text_similarity
from setaccio.eval.scoring.normalise import UNITS, normalise

NAME_SIMILARITY = 0.85  # the default threshold of a rule

# The longer ones first. Without an article, zero and dozen are no quantities.
_WORDS = {"half a": "1/2", "a half": "1/2", "a quarter": "1/4", "a dozen": "12"}
_WORDS |= {word: str(value) for word, value in WORDS.items() if word not in ("zero", "dozen")}
_WORDS |= {"an": "1", "a": "1"}
_NUMBER = r"(?:\d+\s+\d+/\d+|\d+/\d+|\d+(?:\.\d+)?|\.\d+)"
_QUANTITY = re.compile(
    rf"({_NUMBER}|(?:{'|'.join(_WORDS)})\b)(?:\s*(?:-|–|—|\bto\b|\bor\b)\s*({_NUMBER}))?"
    r"(?=[\s(-]|[^\W\d_])[\s-]*"
)
_SPOON = re.compile(r"([Tt])\.?\s")  # cooks' shorthand, in which only the case tells them apart
_SIZES = frozenset(
    ("small", "medium", "large", "big", "heaping", "level", "scant", "rounded", "generous", "full")
)
_KITCHEN = {
    word: unit
    for unit, plural in {
        "bag": "bags", "bar": "bars", "bottle": "bottles", "box": "boxes", "bunch": "bunches",
        "carton": "cartons", "clove": "cloves", "container": "containers", "dash": "dashes",
        "drop": "drops", "envelope": "envelopes", "handful": "handfuls", "head": "heads",
        "jar": "jars", "packet": "packets", "piece": "pieces", "pinch": "pinches", "rib": "ribs",
        "sheet": "sheets", "slice": "slices", "sprig": "sprigs", "stalk": "stalks",
        "stick": "sticks", "strip": "strips", "tin": "tins", "tub": "tubs",
    }.items()
    for word in (unit, plural)
}  # fmt: skip


class Measure(NamedTuple):
    """The parts of a text.

    Attributes:
        quantity: canonical, such as ``3/2`` or ``2-3``; empty when there is none.
        unit: canonical, such as ``cup``; empty when there is none.
        name: the rest, normalised.
    """

    quantity: str
    unit: str
    name: str


class MeasureAgreement(NamedTuple):
    """Which parts of two texts agree."""

    quantity: bool
    unit: bool
    name: bool

    @property
    def all(self) -> bool:
        """Whether the two are the same measure of the same thing."""
        return self.quantity and self.unit and self.name


@functools.lru_cache(maxsize=65536)
def parse_measure(text: str) -> Measure:
    """Take a text apart.

    Args:
        text: such as ``2 c. flour, sifted``.

    Returns:
        Its parts. A text without a quantity in front, or with nothing behind it that is made of
        letters (a date, a telephone number), is all name.
    """
    plain = normalise(text, ("unicode", "numbers")).strip()
    found = _QUANTITY.match(plain.casefold())
    rest = plain[found.end() :] if found and len(plain) == len(plain.casefold()) else ""
    if not found or not any(char.isalpha() for char in rest):
        return Measure("", "", normalise(text))
    quantity = "-".join(_number(part) for part in found.groups() if part)
    spoon = _SPOON.match(rest)
    if spoon:
        rest = f"{'tablespoon' if spoon[1] == 'T' else 'teaspoon'} {rest[spoon.end() :]}"
    # A short unit is one only after a number, so it is given one, which is taken away again.
    words = normalise(f"1 {rest}").split()[1:]
    if len(words) > 1 and words[0][0].isdigit() and words[1] in UNITS:
        quantity += f" ({_number(words[0])} {words[1]})"
        words = words[2:]
    at = 1 if len(words) > 1 and words[0] in _SIZES else 0
    unit = _unit(words[at]) if at < len(words) else ""
    if unit:
        del words[at]
    name = " ".join(words)
    return Measure(quantity, unit, name.removeprefix("of "))


def _unit(word: str) -> str:
    return word if word in UNITS else _KITCHEN.get(word, "")


def _number(text: str) -> str:
    text = _WORDS.get(text, text)
    try:
        return str(sum((Fraction(part) for part in text.split()), Fraction()))
    except (ValueError, ZeroDivisionError):
        return text


def compare_measures(
    gold: str, prediction: str, threshold: float = NAME_SIMILARITY
) -> MeasureAgreement:
    """Say which parts of two texts agree.

    Args:
        gold: what should be there.
        prediction: what is.
        threshold: similarity from which names agree.
    """
    wanted, found = parse_measure(gold), parse_measure(prediction)
    return MeasureAgreement(
        wanted.quantity == found.quantity,
        wanted.unit == found.unit,
        text_similarity(wanted.name, found.name) >= threshold,
    )
