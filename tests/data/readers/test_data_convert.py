"""Rows become pairs: templates, chat messages and other tools' forms.

Run: pytest tests/data/readers/test_data_convert.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from setaccio.data import Pair, Problem, Task
from setaccio.data.errors import DataError, UsageError
from setaccio.data.readers.convert import Rule, convert_rows, load_any, parse_gold
from setaccio.data.task.task import Shot

TASK = Task.from_schema(
    {
        "type": "object",
        "properties": {
            "tone": {"enum": ["warm", "cold"]},
            "stars": {"type": ["integer", "null"]},
            "note": {"type": "string"},
        },
        "required": ["tone", "stars"],
        "additionalProperties": False,
    }
)


def write_lines(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_columns_through_templates(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,phrase,tone,stars,note\nx,"Well, {tone}",warm,5,\n,Go,cold,,dry\n')
    gold = {"tone": "{tone}", "stars": "{stars:int}", "note": "{note}"}
    rule = Rule(text="Said: {phrase} {{}}", gold=gold, weight="{stars}", task=TASK)
    first, second = convert_rows(str(path), rule)
    assert first == Pair("x", "Said: Well, {tone} {}", {"tone": "warm", "stars": 5}, 5.0)
    assert str(second) == f"{path}:3: the weight '' is not a number above 0"
    rule = Rule(text="{phrase}", gold=gold, weight=0.5, id="{phrase}-{tone}", task=TASK)
    assert list(convert_rows(str(path), rule))[1] == Pair(
        "Go-cold", "Go", {"tone": "cold", "stars": None, "note": "dry"}, 0.5
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Go,mild,1", r"the gold breaks the schema: \$\.tone: 'mild' is not one of"),
        ("Go,warm,many", r"column 'stars': 'many' is no int"),
        (" ,warm,1", "the text is empty"),
    ],
)
def test_bad_rows_are_named_with_their_line(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"phrase,tone,stars\nGo,warm,1\n{row}\nGo,cold,2\n")
    rule = Rule(text="{phrase}", gold={"tone": "{tone}", "stars": "{stars:int}"}, task=TASK)
    good, bad, other = convert_rows(str(path), rule)
    assert isinstance(good, Pair) and isinstance(other, Pair) and isinstance(bad, Problem)
    assert bad.line == 3
    assert pytest.importorskip("re").search(said, bad.message)


def test_a_column_may_hold_the_whole_gold_and_names_reach_inside(tmp_path: Path) -> None:
    rows = [{"in": {"t": ["x", "y"]}, "out": {"a": 1}}, {"in": {"t": ["x", "z"]}, "out": '{"a":2}'}]
    path = write_lines(tmp_path / "a.jsonl", *rows, {"in": {"t": []}, "out": "{}"})
    first, second, third = convert_rows(path, Rule(text="{in.t.1}", gold=parse_gold("{out}")))
    assert (first.text, first.gold) == ("y", {"a": 1})
    assert (second.text, second.gold) == ("z", {"a": 2})
    assert "no column 'in.t.1'" in third.message


def test_types_are_read_from_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b,c,d\n1.5,yes,"[1, {""x"": null}]",007\n')
    gold = parse_gold('{"a": "{a:number}", "b": "{b:bool}", "c": "{c:json}", "d": "{d}", "e": 1}')
    (pair,) = convert_rows(str(path), Rule(text="{d}", gold=gold))
    assert pair.gold == {"a": 1.5, "b": True, "c": [1, {"x": None}], "d": "007", "e": 1}


@pytest.mark.parametrize("template", ["{phrase", "{}", "{phrase!r}", "{phrase:date}", "{phrase} }"])
def test_templates_that_fit_no_row_are_refused(template: str) -> None:
    with pytest.raises(UsageError, match="Template"):
        Rule(text=template, gold={"a": "{phrase}"}).check()


def test_templates_reach_nothing_but_columns(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"a": "x"})
    rule = Rule(text="{a} {a.__class__}", gold={"b": "{a}"})
    (item,) = convert_rows(path, rule)
    assert "no column 'a.__class__'" in item.message


def test_rules_that_contradict_themselves_are_refused() -> None:
    for rule in (
        Rule(text="{a}"),
        Rule(gold={}),
        Rule(kind="xml"),
        Rule(kind="pairs", text="{a}", gold={}),
    ):
        with pytest.raises(UsageError):
            rule.check()
    with pytest.raises(UsageError, match="no JSON"):
        parse_gold('{"a": ')


def test_columns_that_tell_nothing_are_listed(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"phrase": "x", "tone": "y"})
    with pytest.raises(DataError, match=r"the columns \(phrase, tone\) do not tell.*--text"):
        list(convert_rows(path))
    with pytest.raises(DataError, match=r"no column 'phras' \(columns: phrase, tone\)"):
        list(convert_rows(path, Rule(text="{phras}", gold={"tone": "{tone}"})))


def turn(role: str, content: object, **more: object) -> dict:
    return {"role": role, "content": content, **more}


def test_chat_messages(tmp_path: Path) -> None:
    fenced = '```json\n{"tone": "cold"}\n```'
    call = {"function": {"name": "f", "arguments": '{"tone": "warm"}'}}
    path = write_lines(
        tmp_path / "a.jsonl",
        {"messages": [turn("system", "s"), turn("user", "Hi"), turn("assistant", fenced)]},
        {
            "messages": [
                turn("user", "Go"),
                turn("assistant", '{"tone": "cold"}'),
                turn("user", [{"type": "text", "text": "Stay"}]),
                turn("assistant", None, tool_calls=[call]),
            ]
        },
    )
    assert list(convert_rows(path)) == [
        Pair("1", "Hi", {"tone": "cold"}),
        Pair("2", "Stay", {"tone": "warm"}, 1.0, (Shot(text="Go", gold={"tone": "cold"}),)),
    ]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([turn("user", "Hi"), turn("assistant", "Hello!")], "the answer is not JSON"),
        ([turn("user", "Hi"), turn("assistant", "[1]")], "the answer is no JSON object"),
        ([turn("user", "Hi")], "user and assistant in alternation"),
        ([turn("tool", "x")], "of the role 'tool'"),
        ([turn("user", [{"type": "image_url"}]), turn("assistant", "{}")], "holds no text"),
        ([turn("user", "Hi"), turn("assistant", "{}", weight=0)], "weight 0"),
        ("Hi", "no list of {role, content}"),
    ],
)
def test_chats_that_are_no_pairs_say_why(tmp_path: Path, messages: object, said: str) -> None:
    (item,) = convert_rows(write_lines(tmp_path / "a.jsonl", {"messages": messages}))
    assert isinstance(item, Problem)
    assert item.line == 1
    assert said in item.message


@pytest.mark.parametrize(
    "row",
    [
        {"text": "Hi", "gold": {"a": 1}},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": '{"a": 1}'}]},
        {"instruction": "Extract.", "input": "Hi", "output": '{"a": 1}'},
        {"instruction": "Hi", "input": "", "output": {"a": 1}},
        {"prompt": "Hi", "completion": '{"a": 1}'},
        {"prompt": [turn("user", "Hi")], "completion": [turn("assistant", '{"a": 1}')]},
    ],
)
def test_forms_of_other_tools_are_recognised(tmp_path: Path, row: dict) -> None:
    path = write_lines(tmp_path / "a.jsonl", row)
    assert list(convert_rows(path)) == [Pair("1", "Hi", {"a": 1})]
    assert load_any(path) == ([Pair("1", "Hi", {"a": 1})], [])


def test_weights_and_examples_are_read_and_written(tmp_path: Path) -> None:
    from setaccio.data import load_pairs, write_pairs

    pair = Pair("a", "t", {"x": 1}, 0.25, (Shot(text="u", gold={"x": 2}),))
    write_pairs(tmp_path / "p.jsonl", [pair, Pair("b", "t", {})])
    assert load_pairs(tmp_path / "p.jsonl")[0] == [pair, Pair("b", "t", {})]
    assert '{"id":"b","text":"t","gold":{}}' in (tmp_path / "p.jsonl").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"weight": 0}, "not a number above 0"),
        ({"weight": True}, "not a number above 0"),
        ({"weight": "2"}, "not a number above 0"),
        ({"examples": [{"text": "u"}]}, "not a list of {text, gold}"),
        ({"examples": 3}, "not a list of {text, gold}"),
    ],
)
def test_wrong_weights_and_examples_are_problems(tmp_path: Path, more: dict, said: str) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"text": "t", "gold": {}, **more})
    with pytest.raises(DataError, match=r"a\.jsonl:1: .*" + said):
        load_any(path)


def test_slices_behind_a_name(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", *({"text": str(n), "gold": {}} for n in range(8)))
    assert [pair.text for pair in load_any(f"{path}[25%:4]")[0]] == ["2", "3"]
    with pytest.raises(DataError, match="no usable pair"):
        load_any(f"{path}[9:]")


@pytest.mark.parametrize(
    "answer",
    [
        '```json {"note": "a ```b``` c"} ```',
        '~~~\n{"note": "a ```b``` c"}\n~~~',
        '````json\n{"note": "a ```b``` c"}\n````\n',
    ],
)
def test_fences_of_every_form_are_taken_off_a_gold(tmp_path: Path, answer: str) -> None:
    rows = {"messages": [turn("user", "Hi"), turn("assistant", answer)]}
    (pair,) = convert_rows(write_lines(tmp_path / "a.jsonl", rows))
    assert pair.gold == {"note": "a ```b``` c"}
