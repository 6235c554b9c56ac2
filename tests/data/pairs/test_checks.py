"""What the checks find, one test per kind of finding.

Run: pytest tests/data/pairs/test_checks.py
"""

from __future__ import annotations

import json

import pytest

from setaccio.data.pairs.checks import KINDS, check_pairs
from setaccio.data.pairs.gold_values import GoldEvidence, share_of
from setaccio.data.recipes.generate import generate_pairs
from setaccio.data.records import Pair
from setaccio.data.task.task import Task, load_task

TASK = Task.from_schema(
    {
        "title": "order",
        "type": "object",
        "properties": {
            "intent": {"enum": ["BuyGoods", "SellGoods"]},
            "goods": {"type": "array", "items": {"type": "string"}},
            "count": {"type": "integer"},
            "urgent": {"type": "boolean"},
        },
        "required": ["goods"],
        "additionalProperties": False,
    }
)
TEXT = "Please send us 12 crates of blood oranges and a box of lemons before the end of the week."
GOLD = {"intent": "BuyGoods", "goods": ["blood oranges", "lemons"], "count": 12, "urgent": False}


def pair(n: int, text: str = TEXT, **changes: object) -> Pair:
    return Pair(f"p{n}", text, {**GOLD, **changes})


def kinds(*pairs: Pair, **options: object) -> list[str]:
    return [finding.kind for finding in check_pairs(pairs, TASK, **options).findings]


def test_good_pairs_give_no_findings():
    report = check_pairs(generate_pairs(150, seed=5), load_task("recipe"))
    assert report.ok, report.render()
    assert report.sizes == {"pairs": 150}
    assert set(report.counts.values()) == {0}
    assert "look at them" not in report.render()
    assert [each.places for each in report.absent.values()] == [[], [], []]


def test_gold_that_does_not_fit_the_schema():
    assert kinds(pair(1, count="12")) == ["invalid"]


def test_empty_text_and_fields():
    report = check_pairs([pair(1, goods=["lemons", " "]), pair(2, goods=[])], TASK)
    assert [(f.kind, f.line, f.message) for f in report.findings if f.kind == "empty"] == [
        ("empty", 1, "$.goods[1] is empty"),
        ("empty", 2, "$.goods is empty"),
    ]
    assert "empty" in kinds(pair(1, text="  "))


def test_gold_of_another_text_is_ungrounded():
    report = check_pairs([pair(1, goods=["three bags of flour", "butter"])], TASK)
    assert [finding.kind for finding in report.findings] == ["ungrounded"]
    assert "three, bags, flour" in report.findings[0].message


def test_labels_and_flags_need_not_occur_in_the_text():
    grounding = GoldEvidence(TASK)
    assert share_of(grounding.values(pair(1))) == (1.0, "")
    share, absent = share_of(grounding.values(pair(1, goods=["blood oranges", "Limes"])))
    assert share == pytest.approx(3 / 4)
    assert absent == "limes"


def test_labels_are_seen_through_references_and_combinations():
    label = {"anyOf": [{"$ref": "#/$defs/tone"}, {"type": "null"}]}
    name = {"type": "string"}
    schema = {
        "type": "object",
        "properties": {"tone": label, "marks": {"type": "array", "items": label}, "name": name},
        "$defs": {"tone": {"enum": ["warm", "cold"]}},
    }
    found = Pair("a", "Ada, dear", {"tone": "warm", "marks": ["cold"], "name": "Ada"})
    values = GoldEvidence(Task.from_schema(schema)).values(found)
    assert [(value.field, value.absent) for value in values] == [("name", False)]


def test_a_long_field_does_not_hide_that_most_fields_are_invented():
    text = "Beat 2 eggs with 50 g sugar until pale, fold in 100 g flour and bake it until golden."
    gold = {"title": "Zebra Surprise", "ingredients": ["9 kg of uranium"], "directions": [text]}
    report = check_pairs([Pair("u", text, gold)], load_task("recipe"))
    assert [(f.kind, f.message) for f in report.findings] == [
        ("ungrounded", "2 of 3 fields do not stand in the text: title, ingredients")
    ]


def test_values_in_other_words_are_counted_by_field_and_are_no_findings():
    pairs = [
        pair(1, text=TEXT),
        pair(2, text=TEXT + " Thanks.", goods=["blood oranges", "citrus fruit of another kind"]),
        pair(3, text=TEXT + " Hello.", goods=["blood oranges", "limes", "grapefruit"]),
    ]
    report = check_pairs({"p": pairs}, TASK)
    assert report.ok
    assert {name: (each.rows, len(each.places)) for name, each in report.absent.items()} == {
        "goods": (3, 2),
        "count": (3, 0),
    }
    assert [str(place) for place in report.absent["goods"].places] == [
        'p:2 (p2): "citrus fruit of another kind"',
        'p:3 (p3): "limes"',
    ]
    text = report.render(examples=1)
    assert "      2  of 3 pairs in goods\n" in text
    assert text.endswith("and 1 more")
    assert json.loads(json.dumps(report.as_dict()))["absent"]["goods"]["places"][1]["line"] == 3


def test_findings_name_the_lines_that_pairs_come_from():
    report = check_pairs({"p": [(3, pair(1)), (7, pair(2))]}, TASK)
    assert report.sizes == {"p": 2}
    assert str(report.findings[0]) == "p:7 (p2): same text as p:3 (p1)"


def test_over_long_rows():
    assert kinds(pair(1), max_chars=40) == ["too_long"]


def test_duplicates():
    assert kinds(pair(1), pair(2)) == ["duplicate"]
    assert kinds(pair(1), pair(2, text=TEXT.upper().replace(" ", "  "))) == ["same_text"]
    assert kinds(pair(1), pair(1, text="Two lemons and blood oranges")) == ["duplicate_id"]


def test_what_leaks_from_one_part_into_another():
    near = TEXT.replace("week", "month")
    report = check_pairs({"train": [pair(1)], "test": [pair(1, text=near), pair(2)]}, TASK)
    assert [(f.kind, f.part, f.line) for f in report.findings] == [
        ("near_duplicate", "test", 1),
        ("duplicate", "test", 2),
    ]
    assert "train:1 (p1)" in report.findings[0].message


def test_near_duplicates_within_a_part_are_allowed():
    assert kinds(pair(1), pair(2, text=TEXT.replace("week", "month"))) == []


def test_the_threshold_decides_what_is_near():
    parts = {"a": [pair(1)], "b": [pair(2, text=TEXT.replace("of the week", "of next March"))]}
    assert check_pairs(parts, TASK, near=99).ok
    assert check_pairs(parts, TASK, near=80).counts["near_duplicate"] == 1


def test_near_duplicates_are_found_among_many():
    train = list(generate_pairs(400, seed=1))
    copy = train[200]
    changed = Pair("copy", copy.text + " One more word.", copy.gold)
    test = [*generate_pairs(20, seed=9, held_out=True), changed]
    report = check_pairs({"train": train, "test": test}, load_task("recipe"))
    assert [finding.id for finding in report.findings] == ["copy"]


def test_the_report_counts_names_and_shortens():
    report = check_pairs([pair(n) for n in range(6)], TASK)
    text = report.render(examples=2)
    assert text.startswith("6 pairs checked (6 in pairs), 5 findings")
    assert "      5  duplicate texts" in text
    assert "pairs:2 (p1): same text as pairs:1 (p0)" in text
    assert "and 3 more" in text
    assert all(meaning in text for meaning in KINDS.values())


def test_the_report_is_plain_data():
    report = check_pairs([pair(1, count="many")], TASK)
    data = json.loads(json.dumps(report.as_dict()))
    assert data["counts"]["invalid"] == 1
    assert data["findings"][0]["id"] == "p1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("我在上海买了三本书。", "上海"),
        ("김민수입니다라고 했다", "김민수"),
        ("ฉันไปเชียงใหม่", "เชียงใหม่"),
    ],
)
def test_values_are_seen_in_scripts_without_blanks(text: str, value: str):
    task = Task.from_schema({"type": "object", "properties": {"v": {"type": "string"}}})
    assert check_pairs([Pair("a", text, {"v": value})], task).counts["ungrounded"] == 0
    assert check_pairs([Pair("a", text, {"v": "전혀 他們"})], task).counts["ungrounded"] == 1
