"""JSON is found where it is, and only there.

Run: pytest tests/runtime/result/test_parsing.py
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Task
from setaccio.runtime.result.parsing import (
    NOTHING,
    ParsedAnswer,
    parse_answer,
    parse_for,
    split_thought,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"a":1}', ParsedAnswer(True, {"a": 1}, True)),
        (' {"a":1}\n', ParsedAnswer(True, {"a": 1}, True)),
        ("null", ParsedAnswer(True, None, True)),
        ('```json\n{"a":1}\n```', ParsedAnswer(True, {"a": 1}, False)),
        ('Here you are:\n```\n{"a":1}\n```\nEnjoy {it}!', ParsedAnswer(True, {"a": 1}, False)),
        ('```json\n{"a":1}', ParsedAnswer(True, {"a": 1}, False)),
        ('{"a":1}\n```\nThat is all.', ParsedAnswer(True, {"a": 1}, False)),
        ('{"a":1}\nRun:\n```\nprint({"b": 2})\n```', ParsedAnswer(True, {"a": 1}, False)),
        ('```\nNo data yet.\n```\nNow: {"a":1}', ParsedAnswer(True, {"a": 1}, False)),
        ('As {"a": ...}:\n```json\n{"a":1}\n```', ParsedAnswer(True, {"a": 1}, False)),
        ('```json\n{"a":\n```\n{"b":1}', NOTHING),
        ('Sure! {"a":1} Anything else?', ParsedAnswer(True, {"a": 1}, False)),
        ('{not json} but {"a":1}', ParsedAnswer(True, {"a": 1}, False)),
        ('{"a":1}{"b":2}', ParsedAnswer(True, {"a": 1}, False)),
        (
            '```json\n{"a":"see ```b``` and\\n```\\n{}"}\n```',
            ParsedAnswer(True, {"a": "see ```b``` and\n```\n{}"}, False),
        ),
        ('~~~~json\n{"a":1}\n~~~~', ParsedAnswer(True, {"a": 1}, False)),
        ('``` {"a":1}```', ParsedAnswer(True, {"a": 1}, False)),
        ('<think>{"a":2} or {"a":3}</think>{"a":1}', ParsedAnswer(True, {"a": 1}, False)),
        ('It is {"a": 2}. {"a": \n</think>\n\n{"a":1}', ParsedAnswer(True, {"a": 1}, False)),
        ('[THINK]{"a":2}[/THINK]{"a":1}', ParsedAnswer(True, {"a": 1}, False)),
        ('<thinking>{"a":2}', NOTHING),
        ('{"a":"</think>"} is it', ParsedAnswer(True, {"a": "</think>"}, False)),
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
def test_parse_answer(raw: str, expected: ParsedAnswer):
    assert parse_answer(raw) == expected


def test_an_answer_cut_off_yields_nothing_of_its_inside():
    assert parse_answer('{"title":"Soup","items":[{"name":"leek"},{"na') == NOTHING


SAMPLE = Task.from_schema(
    {
        "type": "object",
        "properties": {"note": {"type": "string"}, "marks": {"type": "array"}},
        "required": ["note"],
        "additionalProperties": False,
    }
)
LIST = Task.from_schema({"type": "array", "items": {"type": "object"}, "minItems": 1})


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ('As in [1] and [2, 3]: {"note":"x"}', {"note": "x"}),
        ('* [ ] to do\n* [x] done\n\n{"note":"x"}', {"note": "x"}),
        ('See [3, p. 4], {"note":"x"}', {"note": "x"}),
        ('An empty object {} is no answer: {"note":"x"}', {"note": "x"}),
        ('The schema wants {"note": ...}. So: {"note":"x"}', {"note": "x"}),
        ('```python\nd = {"k": 1}\n```\n```json\n{"note":"x"}\n```', {"note": "x"}),
        ('[{"note":"y"}] or rather {"note":"x"}', {"note": "x"}),
        ('{"note":"x"} or {"note":"y"}', {"note": "x"}),
        ('[1] {"other":"x"}', {"other": "x"}),
        ('{"other":"x"} {"note":3}', {"other": "x"}),
        ('[1, "', None),
        ('{"note":"x", "marks":[{"note":"inner"}, {"no', None),
        ('{"note":"x",} and {"other":1}', None),
        ('[{"note":"y"}, {"no', None),
    ],
)
def test_a_candidate_gives_way_to_one_that_fits(raw: str, value: object):
    assert parse_for(raw, SAMPLE).value == value


def test_a_list_is_looked_for_where_the_schema_wants_one():
    assert parse_for('By {"who": 1} of [1]: [{"a":1}]', LIST).value == [{"a": 1}]
    assert parse_for('{"a":1} [7]', LIST).value == [7]


def test_keys_are_renamed_before_a_candidate_is_judged():
    def rename(value: object) -> object:
        return {"note": value["n"]} if isinstance(value, dict) and "n" in value else value

    assert parse_for('{"m":"y"} {"n":"x"}', SAMPLE, rename).value == {"n": "x"}


notes = st.text(st.sampled_from('`~{}[]"\\<>/think\n ab'), max_size=40)
prose = st.text(st.sampled_from("ab.,:-() \n"), max_size=12)
junk = st.sampled_from(
    ["[1]", "[2, 5]", "- [ ] ", "[x](y)", "[see]", "{}", "{k}", "{...}", "[[3]]"]
)
wraps = st.sampled_from(
    [
        "{}",
        "```json\n{}\n```",
        "```\n{}\n```",
        "~~~json\n{}\n~~~",
        "```json {}```",
        "````\n{}\n````",
        '<think>\nmaybe {{"note": "no"}}, "or [\n</think>\n{}',
        '{{"note": ...}} is wanted.</think>{}',
    ]
)


@given(notes, st.lists(st.tuples(prose, junk), max_size=4), prose, wraps, notes, st.booleans())
def test_the_value_is_found_whatever_stands_around_it(
    note: str,
    before: list[tuple[str, str]],
    words: str,
    wrap: str,
    behind: str,
    ascii_only: bool,
):
    value = {"note": note, "marks": [note, {"note": note}]}
    answer = wrap.format(json.dumps(value, ensure_ascii=ascii_only))
    raw = "".join(a + b for a, b in before) + words + "\n" + answer
    if "think" not in wrap:
        raw += "\n" + behind.replace(
            "<", ""
        )  # what is closed there would make all before a thought
    assert parse_for(raw, SAMPLE).value == value


@given(notes, st.integers(0, 60), wraps)
def test_nothing_inside_an_answer_that_was_cut_off_is_it(note: str, cut: int, wrap: str):
    text = json.dumps({"marks": [{"note": note}, {"note": "x"}], "note": "whole"})
    head = wrap.partition("{}")[0].replace("{{", "{").replace("}}", "}")
    assert parse_for(head + text[: max(1, len(text) - 1 - cut)], SAMPLE).value is None


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ('<think>\na {b}\n</think>\n\n{"a":1}', ("a {b}", '{"a":1}')),
        ('a {b}</think>{"a":1}', ("a {b}", '{"a":1}')),  # the prompt opened it
        (" [THINK]a[/THINK] b", ("a", "b")),
        ("<think>a", ("a", "")),  # cut off
        ('{"a":"</think>"}', ("", '{"a":"</think>"}')),
        ('{"a":"<think>"} </think>', ("", '{"a":"<think>"} </think>')),
        ("Here: <think>a</think>", ("", "Here: <think>a</think>")),
        ('{"a":1}', ("", '{"a":1}')),
        ("", ("", "")),
    ],
)
def test_the_thought_before_an_answer_is_taken_apart(raw: str, parts: tuple[str, str]):
    assert split_thought(raw) == parts


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_itself(value: object):
    assert parse_answer(json.dumps(value, ensure_ascii=False)) == ParsedAnswer(True, value, True)


@given(st.text(alphabet='{}[]",:\\`ab1 \n', max_size=60))
def test_noise_never_raises(raw: str):
    answer = parse_answer(raw)
    assert answer.found or not answer.strict
