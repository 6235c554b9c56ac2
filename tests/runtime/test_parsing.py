"""JSON is found where it is, and only there.

Run: pytest tests/runtime/test_parsing.py
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.runtime.parsing import NOTHING, Answer, parse_answer


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"a":1}', Answer(True, {"a": 1}, True)),
        (' {"a":1}\n', Answer(True, {"a": 1}, True)),
        ("null", Answer(True, None, True)),
        ('```json\n{"a":1}\n```', Answer(True, {"a": 1}, False)),
        ('Here you are:\n```\n{"a":1}\n```\nEnjoy {it}!', Answer(True, {"a": 1}, False)),
        ('```json\n{"a":1}', Answer(True, {"a": 1}, False)),
        ('{"a":1}\n```\nThat is all.', Answer(True, {"a": 1}, False)),
        ('{"a":1}\nRun:\n```\nprint({"b": 2})\n```', Answer(True, {"a": 1}, False)),
        ('```\nNo data yet.\n```\nNow: {"a":1}', Answer(True, {"a": 1}, False)),
        ('As {"a": ...}:\n```json\n{"a":1}\n```', Answer(True, {"a": 1}, False)),
        ('```json\n{"a":\n```\n{"b":1}', NOTHING),
        ('Sure! {"a":1} Anything else?', Answer(True, {"a": 1}, False)),
        ('{not json} but {"a":1}', Answer(True, {"a": 1}, False)),
        ('{"a":1}{"b":2}', Answer(True, {"a": 1}, False)),
        ("", NOTHING),
        ("No data.", NOTHING),
        ('{"a":', NOTHING),
        ('{"a":NaN}', NOTHING),
        ('{"a":NaN,"b":{"c":1}}', NOTHING),
        ('{"a":1e999}', NOTHING),
        ('{"a":"\\ud800"}', NOTHING),
        ("[" * 100_000, NOTHING),
    ],
)
def test_parse_answer(raw: str, expected: Answer):
    assert parse_answer(raw) == expected


def test_an_answer_cut_off_yields_nothing_of_its_inside():
    assert parse_answer('{"title":"Soup","items":[{"name":"leek"},{"na') == NOTHING


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_itself(value: object):
    assert parse_answer(json.dumps(value, ensure_ascii=False)) == Answer(True, value, True)


@given(st.text(alphabet='{}[]",:\\`ab1 \n', max_size=60))
def test_noise_never_raises(raw: str):
    answer = parse_answer(raw)
    assert answer.found or not answer.strict
