"""Dates in many forms, and what is ambiguous about them.

Run: pytest tests/eval/scoring/test_dates.py
"""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.eval.scoring.dates import Moment, read_date, same_date


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01",
        "1 May 2024",
        "May 1st, 2024",
        "1st of May 2024",
        "Wednesday, May 1, 2024",
        "20240501",
        "2024/05/01",
        "２０２４-０５-０１",
        "2024-05-01T00:00:00",
        "2024-05-01T00:00:00Z",
        "2024-05-01T02:00:00+02:00",
    ],
)
def test_one_day_in_many_forms(text: str):
    assert read_date(text) == Moment(2024, 5, 1, None)
    assert read_date(text, day_first=True) == Moment(2024, 5, 1, None)


def test_what_is_not_written_stays_open():
    assert read_date("May 2024") == Moment(2024, 5, None, None)
    assert read_date("2024") == Moment(2024, None, None, None)
    assert read_date("29 February") == Moment(None, 2, 29, None)
    assert same_date("May 2024", "2024-05-01") is False
    assert same_date("May 2024", "2024-05") is True


@pytest.mark.parametrize("text", ["", "soon", "10:30", "5", "Monday", "1. Mai 2024", "99/99/2024"])
def test_what_is_no_date(text: str):
    assert read_date(text) is None
    assert same_date("2024-05-01", text) is None


def test_an_ambiguous_date_agrees_with_either_reading_but_both_are_read_alike():
    assert same_date("03/04/2024", "2024-04-03")
    assert same_date("2024-03-04", "03/04/2024")
    assert same_date("03/04/2024", "04/03/2024") is False
    assert same_date("03/04/2024", "3.4.2024")
    assert same_date("03/04/2024", "2024-04-03", day_first=True)
    assert same_date("03/04/2024", "2024-04-03", day_first=False) is False
    assert same_date("25/12/2024", "2024-12-25", day_first=False)


def test_times_count_where_they_are_written():
    assert same_date("2024-05-01T10:30:00+02:00", "2024-05-01 08:30 UTC")
    assert same_date("1 May 2024, 10:30 am", "2024-05-01T10:30")
    assert same_date("2024-05-01T10:30", "2024-05-01") is False


@given(st.dates(date(1000, 1, 1)), st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%Y%m%d"]))
def test_every_day_is_read_back(day: date, form: str):
    # strftime leaves out the zeros of a year below 1000 on some systems, hence none here.
    assert read_date(day.strftime(form)) == Moment(day.year, day.month, day.day, None)


@given(st.text(max_size=30) | st.text(alphabet="0123456789-/:. TZ+apmMay,", max_size=25))
def test_no_text_is_an_accident(text: str):
    moment = read_date(text)
    assert moment is None or moment.year or (moment.month and moment.day)
    assert same_date(text, text) in (True, None)
