"""Options are called disjoint only where no value fits two of them, and then they are enforced.

Run: pytest tests/data/schema/grammar/test_disjoint.py
"""

from __future__ import annotations

import json
from typing import Any

import llguidance
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from setaccio.data.schema.grammar.disjoint import Prover
from setaccio.data.schema.grammar.exact_grammar import COMPACT_JSON, exact_grammar
from setaccio.data.schema.grammar.readable import NOT_DISJOINT, readable
from setaccio.data.schema.key_order import order_like
from setaccio.data.schema.unenforceable import refusals
from setaccio.data.schema.validation.validators import make_validator
from setaccio.data.task.task import dump_compact

INT, TEXT = {"type": "integer"}, {"type": "string"}


def obj(*needed: str, closed: bool = False, **properties: Any) -> dict[str, Any]:
    rest = {"additionalProperties": False} if closed else {}
    return {"type": "object", "properties": properties, "required": list(needed), **rest}


DISJOINT = {
    "tags": [obj("k", k={"const": name}, v=INT) for name in "abc"],
    "tags that are lists": [obj("k", k={"enum": ["a", "b"]}), obj("k", k={"enum": ["c", 1]})],
    "a tag inside": [obj("h", h=obj("k", k={"const": number})) for number in (1, 2)],
    "ranges": [
        {"type": "number", "maximum": 0},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        {"type": "number", "exclusiveMinimum": 1},
    ],
    "whole numbers between": [
        {"type": "integer", "exclusiveMaximum": 3},
        {"type": "integer", "exclusiveMinimum": 2},
    ],
    "ranges beyond floats": [
        {"type": "integer", "maximum": 2**53 + 1},
        {"type": "integer", "minimum": 2**53 + 2, "maximum": 2**63 - 1},
    ],
    "lengths": [{"type": "string", "maxLength": 3}, {"type": "string", "minLength": 4}],
    "patterns": [
        {"type": "string", "pattern": "^INV-[0-9]{4}$"},
        {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
    ],
    "counts": [{"type": "array", "maxItems": 1}, {"type": "array", "minItems": 2, "items": INT}],
    "items": [{"type": "array", "items": part, "minItems": 1} for part in (INT, TEXT)],
    "tuples": [
        {"type": "array", "prefixItems": [{"const": name}, INT], "minItems": 2, "items": False}
        for name in "pq"
    ],
    "required against absent": [obj("a", closed=True, a=INT), obj("b", closed=True, a=INT, b=INT)],
    "required against forbidden": [obj("a", a=INT), obj(a=False, b=INT)],
    "types": [INT, {"type": ["string", "null"]}, obj("a", a=TEXT), {"type": "boolean"}],
}
OVERLAPPING = {
    "a tag that may be left out": [obj(k={"const": "a"}), obj(k={"const": "b"})],
    "touching ranges": [{"type": "number", "maximum": 5}, {"type": "number", "minimum": 5}],
    "the empty list": [{"type": "array", "items": INT}, {"type": "array", "items": TEXT}],
    "numbers": [INT, {"type": "number"}],
    "keys that may both be there": [obj("a", a=INT), obj("b", b=INT)],
    "formats": [TEXT, {"type": "string", "format": "date"}],
    "values": [{"enum": [1, "x"]}, {"enum": ["x", 2]}],
}


@pytest.mark.parametrize("options", DISJOINT.values(), ids=DISJOINT)
def test_options_that_exclude_each_other_are_enforced(options):
    schema = obj("v", closed=True, v={"oneOf": options})
    assert refusals(schema) == []
    assert "oneOf" not in json.dumps(readable(schema))


@pytest.mark.parametrize("options", OVERLAPPING.values(), ids=OVERLAPPING)
def test_others_are_refused_with_the_true_reason_and_the_way_out(options):
    (refusal,) = refusals(obj("v", closed=True, v={"oneOf": options}))
    assert (refusal.path, refusal.reason) == ("$.properties.v.oneOf", NOT_DISJOINT)
    assert "anyOf" in refusal.reason


TAGS = [{"properties": {"k": {"const": name}}} for name in "ab"]


@pytest.mark.parametrize(
    "schema",
    [
        {**obj("k", k=TEXT), "oneOf": TAGS},
        {"oneOf": TAGS, **obj("k", k=TEXT)},
        {"allOf": [obj("k", k=TEXT), {"oneOf": TAGS}]},
        {**obj("k", k=TEXT), "anyOf": [{"allOf": [{"oneOf": TAGS}]}]},
        {**obj("k", k=TEXT), "anyOf": [obj("x", x=INT), obj("y", y=INT)], "oneOf": TAGS},
        {"$ref": "#/$defs/base", "oneOf": TAGS, "$defs": {"base": obj("k", k=TEXT)}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [obj("k"), {"oneOf": TAGS}]}}},
    ],
)
def test_what_stands_beside_the_options_counts(schema):
    assert refusals(schema) == []


def test_what_is_also_used_elsewhere_has_nothing_beside_it():
    """The second part of the allOf is reached by a reference, where no tag is required."""
    schema = {
        "type": "object",
        "properties": {
            "one": {"allOf": [obj("k", k=TEXT), {"oneOf": TAGS}]},
            "two": {"$ref": "#/properties/one/allOf/1"},
        },
    }
    assert [refusal.path for refusal in refusals(schema)] == ["$.properties.one.allOf[1].oneOf"]


def test_references_into_options_still_lead_there():
    options = [{"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 9}]
    schema = obj(**{"a b": {"oneOf": options}, "c": {"$ref": "#/properties/a%20b/oneOf/1"}})
    assert refusals(schema) == []
    say = Says(schema)
    assert say({"a b": 3, "c": 9}) and not say({"a b": 3, "c": 3})


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_number_formats_are_harmless_whatever_is_refused_beside_them(kind):
    fields = {
        "plain": {"type": kind, "format": "int32"},
        "none": {"type": [kind, "null"], "format": "double"},
        "all": {"allOf": [{"type": kind}, {"format": "uint64"}]},
        "list": {"type": "array", "items": {"type": kind}, "pattern": "(?=x)"},
        "day": {"type": "string", "format": "some-day"},
        "tags": {"type": "array", "uniqueItems": True},
    }
    assert [refusal.path for refusal in refusals(obj(**fields))] == [
        "$.properties.day.format",
        "$.properties.tags.uniqueItems",
    ]


def test_what_is_refused_elsewhere_is_not_laid_to_options_that_exclude_each_other():
    inside = {"allOf": [obj("k", k=TEXT), {"oneOf": TAGS}]}
    schema = obj(a=inside, b={"type": "string", "format": "some-day"}, c={"oneOf": [INT, {}]})
    assert [refusal.path for refusal in refusals(schema)] == [
        "$.properties.b.format",
        "$.properties.c.oneOf",
    ]


class Says:
    """What a schema's grammar lets a model say."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        text = exact_grammar(schema) or llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps({**readable(schema), "x-guidance": COMPACT_JSON})
        )
        self.matcher = llguidance.LLMatcher(llguidance.LLTokenizer("byte"), text, log_level=0)

    def __call__(self, value: Any) -> bool:
        matcher = self.matcher.deep_copy()
        tokens = llguidance.LLTokenizer("byte").tokenize_str(
            dump_compact(order_like(value, self.schema))
        )
        if matcher.validate_tokens(tokens) < len(tokens):
            return False
        matcher.consume_tokens(tokens)
        return bool(matcher.is_accepting())


SMALL = st.integers(-1, 4)
LEAVES = st.one_of(
    st.sampled_from(
        [INT, TEXT, {"type": "number"}, {"type": "null"}, {"type": ["string", "null"]}]
    ),
    st.sampled_from([{"pattern": "^a"}, {"pattern": "b$"}, {"format": "date"}, {}, {"title": "t"}]),
    st.sampled_from([None, True, 1, 2, 1.5, "a", "ab", [], {}]).map(lambda value: {"const": value}),
    st.lists(st.sampled_from([1, 2, "a", "ab", None]), min_size=1, max_size=3).map(
        lambda values: {"enum": values}
    ),
    st.builds(
        lambda keys, kind: {**keys, **kind},
        st.dictionaries(
            st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), SMALL
        ),
        st.sampled_from([{}, INT, {"type": "number"}, {"multipleOf": 2}, {"multipleOf": 0.5}]),
    ),
    st.dictionaries(st.sampled_from(["minLength", "maxLength"]), st.integers(0, 3)),
)


def _inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b"])
    part = inner | st.booleans()
    return st.one_of(
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.just("object"),
                "properties": st.dictionaries(names, part, max_size=2),
                "required": st.lists(names, unique=True),
                "additionalProperties": part,
                "patternProperties": st.dictionaries(
                    st.sampled_from(["^a", "b"]), part, max_size=1
                ),
                "minProperties": st.integers(0, 2),
                "maxProperties": st.integers(0, 2),
            },
        ),
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.just("array"),
                "items": part,
                "prefixItems": st.lists(part, min_size=1, max_size=2),
                "minItems": st.integers(0, 3),
                "maxItems": st.integers(0, 3),
            },
        ),
        st.builds(
            lambda key, parts, beside: {**beside, key: parts},
            st.sampled_from(["allOf", "anyOf", "oneOf"]),
            st.lists(inner, min_size=1, max_size=2),
            inner,
        ),
    )


SCHEMAS = st.recursive(LEAVES, _inside, max_leaves=5)
SCALARS = [None, True, -1, 0, 1, 1.5, 2, 3, 4, "", "a", "ab", "b", "bab", "2024-05-03"]
VALUES: list[Any] = [
    *SCALARS,
    *([value] for value in SCALARS),
    *([one, two] for one in SCALARS[::3] for two in SCALARS[::2]),
    [],
    {},
    *({name: value} for value in [*SCALARS, [], {}] for name in "ab"),
    *({"a": one, "b": two} for one in SCALARS for two in SCALARS[::2]),
    {"c": 1},
    {"ab": "a"},
    {"a": {"a": 1}},
    {"a": [1], "b": ["a"]},
]
SLOW = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.filter_too_much]
)


@SLOW
@given(SCHEMAS, SCHEMAS)
def test_no_value_fits_both_of_two_schemas_that_are_called_disjoint(one, other):
    assume(Prover({}).exclude([one, other]))
    judges = [make_validator(one), make_validator(other)]
    assert [value for value in VALUES if all(judge.is_valid(value) for judge in judges)] == []


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(SCHEMAS, st.lists(SCHEMAS, min_size=2, max_size=3))
def test_the_rewritten_schema_lets_the_same_values_pass(beside, options):
    schema = {**beside, "oneOf": options}
    changed = readable(schema)
    assume(changed is not schema)
    before, after = make_validator(schema), make_validator(changed)
    for value in VALUES:
        assert before.is_valid(value) == after.is_valid(value)
    assert order_like({"b": 1, "a": 2}, schema) == order_like({"b": 1, "a": 2}, changed)
