"""Confidences: where leaves stand in generated text, and what their tokens make of them.

Run: pytest tests/runtime/result/test_confidence.py
"""

from __future__ import annotations

import json
import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Document
from setaccio.data.schema.pointers import leaves
from setaccio.runtime import Extractor
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.result.confidence import leaf_chances, leaf_places

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.sampled_from([None, 2]))
def test_places_hold_the_leaves(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    places = leaf_places(text)
    assert list(places) == [pointer for pointer, _ in leaves(value)]
    for pointer, leaf in leaves(value):
        start, end = places[pointer]
        start -= text[end - 1] == '"'
        assert json.loads(text[start:end]) == leaf


@pytest.mark.parametrize("text", ["", "{", '{"a"', '{"a":', '["x" "y"]', '{"a":1,}', "[1", "x"])
def test_what_is_not_json_has_no_leaves(text: str) -> None:
    assert leaf_chances(text, [(0, len(text))], [1.0], [0.0]) == {}


def test_confidence_is_the_product_over_the_tokens_of_a_value() -> None:
    tokens = ['{"', "a", '":"', "x", "y", '","', "b", '":', "1", "}"]
    text = "".join(tokens)
    ends = list(accumulate(map(len, tokens)))
    ranges = list(zip([0, *ends], ends, strict=False))
    probabilities = [1, 1, 1, 0.5, 0.8, 0.9, 1, 1, 0.4, 0.7]
    removed = [0, 0, 0, 0.0, 0.2, 0, 0, 0, 0.5, 0]
    chances = leaf_chances(text, ranges, probabilities, removed)
    assert chances["/a"].confidence == pytest.approx(0.5 * 0.8 / 0.8 * 0.9)
    assert chances["/a"].removed == 0.2
    assert chances["/b"].confidence == pytest.approx(0.4 / 0.5)
    assert chances["/b"].removed == 0.5


def test_extractions_carry_the_chances_of_their_leaves(model: LoadedModel) -> None:
    extractor = Extractor(model, max_tokens=60)
    for extraction in extractor.extract_all([Document("a", "Soup.\nBoil 2 cups ½ milk é.")]):
        assert set(extraction.confidence) == {pointer for pointer, _ in leaves(extraction.data)}
        assert all(0 <= chance <= 1 for chance in extraction.confidence.values())
        assert all(0 <= mass <= 1 for mass in extraction.removed.values())
        row = json.loads(extraction.to_json())
        assert row["confidence"].keys() == extraction.confidence.keys()
        assert all(math.isfinite(chance) for chance in row["confidence"].values())
