r"""What checks values reads patterns as the grammar does.

Run: pytest tests/data/schema/validation/test_patterns.py
"""

from __future__ import annotations

import json
from typing import Any

import llguidance
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data.errors import SchemaError
from setaccio.data.schema.check import check_schema
from setaccio.data.schema.key_order import order_like
from setaccio.data.schema.validation.patterns import matches, search_limit, surely_matches
from setaccio.data.schema.validation.validators import make_validator

TOKENIZER = llguidance.LLTokenizer("byte")
ATOMS = st.sampled_from(
    [
        "a", "é", "[a-c]", "[^a-c]", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", ".",
        r"\p{L}", r"\P{L}", r"\p{Lu}", r"[\p{Ll}0]", r"\p{Script=Greek}", r"\pN",
        r"[\d.]", r"[\w-]", r"[\D]", r"[^\W]", r"\u00e9", r"\x41", r"\u{1F600}", r"[$\]]", r"\$",
    ]
)  # fmt: skip
PIECES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{1,2}"])).map(
            lambda parts: f"(?:{parts[0]}){parts[1]}"
        ),
        st.lists(inner, min_size=2, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]}|{parts[1]})"),
        st.tuples(st.sampled_from(["(?<n>", "(?P<n>", "(?:"]), inner).map(
            lambda parts: f"{parts[0]}{parts[1].replace('?<n>', '').replace('?P<n>', '')})"
        ),
    ),
    max_leaves=5,
)
TEXTS = st.text("aAbzéλΩ٣7_-. $]\n\u00a0\u2028😀", max_size=4)


def says(pattern: str, texts: list[str]) -> list[bool] | None:
    schema = {"type": "string", "pattern": pattern}
    grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
    matcher = llguidance.LLMatcher(TOKENIZER, grammar, log_level=0)
    if matcher.is_error():
        return None
    found: list[bool] = []
    for text in texts:
        tokens = TOKENIZER.tokenize_str(json.dumps(text, ensure_ascii=False))
        whole = matcher.deep_copy()
        good = whole.validate_tokens(tokens) == len(tokens) and whole.consume_tokens(tokens)
        found.append(bool(good and whole.is_accepting()))
    return found


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["^{}$", "{}", "^{}", "{}$"]), PIECES, st.lists(TEXTS, min_size=1))
def test_the_grammar_and_the_validator_agree(frame: str, piece: str, texts: list[str]):
    pattern = frame.format(f"(?:{piece})")
    said = says(pattern, texts)
    if said is not None:  # such as one group's name twice
        validator = make_validator({"type": "string", "pattern": pattern})
        assert [validator.is_valid(text) for text in texts] == said, pattern


@pytest.mark.parametrize(
    ("schema", "value", "valid"),
    [
        ({"patternProperties": {r"^\p{Lu}": {"type": "integer"}}}, {"Éa": 1, "b": "x"}, True),
        ({"patternProperties": {r"^\p{Lu}": {"type": "integer"}}}, {"Éa": "x"}, False),
        (
            {"patternProperties": {r"^\p{L}+$": {}}, "additionalProperties": False},
            {"été": 1},
            True,
        ),
        (
            {"patternProperties": {r"^\d$": {}}, "additionalProperties": False},
            {"٣": 1},
            False,
        ),
        (
            {"properties": {"1": {}}, "additionalProperties": {"type": "null"}},
            {"1": 1, "2": 2},
            False,
        ),
        ({"pattern": r"^(?<y>\d{4})-(?<m>\d{2})$"}, "2024-05", True),
        ({"pattern": "^a$"}, "a\n", False),
        ({"pattern": "^a$"}, 3, True),
    ],
)
@pytest.mark.parametrize("draft", ["draft-04", "draft-07", ""])
def test_keywords(schema: dict[str, Any], value: Any, valid: bool, draft: str):
    named = {"$schema": f"http://json-schema.org/{draft}/schema#"} if draft else {}
    check_schema({**named, **schema})
    assert make_validator({**named, **schema}).is_valid(value) == valid


@pytest.mark.parametrize("pattern", ["(", r"\p{Nonsense}", "[z-a]", "a{2,1}"])
def test_what_is_no_pattern_is_named_with_its_place(pattern: str):
    for schema in ({"items": {"pattern": pattern}}, {"patternProperties": {pattern: {}}}):
        with pytest.raises(SchemaError) as caught:
            check_schema(schema, "a.json")
        assert "is no pattern that is supported (" in str(caught.value)
        assert json.dumps(pattern)[1:-1] in str(caught.value)


def test_keys_are_ordered_by_the_same_patterns():
    inner = {"properties": {"a": {}, "b": {}}}
    schema = {"patternProperties": {r"^\p{L}$": inner}}
    assert list(order_like({"é": {"b": 1, "a": 2}}, schema)["é"]) == ["a", "b"]


def test_control_characters():
    assert matches(r"^\cJ$", "\n")
    assert matches(r"^\cj\z", "\n")


def test_a_search_that_goes_back_without_end_is_given_up():
    slow = "^(a|aa)+$"
    with pytest.raises(ValueError, match=r"more than 0\.5 s to search"):
        make_validator({"not": {"pattern": slow}}).is_valid("a" * 60 + "!")
    assert not surely_matches(slow, "a" * 60 + "!")
    with search_limit(-1), pytest.raises(ValueError, match="too long to search all"):
        matches("a", "a")
    assert matches("a", "a")
