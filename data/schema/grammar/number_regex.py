"""Regular expressions for the JSON numbers within a range, of any size, exactly.

    >>> at_least(Decimal("19.5"), whole=True)
    '([2-9][0-9]{1}|[1-9][0-9]{2,})'

They match numbers without an exponent. llguidance's own expressions go through 64-bit floats and
integers; these are made of the digits.
"""

from __future__ import annotations

import math
from decimal import Decimal

_MOST_PLACES = 400

WHOLE = "(0|[1-9][0-9]*)"
FRACTION = r"(\.[0-9]+)?"


def at_least(bound: Decimal, *, whole: bool, strict: bool = False) -> str:
    """Numbers that are not below a bound.

    Args:
        bound: the bound.
        whole: integers only.
        strict: nor equal to it.
    """
    if bound < 0 or (bound == 0 and not strict):
        if bound == 0:  # minus nought is nought
            return _either([_any(whole), f"-{_zero(whole)}"])
        return _either([_any(whole), f"-{_up_to(bound.copy_negate(), whole, strict)}"])
    return _from(bound, whole, strict)


def at_most(bound: Decimal, *, whole: bool, strict: bool = False) -> str:
    """Numbers that are not above a bound, as :func:`at_least`."""
    if bound > 0 or (bound == 0 and not strict):
        return _either([_up_to(bound, whole, strict), f"-{_any(whole)}"])
    return f"-{_from(bound.copy_negate(), whole, strict)}"


def multiples(step: Decimal) -> str | None:
    """Numbers that are whole multiples of a step; None where that does not show in a few digits.

    Args:
        step: above 0. That it shows means that it is 1, 2, 4, 5, 8, 25, 125 ... and any power of
            ten.
    """
    _, digits, exponent = step.as_tuple()
    text = "".join(map(str, digits))  # without arithmetic, which rounds to 28 digits
    factor = int(text.rstrip("0"))
    places = int(exponent) + len(text) - len(text.rstrip("0"))
    ends = next((count for count in range(4) if 10**count % factor == 0), None)
    if ends is None or not -_MOST_PLACES <= places <= _MOST_PLACES:
        return None
    last = [f"{number:0{ends}d}" for number in range(0, 10**ends, factor)] if ends else [""]
    tail = _either(last)
    # How many of the last digits that count stand before the point.
    if places >= 0:
        zeros = "0" * places
        # Shorter numbers than that: they are padded with noughts in front.
        short = [str(int(text)) + zeros for text in last if text and int(text)]
        found = _either(["0", *short, f"[1-9][0-9]*{tail}{zeros}"])
        return rf"-?{found}(\.0+)?"
    behind = -places
    if ends <= behind:
        ending = _padded(rf"[0-9]{{{behind - ends}}}", last)
        return rf"-?{WHOLE}(\.{ending})?"
    return None


def _padded(front: str, last: list[str]) -> str:
    """Digits behind a point: some that are free, then one of a few endings, noughts left out."""
    count = int(front.partition("{")[2].rstrip("}"))
    free = f"[0-9]{{1,{count}}}" if count else ""
    ways = [f"[0-9]{{{count}}}{text.rstrip('0')}0*" for text in last if text.strip("0")]
    # All endings of noughts: fewer digits are as good.
    ways += [f"{free}0*"] if free else ["0+"]
    return _either(ways)


def _any(whole: bool) -> str:
    return WHOLE if whole else WHOLE + FRACTION


def _zero(whole: bool) -> str:
    return "0" if whole else r"0(\.0+)?"


def _from(bound: Decimal, whole: bool, strict: bool) -> str:
    """Numbers from a bound on that is not negative."""
    if whole:
        least = math.floor(bound) + 1 if strict else math.ceil(bound)
        return _whole_from(least)
    front, digits = _split(bound)
    same = f"{front}{_fraction_from(digits, strict)}"
    return _either([same, _whole_from(front + 1) + FRACTION])


def _up_to(bound: Decimal, whole: bool, strict: bool) -> str:
    """Numbers from nought up to a bound that is not negative, or of which nought is one."""
    if whole:
        return _whole_up_to(math.ceil(bound) - 1 if strict else math.floor(bound))
    front, digits = _split(bound)
    ways = [_whole_up_to(front - 1) + FRACTION] if front else []
    fraction = _fraction_up_to(digits, strict)
    return _either([*ways, *([f"{front}{fraction}"] if fraction is not None else [])])


def _split(bound: Decimal) -> tuple[int, str]:
    """The whole part of a number, and the digits behind its point."""
    front, _, digits = f"{bound:f}".partition(".")
    return int(front), digits.rstrip("0")


def _fraction_from(digits: str, strict: bool) -> str:
    """What may stand behind a whole part so that the fraction is not below some digits."""
    if not digits:
        return r"\.[0-9]*[1-9][0-9]*" if strict else FRACTION
    ways = [
        f"{digits[:place]}[{int(digit) + 1}-9][0-9]*"
        for place, digit in enumerate(digits)
        if digit < "9"
    ]
    return rf"\.{_either([*ways, digits + ('[0-9]*[1-9][0-9]*' if strict else '[0-9]*')])}"


def _fraction_up_to(digits: str, strict: bool) -> str | None:
    """The same for not above; None where nothing may, not even no fraction."""
    if not digits:
        return None if strict else r"(\.0+)?"
    ways = [
        f"{digits[:place]}[0-{int(digit) - 1}][0-9]*"
        for place, digit in enumerate(digits)
        if digit > "0"
    ]
    ways += [digits[:place] for place in range(1, len(digits))]
    return rf"(\.{_either([*ways, *([] if strict else [digits + '0*'])])})?"


def _whole_from(least: int) -> str:
    text = str(least)
    longer = f"[1-9][0-9]{{{len(text)},}}"
    return _either([_same_length(text, "9" * len(text)), longer])


def _whole_up_to(most: int) -> str:
    text = str(most)
    shorter = f"[1-9][0-9]{{0,{len(text) - 2}}}" if len(text) > 1 else ""
    least = "1" + "0" * (len(text) - 1) if len(text) > 1 else "0"
    return _either([*(["0", shorter] if shorter else []), _same_length(least, text)])


def _same_length(least: str, most: str) -> str:
    """Digits from one text to another of the same length."""
    if not least:
        return ""
    if least[0] == most[0]:
        return least[0] + _same_length(least[1:], most[1:])
    rest = len(least) - 1
    any_rest = f"[0-9]{{{rest}}}" if rest else ""
    if not least[1:].strip("0") and not most[1:].strip("9"):
        return f"[{least[0]}-{most[0]}]{any_rest}"
    first, last = int(least[0]) + 1, int(most[0]) - 1
    ways = [least[0] + _same_length(least[1:], "9" * rest)]
    ways += [f"[{first}-{last}]{any_rest}"] if first <= last else []
    return _either([*ways, most[0] + _same_length("0" * rest, most[1:])])


def _either(ways: list[str]) -> str:
    """One of several expressions."""
    return ways[0] if len(ways) == 1 else f"({'|'.join(ways)})"
