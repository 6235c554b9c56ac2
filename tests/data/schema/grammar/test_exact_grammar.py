"""Numbers that llguidance would misread are written out, and refused where they can not be.

Run: pytest tests/data/schema/grammar/test_exact_grammar.py
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import llguidance
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data.errors import SchemaError
from setaccio.data.schema.check import check_schema
from setaccio.data.schema.grammar.exact_grammar import COMPACT_JSON, exact_grammar
from setaccio.data.task.task import Task, dump_compact

TOKENIZER = llguidance.LLTokenizer("byte")
HUGE = st.integers(-(10**25), 10**25)
MONEY = st.decimals(-(10**4), 10**4, places=2).map(float)


class Says:
    """What a schema's grammar lets a model say, byte by byte."""

    def __init__(self, schema: dict[str, Any]) -> None:
        grammar = exact_grammar(schema)
        text = grammar or llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps({**schema, "x-guidance": COMPACT_JSON})
        )
        self._matcher = llguidance.LLMatcher(TOKENIZER, text, log_level=0)
        assert not self._matcher.is_error(), self._matcher.get_error()

    def __call__(self, text: str) -> bool:
        matcher = self._matcher.deep_copy()
        tokens = TOKENIZER.tokenize_str(text)
        if matcher.validate_tokens(tokens) < len(tokens):
            return False
        matcher.consume_tokens(tokens)
        return bool(matcher.is_accepting())


def fits(schema: dict[str, Any], value: Any) -> bool:
    return not Task(name="a", instruction="b", schema=schema).problems(value)


def plain(number: float) -> str:
    """A number without an exponent, a whole one without a fraction, as llguidance writes it."""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


@settings(deadline=None, max_examples=60)
@given(HUGE, st.lists(HUGE, max_size=3), HUGE)
def test_named_integers_of_any_size(number: int, more: list[int], other: int):
    for schema in ({"const": number}, {"enum": [number, *more, None]}):
        say = Says(schema)
        for value in (number, number + 1, -number, other, *more, None):
            assert say(str(value) if value is not None else "null") == fits(schema, value)


@settings(deadline=None, max_examples=80)
@given(HUGE, HUGE, st.sampled_from(["integer", "number"]), st.booleans())
def test_bounds_of_any_size(one: int, other: int, kind: str, strict: bool):
    least, most = sorted((one, other))
    keys = ("exclusiveMinimum", "exclusiveMaximum") if strict else ("minimum", "maximum")
    for bounds in ({keys[0]: least}, {keys[1]: most}, dict(zip(keys, (least, most), strict=True))):
        schema = {"type": [kind, "null"], **bounds}
        if most - least < 2:
            continue
        say = Says(schema)
        for value in (least, most, least + 1, most - 1, least - 1, most + 1, 0):
            assert say(str(value)) == fits(schema, value), (schema, value)
        assert say("null")


@settings(deadline=None, max_examples=60)
@given(MONEY, MONEY, st.sampled_from([0.01, 0.05, 0.5, 1, 0.02, 0.25]), MONEY)
def test_money(one: float, other: float, step: float, price: float):
    least, most = sorted((one, other))
    schema = {"type": "number", "minimum": least, "maximum": most, "multipleOf": step}
    try:
        say = Says(schema)
    except (AssertionError, SchemaError) as error:
        assert "nsatisfiable" in str(error) or "no multiple" in str(error)
        first = int(Decimal(str(least)) / Decimal(str(step))) - 1
        inside = [Decimal(str(step)) * (first + count) for count in range(4)]
        assert not any(Decimal(str(least)) <= each <= Decimal(str(most)) for each in inside)
        return
    for value in (price, least, most, round((least + most) / 2, 2)):
        assert say(plain(value)) == fits(schema, value), (schema, value)


@settings(deadline=None, max_examples=60)
@given(st.floats(allow_nan=False, allow_infinity=False), MONEY)
def test_named_floats_are_said_as_they_are_written(number: float, other: float):
    say = Says({"enum": [number, "x"]})
    assert say(dump_compact(number)) or number.is_integer()
    assert say(plain(other)) == (other == number)


@pytest.mark.parametrize(
    ("least", "most", "inside", "outside"),
    [
        (0, 0.5, ["0.5", "0.01", "0.001"], ["0", "0.0", "0.51", "-0"]),
        (-0.5, 0, ["-0.5", "-0.01"], ["0", "0.0", "-0.0", "-0"]),
        (2, 2.25, ["2.1", "2.25"], ["2", "2.0", "2.26"]),
    ],
)
def test_an_exclusive_bound_between_two_whole_numbers(
    least: float, most: float, inside: list[str], outside: list[str]
):
    keys = ("minimum", "exclusiveMaximum") if least < 0 else ("exclusiveMinimum", "maximum")
    say = Says({"type": "number", keys[0]: least, keys[1]: most})
    assert [text for text in inside if not say(text)] == []
    assert [text for text in outside if say(text)] == []


LEAST, MOST = -(2**63), 2**63 - 1
ID = {"type": "integer", "minimum": LEAST, "maximum": MOST}
CARD = {"enum": [2**64 + 1, 10**19 + 1]}
ORDER = {
    "type": "object",
    "properties": {
        "note": {"type": "string", "maxLength": 3},
        "id": {"$ref": "#/$defs/id"},
        "cards": {"type": "array", "items": CARD, "minItems": 1, "maxItems": 3},
        "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        'a "b"\n': {"type": ["integer", "string"], "exclusiveMaximum": LEAST},
        "pair": {"prefixItems": [ID, {"const": "x"}], "items": False},
    },
    "required": ["id"],
    "$defs": {"id": ID, "text": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ({"id": LEAST}, True),
        ({"id": LEAST - 1}, False),
        ({"note": "abc", "id": MOST}, True),
        ({"note": "abcd", "id": MOST}, False),
        ({"id": MOST + 1}, False),
        ({"note": "a"}, False),
        ({"id": 1, "cards": [2**64 + 1]}, True),
        ({"id": 1, "cards": [2**64]}, False),
        ({"id": 1, "cards": []}, False),
        ({"id": 1, "cards": [10**19 + 1] * 3}, True),
        ({"id": 1, "cards": [10**19 + 1] * 4}, False),
        ({"id": 1, "parent": {"id": MOST, "parent": None}, 'a "b"\n': LEAST - 1}, True),
        ({"id": 1, "parent": {"id": MOST + 1}}, False),
        ({"id": 1, 'a "b"\n': LEAST}, False),
        ({"id": 1, 'a "b"\n': "é"}, True),
        ({"id": 1, "pair": [MOST, "x"]}, True),
        ({"id": 1, "pair": [MOST]}, True),
        ({"id": 1, "pair": []}, True),
        ({"id": 1, "pair": [MOST, "y"]}, False),
        ({"id": 1, "pair": [MOST, "x", 1]}, False),
        ({"id": 1, "more": [{"a": None}], "x": 1.5}, True),
        ({"id": 1, "more": 2, "id ": MOST}, True),
    ],
)
def test_wherever_the_numbers_stand(value: Any, valid: bool):
    assert fits(ORDER, value) == valid
    assert Says(ORDER)(dump_compact(value)) == valid


VALUES = st.recursive(
    st.sampled_from([ID, CARD, {"type": "boolean"}, {"type": "string", "maxLength": 2}, {}]),
    lambda inner: st.one_of(
        st.builds(
            lambda properties, required, other: {
                "type": "object",
                "properties": properties,
                "required": sorted(required),
                "additionalProperties": other,
            },
            st.dictionaries(st.sampled_from(["a", "b", "é", "/"]), inner, max_size=3),
            st.sets(st.sampled_from(["a", "b"]), max_size=2),
            st.one_of(st.booleans(), inner),
        ),
        st.builds(
            lambda items, first, least, size: {
                "type": "array",
                "items": items,
                **({"prefixItems": first} if first else {}),
                "minItems": least,
                "maxItems": least + size,
            },
            inner,
            st.lists(inner, max_size=2),
            st.integers(0, 2),
            st.integers(0, 2),
        ),
        inner.map(lambda part: {"anyOf": [part, {"type": "null"}]}),
    ),
    max_leaves=6,
)
INSTANCES = st.recursive(
    st.sampled_from([LEAST, MOST, MOST + 1, 2**64 + 1, 2**64, True, "ab", "abc", None]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b", "é", "/", "x"]), inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(VALUES, st.lists(INSTANCES, min_size=1, max_size=6))
def test_generated_schemas(part: dict[str, Any], values: list[Any]):
    schema = {**part, "title": "Generated"}
    try:
        say = Says(schema)
    except (AssertionError, SchemaError) as error:
        assert "nsatisfiable" in str(error) or "may not be there" in str(error)
        return
    task = Task(name="a", instruction="b", schema=schema)
    for value in values:
        assert say(task.render_gold(value)) == (not task.problems(value))


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"allOf": [ID, {"multipleOf": 3}]}, "$.properties.n.allOf"),
        ({"oneOf": [ID, {"type": "integer"}]}, "$.properties.n.oneOf"),
        ({"$ref": "#/$defs/id", "maximum": 5}, "$.properties.n.$ref"),
        ({"type": "integer", "multipleOf": 7, "minimum": LEAST}, "$.properties.n.minimum"),
        ({"type": "number", "multipleOf": 0.07}, "$.properties.n.multipleOf"),
        ({"type": "integer", "minimum": 10**400}, "$.properties.n.minimum"),
        ({"const": 2**60 + 1, "type": "string"}, "$.properties.n.const"),
        ({"properties": {"a": CARD}, "minProperties": 1}, "$.properties.n.minProperties"),
    ],
)
def test_what_can_not_be_written_is_named(part: dict[str, Any], place: str):
    schema = {"type": "object", "properties": {"n": part}, "$defs": {"id": ID}}
    with pytest.raises(SchemaError) as caught:
        check_schema(schema, "a.json")
    assert str(caught.value).startswith(f"a.json: the constraint can not enforce {place} (")


def test_a_place_that_can_not_be_written_out_and_hardly_matters():
    narrow = {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}
    assert exact_grammar(narrow) is not None
    assert exact_grammar({"allOf": [narrow, {"minimum": 0.25}]}) is None


@pytest.mark.parametrize("step", [0.25, 0.125, 0.02, 0.4])
def test_a_multiple_without_its_last_noughts(step: float):
    say = Says({"type": "number", "multipleOf": step, "minimum": 0, "maximum": 993.5})
    told = [round(count * step, 6) for count in (0, 2, 4, 6, 20)]
    assert [number for number in told if not say(plain(number))] == []
    assert not say("0.1251")
