"""Dates, however they are written.

:func:`read_date` reads one with python-dateutil: ISO 8601, ``1 May 2024``, ``May 1st, 2024``,
``01.05.2024``, with or without a time. What a text leaves out stays out: ``May 2024`` has no day,
and is not the first of May. Month names are English; a text in another language is no date here
and is compared as text.

Ambiguity: ``03/04/2024`` is the third of April where the day is written first and the fourth of
March elsewhere. A task that knows says so (``day_first``). Otherwise two texts agree when one
reading of each does; where both are ambiguous, both must be read the same way, so ``03/04/2024``
never agrees with ``04/03/2024``. A date that begins with its year is year, month, day.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timezone, tzinfo
from typing import NamedTuple

from dateutil import parser, tz

_LONGEST = 60
# Two days that differ in year, month and day: what both readings share was written.
_BLANKS = (datetime(2000, 1, 1), datetime(2004, 2, 2))
_YEAR_FIRST = re.compile(r"\d{4}(?:\s*[-/.]\s*\d{1,2}\b|\d{4})")


class Moment(NamedTuple):
    """A date with what was written of it, and the rest None.

    Attributes:
        year: such as 2024.
        month: 1 to 12.
        day: 1 to 31.
        time: ``hh:mm:ss.ffffff``, in UTC where an offset was written; None for midnight.
    """

    year: int | None
    month: int | None
    day: int | None
    time: str | None


def read_date(text: str, day_first: bool = False) -> Moment | None:
    """Read one date.

    Args:
        text: the date, and nothing else.
        day_first: whether ``03/04/2024`` is in April.

    Returns:
        What was written; None when it is no date: neither a year nor both a month and a day.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if len(text) > _LONGEST or not any(char.isdigit() for char in text):
        return None
    day_first = day_first and not _YEAR_FIRST.match(text)
    try:
        one, other = (
            parser.parse(text, default=blank, dayfirst=day_first, tzinfos=_offset)
            for blank in _BLANKS
        )
        if one.tzinfo and other.tzinfo and one.date() == other.date():
            one, other = one.astimezone(timezone.utc), other.astimezone(timezone.utc)
    except (ValueError, OverflowError, TypeError, AttributeError, IndexError):
        return None  # what dateutil raises on texts that are no dates
    time = one.time().isoformat("microseconds")
    moment = Moment(
        one.year if one.year == other.year else None,
        one.month if one.month == other.month else None,
        one.day if one.day == other.day else None,
        None if time.startswith("00:00:00.000000") else time,
    )
    if moment.year is None and (moment.month is None or moment.day is None):
        return None
    return moment


def _offset(_name: str | None, seconds: int | None) -> tzinfo | None:
    """An offset that was written as a number or as UTC; other names of zones say nothing."""
    return None if seconds is None else tz.tzoffset(None, seconds)


def same_date(gold: str, prediction: str, day_first: bool | None = None) -> bool | None:
    """Whether two texts are the same date; see the module for ambiguous ones.

    Args:
        gold: one date.
        prediction: the other.
        day_first: how ambiguous ones are read; None tries both ways.

    Returns:
        Yes or no; None when either text is no date.
    """
    orders = (False, True) if day_first is None else (day_first,)
    wanted = [read_date(gold, order) for order in orders]
    found = [read_date(prediction, order) for order in orders]
    if None in wanted or None in found:
        return None
    if len(set(wanted)) > 1 and len(set(found)) > 1:
        return any(one == other for one, other in zip(wanted, found, strict=True))
    return not set(wanted).isdisjoint(found)
