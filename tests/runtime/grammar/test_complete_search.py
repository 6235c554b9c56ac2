"""A text or number that does not end by going straight on is closed too.

Run: pytest tests/runtime/grammar/test_complete_search.py
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from setaccio.data import Task
from setaccio.runtime.grammar.complete_truncated import complete_truncated
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.grammar.likely_texts import likely_texts
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import decode_tokens, encode_text


def text(**keywords: Any) -> dict[str, Any]:
    return {"type": "string", **keywords}


def pattern(written: str) -> dict[str, Any]:
    return text(pattern=written)


def leaf(kind: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"kind": {"const": kind}, **properties},
        "required": ["kind", *properties],
        "additionalProperties": False,
    }


MAIL = text(format="email")
KEYED = {"patternProperties": {"^x_[a-z]+_END$": {"type": "integer"}}, "minProperties": 1}

# A schema, and a valid value: what is written of it when the budget runs out.
TABLE: list[tuple[dict[str, Any], Any]] = [
    (MAIL, "anna.berg@mail.example.com"),
    (text(format="uri"), "https://example.com/a/b?c=d"),
    (text(format="date"), "2031-04-30"),
    (text(format="date-time"), "2031-04-30T12:30:00Z"),
    (text(format="uuid"), "0b9f3a52-1c2d-4e5f-8a9b-0c1d2e3f4a5b"),
    (text(format="ipv4"), "192.168.20.7"),
    (pattern(r"^[a-z]+@[a-z]+$"), "anna@example"),
    (pattern(r"^[^@]+@[^@]+\.[a-z]{2,}$"), "anna berg@example.org"),
    (pattern(r"^\w+\s\w+$"), "coconut milk"),
    (pattern(r"^.*END$"), "butter and END"),
    (pattern(r"^[a-z ]{3,} stop$"), "into the pan stop"),
    (pattern(r"^(?:ab|cd)*xyzzy[0-3]{2}$"), "abcdabxyzzy12"),
    (pattern(r'^[a-z]+ "q" \\ [a-z]+é$'), 'abc "q" \\ bré'),
    (pattern(r"^\S+ [A-Z][a-z]+, \d{4}$"), "12. May, 2031"),
    ({"type": "integer", "multipleOf": 7}, 27475),
    ({"type": "integer", "multipleOf": 365, "minimum": 1000}, 12045),
    ({"type": "number", "exclusiveMinimum": 0.125, "maximum": 0.13}, 0.1275),
    ({"enum": ["international shipping", "ice", "inn"]}, "international shipping"),
    ({"const": "exactly this"}, "exactly this"),
    (text(minLength=500), "a" * 600),
    ({"type": "array", "items": MAIL, "minItems": 3}, ["a@b.org", "c@d.org", "e@f.org"]),
    ({"type": "array", "minItems": 2, "items": {"type": "array", "items": MAIL, "minItems": 2}},
     [["a@b.org", "c@d.org"], ["e@f.org", "g@h.org"]]),
    ({"type": "object", **KEYED, "additionalProperties": False}, {"x_ab_END": 12}),
]  # fmt: skip


def closed_after(model: LoadedModel, schema: dict[str, Any], whole: str, count: int) -> str:
    """The answer that is cut off after some tokens of a whole one, closed."""
    tokens = encode_text(model, whole)[:count]
    matcher = compile_schema(model, schema).start()
    # Where the grammar wants the text cut otherwise, less of it is written.
    tokens = tokens[: matcher.count_allowed(tokens)]
    for token in tokens:
        matcher.accept(token)
    return decode_tokens(model, complete_truncated(model, matcher, tokens))


@pytest.mark.parametrize(("part", "value"), TABLE, ids=[str(part)[:60] for part, _ in TABLE])
def test_wherever_it_is_cut_it_parses_and_fits(
    model: LoadedModel, part: dict[str, Any], value: Any
) -> None:
    within = {
        "type": "object",
        "properties": {"a": part, "b": text()},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    for schema, example in ((within, {"a": value, "b": ""}), (part, value)):
        task = Task.from_schema(schema)
        assert task.problems(example) == []
        for count in (0, 3, 5, 8, 12, 16):
            raw = closed_after(model, schema, task.render_gold(example), count)
            assert task.problems(json.loads(raw)) == [], raw


@pytest.mark.parametrize("part", [text(format="uri"), pattern(r"^[A-Z].* (St|Ave)\\.$")])
def test_a_value_is_searched_for_from_its_own_beginning(
    model: LoadedModel, part: dict[str, Any]
) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "address": part},
        "required": ["n", "address"],
        "additionalProperties": False,
    }
    task = Task.from_schema(schema)
    for begun in ("", '{"n":1', '{"n":12,', '{"n":1,"addr', '{"n":1,"address', '{"n":1,"address":'):
        raw = closed_after(model, schema, begun, 30)
        assert raw.startswith(begun)
        assert task.problems(json.loads(raw)) == [], raw


def test_what_has_no_short_end_stays_as_it_was(model: LoadedModel) -> None:
    schema = {"type": "integer", "multipleOf": 9973, "minimum": 1}
    assert closed_after(model, schema, "12", 9) == "12"
    long = {"type": "array", "items": text(minLength=700), "minItems": 3}
    assert closed_after(model, long, '["abc', 9) == '["abc'


BRANCH: dict[str, Any] = {"$ref": "#/$defs/tree"}


@pytest.mark.parametrize(
    ("tree", "begun"),
    [
        ([{"type": "array", "items": BRANCH, "minItems": 1}, {"type": "object"}], "[["),
        ([leaf("br", kids={"type": "array", "items": BRANCH, "minItems": 1}), leaf("leaf")], "{"),
        ([leaf("br", left=BRANCH, right=BRANCH), leaf("twig", n={"type": "integer"})], "{"),
    ],
)
def test_what_may_hold_itself_comes_to_an_end(
    model: LoadedModel, tree: list[dict[str, Any]], begun: str
) -> None:
    task = Task.from_schema({"$defs": {"tree": {"anyOf": tree}}, "$ref": "#/$defs/tree"})
    raw = closed_after(model, task.json_schema, begun, 9)
    assert task.problems(json.loads(raw)) == []


def test_one_way_out_serves_all_that_need_it(model: LoadedModel) -> None:
    schema = {"type": "array", "items": pattern(r"^\w+\s\w+$"), "minItems": 40}
    raw = closed_after(model, schema, '["butter', 9)
    assert json.loads(raw)[1:] == ["a a"] * 39


@pytest.mark.parametrize(
    ("schema", "first"),
    [
        (pattern(r"^[^@a1]+@\d{3}\.[xyz]{2,}$"), " @111.xx"),
        (pattern(r"^\u00e9\x41\t\/(b|c)$"), "éA\t/b"),
        ({"anyOf": [{"minimum": 2}, {"multipleOf": 1e-05}]}, "2"),
        (text(), None),
    ],
)
def test_likely_texts(schema: dict[str, Any], first: str | None) -> None:
    texts = likely_texts(schema)
    assert next(iter(texts), None) == first
    assert len(set(texts)) == len(texts)


def test_likely_texts_are_few() -> None:
    many = {"anyOf": [pattern(f"^{'x' * 90}{number}$") for number in range(200)]}
    assert len(likely_texts(many)) == 256
    assert max(map(len, likely_texts(many))) == 48
