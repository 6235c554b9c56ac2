"""What becomes of values that stand nowhere in the document.

Run: pytest tests/runtime/result/test_grounding_policy.py
"""

from __future__ import annotations

from typing import Any

import pytest

from setaccio.data.text.evidence import ground
from setaccio.runtime.result.grounding_policy import apply_grounding


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("어제 대전에서부터 이영희였습니다만 왔다.", ["대전", "이영희"]),
        ("ｺｰﾋｰ300gとﾊﾟﾝ2個。", ["ｺｰﾋｰ", "ﾊﾟﾝ", "300"]),
        ("我在上海买了三本书。", ["上海", "书"]),
        ("เขาทำงานที่กรุงเทพฯ", ["กรุงเทพ"]),
        ("سافر خالد وبالقطار إلى بغداد", ["خالد", "قطار", "بغداد"]),
        ("Die Lebensversicherungsgesellschaft in Köln", ["Lebensversicherungs", "Köln"]),
    ],
)
def test_values_in_scripts_without_blanks_are_kept(text: str, values: list[str]):
    schema = {"type": "array", "items": {"type": "string"}}
    grounded = apply_grounding(values, ground(text, values), schema, "drop")
    assert grounded.data == values


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "author": {"type": ["string", "null"]},
        "year": {"type": "integer"},
        "kind": {"enum": ["soup", "cake"]},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "note": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["title", "author", "kind"],
    "additionalProperties": False,
}
TEXT = "Onion soup by Ann: onions, salt."
DATA = {
    "title": "Onion soup",
    "author": "Bob",
    "year": 1999,
    "kind": "cake",
    "items": [
        {"name": "onions"},
        {"name": "caviar", "note": "salt"},
        {"name": "salt", "note": "of the sea"},
    ],
}


def test_null_where_the_schema_lets_it():
    grounded = apply_grounding(DATA, ground(TEXT, DATA), SCHEMA, "null")
    assert grounded.data["author"] is None
    assert grounded.data["year"] == 1999
    assert grounded.changed == ["/author"]
    assert grounded.unresolved == ["/year", "/items/1/name", "/items/2/note"]
    assert DATA["author"] == "Bob"


def test_drop_removes_what_may_be_missing():
    spans = ground(TEXT, DATA)
    grounded = apply_grounding(DATA, spans, SCHEMA, "drop")
    assert grounded.data == {
        "title": "Onion soup",
        "author": "Bob",
        "kind": "cake",
        "items": [{"name": "onions"}, {"name": "salt"}],
    }
    assert grounded.unresolved == ["/author"]
    assert grounded.changed == ["/year", "/items/1/name", "/items/2/note"]
    assert grounded.moved["/items/1/name"] == "/items/2/name"


def test_fail_changes_nothing():
    grounded = apply_grounding(DATA, ground(TEXT, DATA), SCHEMA, "fail")
    assert grounded.data == DATA
    assert grounded.unresolved == ["/author", "/year", "/items/1/name", "/items/2/note"]


def test_bounds_of_a_list_are_kept():
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 2}
    data = ["x-ray", "yak", "salt"]
    grounded = apply_grounding(data, ground("salt", data), schema, "drop")
    assert grounded.data == ["x-ray", "salt"]
    assert grounded.unresolved == ["/0"]
