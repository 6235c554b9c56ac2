"""Schemas from examples: what they say, what they leave open, and that every example fits.

Run: pytest tests/data/schema/test_infer.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import llguidance
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data import Task, load_task
from setaccio.data.errors import DataError, UsageError
from setaccio.data.readers.examples import read_examples
from setaccio.data.schema.infer import SUPPORT, Doubt, Example, infer_schema
from setaccio.data.schema.key_order import order_like
from setaccio.data.schema.notes import check_notes
from setaccio.runtime.grammar.constraint import check_enforceable

BYTES = llguidance.LLTokenizer("byte")


def grammar_takes(schema: dict[str, Any], values: list[Any]) -> bool:
    """Whether the constraint could write every value."""
    source = json.dumps({**schema, "x-guidance": {"whitespace_flexible": False}})
    fresh = llguidance.LLMatcher(BYTES, llguidance.LLMatcher.grammar_from_json_schema(source))
    for value in values:
        text = json.dumps(order_like(value, schema), ensure_ascii=False, separators=(",", ":"))
        raw = list(text.encode())
        if fresh.deep_copy().validate_tokens(raw) < len(raw):
            return False
    return True


def infer(values: list[Any], **options: Any) -> tuple[dict[str, Any], list[Doubt]]:
    """A schema, once it is certain that the values fit it."""
    inferred = infer_schema(map(Example, values), **options)
    check_enforceable(inferred.schema)
    task = Task.from_schema(inferred.schema)
    assert [problem for value in values for problem in task.problems(value)] == []
    return inferred.schema, [doubt for doubt in inferred.doubts if doubt.kind != "few"]


def field(values: list[Any], **options: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    schema, doubts = infer([{"a": value} for value in values], **options)
    assert schema["required"] == ["a"]
    return schema["properties"]["a"], [(doubt.kind, doubt.said) for doubt in doubts]


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 2.0, 1e3])
TEXTS = st.sampled_from(
    ["", "a", "b", "é", "2026-05-03", "2026-02-30", "10:30:00Z", "x@y.de", "http://a.b/c d"]
) | st.text(st.characters(codec="utf-8", exclude_characters="\x00\x7f"), max_size=4)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), min_size=1, max_size=6))
def test_every_example_fits_whatever_they_are(values: list[Any]) -> None:
    schema, _ = infer(values, support=1)
    assert grammar_takes(schema, values)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text("abcdefghijklmnopqrs", max_size=1), SCALARS, min_size=3),
                min_size=4, max_size=8))  # fmt: skip
def test_maps_take_their_examples(values: list[Any]) -> None:
    schema, _ = infer([{"m": value} for value in values])
    assert grammar_takes(schema, [{"m": value} for value in values])


@pytest.mark.parametrize(
    ("values", "expected", "doubts"),
    [
        ([1, 2], {"type": "integer"}, []),
        ([1, 2.5], {"type": "number"}, [("number", "1 of 2 are integers")]),
        ([2.0, 3.0], {"type": "number"}, []),
        ([True, False], {"type": "boolean"}, []),
        ([True, 1], {"anyOf": [{"type": "boolean"}, {"type": "integer"}]},
         [("several types", "1 boolean, 1 integer")]),
        ([1, None], {"type": ["integer", "null"]}, [("null", "1 of 2")]),
        ([None, None], {"type": "null"}, [("always null", "2 of 2")]),
        ([[], []], {"type": "array", "items": {}}, [("always empty", "2 arrays")]),
        ([[1], [2, 3], []], {"type": "array", "items": {"type": "integer"}}, []),
        (["x", "y"], {"type": "string"}, []),
        (["2026-05-03"] * 3, {"type": "string", "format": "date"}, [("date", "all 3")]),
        (["2026-05-03"] * 2, {"type": "string"}, [("no date", "all 2")]),
        (["2026-05-03", "2026-05-04", "3 May"], {"type": "string"},
         [("no date", "2 of 3, but not '3 May'")]),
        (["10:30:00Z", "23:59:59+01:00", "00:00:00.5z"], {"type": "string", "format": "time"},
         [("time", "all 3")]),
        (["2026-05-03T10:30:00Z"] * 3, {"type": "string", "format": "date-time"},
         [("date-time", "all 3")]),
        (["10:30", "11:30", "12:30"], {"type": "string"}, []),  # no format is without a zone
        (["a@b.de", "c.d@e.co.uk", "f+g@h.org"], {"type": "string", "format": "email"},
         [("email", "all 3")]),
        (["@ home", "@ work", "a@b"], {"type": "string"}, []),
        (["https://a.b/c?d=e", "ftp://x/y", "http://z"], {"type": "string", "format": "uri"},
         [("uri", "all 3")]),
        (["Title:Subtitle", "a:b", "c:d"], {"type": "string"}, []),
        (["123e4567-e89b-12d3-a456-426614174000"] * 3, {"type": "string", "format": "uuid"},
         [("uuid", "all 3")]),
        ([None, "2026-05-03", "2026-05-04", "2026-05-05"],
         {"type": ["string", "null"], "format": "date"}, [("null", "1 of 4"), ("date", "all 3")]),
    ],
)  # fmt: skip
def test_what_a_field_is(
    values: list[Any], expected: dict[str, Any], doubts: list[tuple[str, str]]
) -> None:
    assert field(values) == (expected, doubts)


def labelled(labels: list[str], text: str = "Some text.") -> list[Example]:
    return [
        Example({"label": label, "n": number}, f"{text} {number}", str(number))
        for number, label in enumerate(labels)
    ]


def options_of(examples: list[Example], **options: Any) -> Any:
    schema = infer_schema(examples, **options).schema
    return schema["properties"]["label"].get("enum")


def test_an_enumeration_needs_support() -> None:
    labels = ["good"] * 6 + ["bad"] * SUPPORT
    assert options_of(labelled(labels)) == ["good", "bad"]
    assert options_of(labelled(labels[:-1])) is None
    assert options_of(labelled(labels[:-1]), support=4) == ["good", "bad"]
    assert options_of(labelled(labels), support=0) is None
    inferred = infer_schema(labelled(labels[:-1]))
    assert inferred.doubts[-1] == Doubt(
        "/label", "no enumeration", "2 values in 10, 'bad' in 4 examples"
    )


def test_null_is_among_the_options() -> None:
    examples = [*labelled(["good", "bad"] * SUPPORT), Example({"label": None, "n": 0}, "x", "x")]
    inferred = infer_schema(examples)
    assert inferred.schema["properties"]["label"] == {
        "type": ["string", "null"],
        "enum": ["bad", "good", None],
    }


def test_what_is_always_the_same_is_no_enumeration() -> None:
    inferred = infer_schema(labelled(["EUR"] * 30))
    assert inferred.schema["properties"]["label"] == {"type": "string"}
    assert inferred.doubts == [Doubt("/label", "no enumeration", "all 30 are 'EUR'")]


def test_free_text_is_not_learnt_by_heart(recipe_pairs: list[Any]) -> None:
    long = ["A sentence of more than four words.", "Another one of more than four."]
    assert options_of(labelled(long * 9)) is None
    assert options_of(labelled([f"value {n % 30}" for n in range(600)])) is None
    # Copies, marked as such or told by what they quote, are one example.
    copies = [
        Example({"label": label, "n": 0}, f"Beat {label}, {kind}.", f"{label}~typos{kind}")
        for label in ("Sponge cake", "Red lentil soup")
        for kind in range(20)
    ]
    assert options_of(copies) is None
    assert options_of([each._replace(origin=f"{n}") for n, each in enumerate(copies)]) is None
    assert options_of([each._replace(text="", origin="") for each in copies]) is None
    # A category that no text names is one, however few values there are.
    labels = [Example({"label": "ab"[n % 2]}, f"{n}.", str(n)) for n in range(20)]
    assert options_of(labels) == ["a", "b"]
    golds = [Example(pair.gold, pair.text, pair.id) for pair in recipe_pairs] * 3
    assert "enum" not in json.dumps(infer_schema(golds).schema)


def test_optional_fields_come_where_examples_have_them() -> None:
    schema, doubts = infer([{"a": 1, "c": 1}, {"a": 1, "b": "x", "c": 1}, {"z": 0, "a": 1, "c": 2}])
    assert list(schema["properties"]) == ["z", "a", "b", "c"]
    assert schema["required"] == ["a", "c"]
    assert schema["additionalProperties"] is False
    assert doubts == [
        Doubt("/z", "optional", "absent from 2 of 3"),
        Doubt("/b", "optional", "absent from 2 of 3"),
    ]


def test_nested_objects_and_items() -> None:
    values = [{"rows": [{"x": {"y": 1}}, {"x": {"y": 2.5}, "k/k": "s"}]}, {"rows": []}]
    schema, doubts = infer(values)
    assert schema["properties"]["rows"]["items"] == {
        "type": "object",
        "properties": {
            "x": {
                "type": "object",
                "properties": {"y": {"type": "number"}},
                "required": ["y"],
                "additionalProperties": False,
            },
            "k/k": {"type": "string"},
        },
        "required": ["x"],
        "additionalProperties": False,
    }
    assert [doubt.pointer for doubt in doubts] == ["/rows/*/x/y", "/rows/*/k~1k"]


def test_maps() -> None:
    words = [f"word{number}" for number in range(24)]
    counts = [{"counts": dict.fromkeys(words[at : at + 8], 1)} for at in range(0, 24, 8)]
    schema, doubts = infer(counts)
    assert schema["properties"]["counts"] == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }
    assert doubts == [
        Doubt("/counts", "map", "24 keys in 3 objects, 24 of them once, such as 'word0'")
    ]
    # The same keys again and again, or one that is always there, are fields.
    assert infer(counts * 2)[0]["properties"]["counts"]["properties"].keys() == set(words)
    kept = [{"counts": {"id": 1, **each["counts"]}} for each in counts]
    assert infer(kept)[0]["properties"]["counts"]["required"] == ["id"]
    mixed = [{"counts": {**each["counts"], f"t{n}": "text"}} for n, each in enumerate(counts)]
    assert "properties" in infer(mixed)[0]["properties"]["counts"]
    # So are those of the answer itself.
    assert "properties" in infer([each["counts"] for each in counts])[0]


@pytest.mark.parametrize(
    "name", ["receipts", "bookings_train", "addresses", "citations", "commands", "recipes_told"]
)
def test_the_samples(repository: Path, name: str) -> None:
    path = repository / "data" / "samples" / f"{name}.jsonl"
    inferred = infer_schema(read_examples(path))
    golds = [example.value for example in read_examples(path)]
    task = Task.from_schema(inferred.schema)
    assert [problem for gold in golds for problem in task.problems(gold)] == []
    assert grammar_takes(inferred.schema, golds)
    assert all(note.kind != "not enforced" for note in check_notes(inferred.schema))
    assert "enum" not in json.dumps(inferred.schema)
    known = {"receipts": "receipt", "recipes_told": "recipe", "bookings_train": "booking"}
    if name in known:
        own = load_task(known[name]).json_schema
        assert list(inferred.schema["properties"]) == list(own["properties"])
        assert inferred.schema["required"] == own["required"]


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        (['{"gold": {"a": 1}}', '{"a": 1}'], DataError, 'rows.jsonl:2: no "gold" object'),
        (["[1]"], DataError, "rows.jsonl:1: no JSON object"),
        ([], DataError, "rows.jsonl: holds no line"),
        (['{"a": 1}', '{"a": '], DataError, "rows.jsonl:2: not JSON"),
        (None, UsageError, "rows.jsonl: can not be read"),
    ],
)
def test_files_that_hold_no_examples(
    tmp_path: Path, rows: list[str] | None, error: type[Exception], said: str
) -> None:
    path = tmp_path / "rows.jsonl"
    if rows is not None:
        path.write_text("\n".join(rows))
    with pytest.raises(error, match=said):
        list(read_examples(path))


URLS = r"(https?|ftp)://[a-z0-9\[\]:.-]{1,9}(/[ -~]{0,9})?(\?[ -~]{0,5})?"


@settings(max_examples=150)
@given(
    st.emails()
    | st.from_regex(
        r"(https?|ftp)://[a-z0-9\[\]:.-]{1,9}(/[ -~]{0,9})?(\?[ -~]{0,5})?", fullmatch=True
    )
    | st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat())
    | st.times().map(lambda time: f"{time.isoformat()}Z")
    | st.uuids().map(str)
    | st.dates().map(str)
)
def test_a_format_that_is_found_can_be_written(text: str) -> None:
    schema = infer_schema([Example(text)] * 3).schema
    assert grammar_takes(schema, [text]), schema
