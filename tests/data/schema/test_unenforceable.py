"""Each part that the constraint can not enforce is named, with its place, and nothing else is.

Run: pytest tests/data/schema/test_unenforceable.py
"""

from __future__ import annotations

from typing import Any

import pytest

from setaccio.data import Task
from setaccio.data.errors import SchemaError
from setaccio.data.schema.notes import check_notes
from setaccio.data.schema.unenforceable import refusals, shorten

LOOK = {"type": "string", "pattern": "(?=x)y"}
OVERLAP = {"oneOf": [{"type": "string"}, {"minLength": 2}]}


def under(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        (under(a={"type": "string", "format": "date"}, b={"type": "string", "pattern": "^x$"}), []),
        (
            under(
                a={"type": "string", "format": "colour"},
                b={"type": "string", "format": "weird", "pattern": "(a)\\1"},
                c=LOOK,
            ),
            ["$.properties.a.format", "$.properties.b.format", "$.properties.b.pattern",
             "$.properties.c.pattern"],
        ),
        (under(a=LOOK, e=OVERLAP), ["$.properties.a.pattern", "$.properties.e.oneOf"]),
        (
            under(a={"type": "array", "items": LOOK, "uniqueItems": True}),
            ["$.properties.a.uniqueItems", "$.properties.a.items.pattern"],
        ),
        (
            {**under(a={"$ref": "#/$defs/%C3%BCbel%20x"}, b={"$ref": "#/$defs/übel x"}),
             "$defs": {"übel x": {"anyOf": [{"type": "null"}, OVERLAP]}, "fine": {"type": "null"}}},
            ["$.properties.b.$ref", "$.$defs.übel x.anyOf[1].oneOf"],
        ),
        (
            under(a={"oneOf": [{"$ref": "#/definitions/s"}, {"$ref": "#/definitions/t"}]})
            | {"$schema": "http://json-schema.org/draft-07/schema#",
               "definitions": {"s": {"type": "string"}, "t": {"type": "string", "format": "odd"}}},
            ["$.properties.a.oneOf", "$.definitions.t.format"],
        ),
        (
            {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}},
                                              "x": LOOK}},
            ["$.properties.x.pattern"],
        ),
        ({"type": "object", "$defs": {"unused": {"not": {}}}}, ["$.$defs.unused.not"]),
    ],
)  # fmt: skip
def test_each_is_named_once(schema: dict[str, Any], paths: list[str]) -> None:
    before = repr(schema)
    assert [refusal.path for refusal in refusals(schema)] == paths
    assert repr(schema) == before


def test_one_message_names_both_kinds() -> None:
    schema = under(a={"type": "string", "format": "colour"}, b={"not": {"type": "null"}})
    with pytest.raises(SchemaError) as caught:
        Task.from_schema(schema)
    said = str(caught.value)
    assert "$.properties.a.format (Unknown format: colour), $.properties.b.not." in said
    assert "\n" not in said


def test_they_are_noted_for_the_author() -> None:
    notes = check_notes(under(a=LOOK, e=OVERLAP, n={"not": {"type": "null"}}))
    named = [(note.pointer, note.keyword) for note in notes if note.kind == "not enforced"]
    assert named == [
        ("/properties/n", "not"),
        ("/properties/a", "pattern"),
        ("/properties/e", "oneOf"),
    ]


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        ("too many items <state> Tokens: x </state><grammar> {} </grammar>", "too many items"),
        ("regex parse error:\n  (?=x)\n  ^^\nerror: look-around", "look-around"),
        ("Unknown format: x\n  while processing json-schema:///#/a", "Unknown format: x"),
        ("x" * 900, "x" * 200 + "..."),
    ],
)  # fmt: skip
def test_reasons_are_short(reason: str, short: str) -> None:
    assert shorten(reason) == short
