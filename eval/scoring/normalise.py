"""Text normalisation for scoring: what counts as the same words, versioned.

Two texts are compared after :func:`normalise`. The steps, in this order:

``unicode``      compatibility characters become plain ones (NFKC): full width, ligatures, ``…``;
                 ``½`` becomes ``1/2`` and ``3½`` becomes ``3 1/2``, never ``31/2``.
``case``         upper and lower case become the same (Unicode case folding).
``numbers``      ``1,000`` becomes ``1000``; ``1 / 2`` becomes ``1/2``.
``punctuation``  apostrophes vanish (``Nolan's`` is ``nolans``), other punctuation becomes a blank.
                 What carries meaning stays: ``. , / : -`` inside or before a number, and signs
                 such as ``% # & @ + = < > $ € °``.
``units``        units of measure take one spelling: ``2 Tbsp.``, ``2 tablespoons`` and
                 ``2-tbsp`` become ``2 tablespoon``, ``350 degrees F`` becomes ``350 °f``. A
                 short or ambiguous unit (``c``, ``g``, ``in``) is one only right after a number,
                 so ``Vitamin C`` and ``5 in stock`` keep their words.
``space``        runs of white space become one blank; none at either end.

A text of nothing but dropped punctuation keeps it, so that ``?`` and ``!`` stay different. The
version number changes whenever a text could come out differently; it is written into every report.

    >>> normalise("2½ c. Flour, sifted")
    '2 1/2 cup flour sifted'
"""

from __future__ import annotations

import functools
import re
import unicodedata

NORMALISATION = "1"
STEPS = ("unicode", "case", "numbers", "punctuation", "units", "space")

_AFTER_NUMBER = {  # spelled like words or letters of other meanings, so only right after a number
    "c": "cup", "cup": "cup", "cups": "cup",
    "g": "gram", "gr": "gram", "gram": "gram", "grams": "gram",
    "kg": "kilogram", "kilogram": "kilogram", "kilograms": "kilogram",
    "mg": "milligram", "milligram": "milligram", "milligrams": "milligram",
    "l": "litre", "liter": "litre", "liters": "litre", "litre": "litre", "litres": "litre",
    "ml": "millilitre", "milliliter": "millilitre", "milliliters": "millilitre",
    "millilitre": "millilitre", "millilitres": "millilitre",
    "cm": "centimetre", "mm": "millimetre", "km": "kilometre",
    "inch": "inch", "inches": "inch",
    "pt": "pint", "pint": "pint", "pints": "pint",
    "qt": "quart", "qts": "quart", "quart": "quart", "quarts": "quart",
    "gal": "gallon", "gallon": "gallon", "gallons": "gallon",
    "oz": "ounce", "ounce": "ounce", "ounces": "ounce",
    "lb": "pound", "lbs": "pound", "pound": "pound", "pounds": "pound",
    "doz": "dozen", "dozens": "dozen",
    "min": "minute", "mins": "minute", "minute": "minute", "minutes": "minute",
    "hr": "hour", "hrs": "hour", "h": "hour", "hour": "hour", "hours": "hour",
    "sec": "second", "secs": "second",
    "can": "can", "cans": "can", "package": "package", "packages": "package",
}  # fmt: skip
_ANYWHERE = {
    "tbsp": "tablespoon", "tbsps": "tablespoon", "tbs": "tablespoon", "tblsp": "tablespoon",
    "tablespoon": "tablespoon", "tablespoons": "tablespoon",
    "tsp": "teaspoon", "tsps": "teaspoon", "teaspoon": "teaspoon", "teaspoons": "teaspoon",
    "pkg": "package", "pkgs": "package", "pkt": "packet", "ctn": "carton",
}  # fmt: skip
UNITS = frozenset(_AFTER_NUMBER.values()) | frozenset(_ANYWHERE.values())
"""Every unit in the one spelling that normalisation gives it."""
_KEPT = frozenset("%#&@")  # punctuation that is part of what is said, as in "5%" or "C#"
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_NUMBER = re.compile(r"\d+(?:[.,/]\d+)*\Z")
_THOUSANDS = re.compile(r"(?<![\d.,/])\d{1,3}(?:,\d{3})+(?![\d,/])")
_FRACTION_BAR = re.compile(r"(?<=\d)\s*[/\u2044\u2215]\s*(?=\d)")
_NUMBER_AND_UNIT = re.compile(r"(?<=\d)(?=[^\W\d_])")
_DEGREES = re.compile(r"(?<=\d)\s*(?:°|º|degrees?\b|deg\b)\s*(?:([fc])(?:ahrenheit|elsius)?\b)?")


def _unicode(text: str) -> str:
    spaced = "".join(
        f" {c}" if c.isnumeric() and unicodedata.decomposition(c).startswith("<fraction>") else c
        for c in text
    )
    # º would otherwise become the letter o, and ´ a blank with a combining accent.
    spaced = spaced.replace("º", "°").replace("\u00b4", "'")
    return unicodedata.normalize("NFKC", spaced).replace("\u2044", "/")


def _case(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def _numbers(text: str) -> str:
    text = _FRACTION_BAR.sub("/", text)
    return _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)


def _means_something(text: str, at: int) -> bool:
    """Whether the punctuation at a place belongs to a number around or after it."""
    sign = text[at]
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    if sign in ".,/:":
        return before.isdigit() and after.isdigit()
    return sign == "-" and before.isspace() and after.isdigit()


def _punctuation(text: str) -> str:
    text = _APOSTROPHES.sub("", text)
    kept = [
        char
        if unicodedata.category(char)[0] != "P" or char in _KEPT or _means_something(text, at)
        else " "
        for at, char in enumerate(text)
    ]
    return "".join(kept)


def _units(text: str) -> str:
    text = _DEGREES.sub(lambda found: f" °{found[1] or ''} ", text)
    words = _NUMBER_AND_UNIT.sub(" ", text).split() if _has_glued_unit(text) else text.split()
    out: list[str] = []
    for word in words:
        bare = word.rstrip(".")
        unit = _ANYWHERE.get(bare)
        if unit is None and out and _NUMBER.match(out[-1]):
            unit = _AFTER_NUMBER.get(bare)
        out.append(unit or word)
    return " ".join(out)


def _has_glued_unit(text: str) -> bool:
    """Whether some word is a number with a unit written to it, such as ``250g``."""
    for word in text.split():
        number, _, unit = _NUMBER_AND_UNIT.sub(" ", word, count=1).partition(" ")
        if _NUMBER.match(number) and (unit in _AFTER_NUMBER or unit in _ANYWHERE):
            return True
    return False


def _space(text: str) -> str:
    return " ".join(text.split())


_FUNCTIONS = {
    "unicode": _unicode,
    "case": _case,
    "numbers": _numbers,
    "punctuation": _punctuation,
    "units": _units,
    "space": _space,
}


@functools.lru_cache(maxsize=65536)
def normalise(text: str, steps: tuple[str, ...] = STEPS) -> str:
    """Bring a text into the form in which it is compared.

    Args:
        text: any text.
        steps: names out of :data:`STEPS`, run in the order given.

    Returns:
        The normalised text; never empty unless ``text`` is blank.

    Raises:
        KeyError: a step of that name does not exist.
    """
    result = text
    for step in steps:
        result = _FUNCTIONS[step](result)
    return result or _space(_case(_unicode(text)))


def parse_number(value: object) -> float | None:
    """Read a number from a JSON number or from text such as ``1,000``, ``½``, ``1 1/2``, ``-2.5``.

    Returns:
        The number; None for anything else: booleans are not numbers, nor is what no float holds.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    if not isinstance(value, str) or len(value) > 100:
        return None
    text = _numbers(_unicode(value)).replace("\u2212", "-").strip()
    found = re.fullmatch(r"([+-]?)(?:(\d+(?:\.\d+)?|\.\d+)|(?:(\d+)\s+)?(\d+)/(\d+))", text)
    if not found:
        return None
    sign, plain, whole, above, below = found.groups()
    if plain is None and int(below) == 0:
        return None
    size = float(plain) if plain is not None else int(whole or 0) + int(above) / int(below)
    return -size if sign == "-" else size
