"""The answers of a document's chunks become one: nothing lost, nothing doubled, offsets right.

Run: pytest tests/runtime/result/test_merging.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from setaccio.data import Document, Task
from setaccio.data.schema.pointers import leaves
from setaccio.data.task.rules import MergeRule
from setaccio.data.text.evidence import Span, ground
from setaccio.runtime import Extractor, LoadedModel, load_model
from setaccio.runtime.prompt.chunks import Chunk
from setaccio.runtime.result.confidence import LeafChance
from setaccio.runtime.result.merging import Merged, Part, merge_answers

EMPTY = Chunk("", 0, 0)


def parts_of(text: str, cuts: Sequence[tuple[int, int]], answers: Sequence[Any]) -> list[Part]:
    parts = []
    for (start, end), data in zip(cuts, answers, strict=True):
        chunk = Chunk(text[start:end], start, end)
        parts.append(Part(chunk, data, spans=ground(chunk.text, data)))
    return parts


def ungrounded(*answers: Any) -> list[Part]:
    return [Part(EMPTY, answer) for answer in answers]


def said(data: Any, **confidences: float) -> Part:
    """A part with the confidence of some of its top-level keys."""
    return Part(EMPTY, data, {f"/{k}": LeafChance(v, v / 2) for k, v in confidences.items()})


def assert_spans_are_right(text: str, merged: Merged) -> None:
    values = dict(leaves(merged.data))
    assert merged.spans.keys() <= values.keys()
    for pointer, span in merged.spans.items():
        assert text[span.start : span.end] == str(values[pointer])


def test_items_of_the_overlap_are_one_and_repeated_ones_stay() -> None:
    text = "salt, pepper, flour, salt, eggs"
    answers = [["salt", "pepper", "flour"], ["Flour", "salt", "eggs"]]
    merged = merge_answers(parts_of(text, [(0, 20), (14, 31)], answers))
    assert merged.data == ["salt", "pepper", "flour", "salt", "eggs"]
    assert merged.spans["/3"] == Span(21, 25, "exact")
    assert_spans_are_right(text, merged)


def test_what_one_chunk_repeats_stays_repeated() -> None:
    text = "egg, egg, egg. milk, egg"
    answers = [["egg", "egg", "egg"], ["egg", "milk", "egg"]]
    merged = merge_answers(parts_of(text, [(0, 14), (10, 24)], answers))
    assert merged.data == ["egg", "egg", "egg", "milk", "egg"]
    assert merge_answers(ungrounded(["a", "a", "b"], ["B", "a", "c"], ["a", "c"])).data == list(
        "aabc"
    )
    assert merge_answers(ungrounded([True, True], [True, True, False])).data == [True, True, False]


def test_three_chunks_that_overlap_one_after_the_other() -> None:
    text = "ash, birch, cedar, dogwood, elm"
    answers = [["ash", "birch"], ["birch", "cedar"], ["cedar", "dogwood", "elm"]]
    merged = merge_answers(parts_of(text, [(0, 10), (5, 17), (12, 31)], answers))
    assert merged.data == ["ash", "birch", "cedar", "dogwood", "elm"]
    assert_spans_are_right(text, merged)


def test_objects_of_the_overlap_are_one_with_what_either_says_of_them() -> None:
    text = "Ann bought pens for 3 euros. Bob bought ink for 5 euros. Ann bought pens for 3 euros."
    one = [
        {"who": "Ann", "what": "pens", "price": 3, "tags": []},
        {"who": "Bob", "what": "ink", "price": None, "tags": ["ink"]},
    ]
    two = [
        {"who": "Bob", "what": "ink", "price": 5, "tags": [], "more": 1},
        {"who": "Ann", "what": "pens", "price": 3, "tags": []},
    ]
    merged = merge_answers(parts_of(text, [(0, 43), (29, 85)], [one, two]))
    assert merged.data == [
        one[0],
        {"who": "Bob", "what": "ink", "price": 5, "tags": ["ink"], "more": 1},
        two[1],
    ]
    assert merged.spans["/1/price"].start == text.index("5")
    assert merged.spans["/2/who"].start == text.rindex("Ann")


def test_objects_that_contradict_each_other_are_two() -> None:
    text = "Ann bought pens and ink."
    orders = [{"who": "Ann", "what": "pens"}, {"who": "Ann", "what": "ink"}]
    merged = merge_answers(parts_of(text, [(0, 24), (0, 24)], [orders, orders[::-1]]))
    assert merged.data == orders
    # The same person elsewhere, of whom less is said, is not the same item.
    text = "Ann sells pens. Bob sells ink. Ann sells."
    answers = [[{"who": "Ann", "what": "pens"}], [{"who": "Ann", "what": None}]]
    assert (
        merge_answers(parts_of(text, [(0, 30), (16, 41)], answers)).data == answers[0] + answers[1]
    )


def test_objects_inside_objects_and_lists_inside_lists() -> None:
    text = "red and blue, blue and green"
    answers = [{"a": {"b": ["red", "blue"]}}, {"a": {"b": ["blue", "green"], "c": [["red"]]}}]
    merged = merge_answers(parts_of(text, [(0, 18), (14, 28)], answers))
    assert merged.data == {"a": {"b": ["red", "blue", "blue", "green"], "c": [["red"]]}}
    assert merge_answers(ungrounded([["x"], ["y"]], [["X"], ["z"]])).data == [["x"], ["y"], ["z"]]


def test_scalars_by_confidence_with_what_is_known_of_them() -> None:
    one = said({"title": "Soup", "n": 1}, title=0.4, n=0.9)
    two = said({"title": "Onion soup", "n": 2, "on": True}, title=0.8, n=0.2, on=0.6)
    merged = merge_answers([one, two])
    assert merged.data == {"title": "Onion soup", "n": 1, "on": True}
    assert merged.chances == {
        "/title": LeafChance(0.8, 0.4),
        "/n": LeafChance(0.9, 0.45),
        "/on": LeafChance(0.6, 0.3),
    }


def test_what_says_nothing_never_wins() -> None:
    sure = said({"title": "", "n": None, "list": [], "in": {"x": None}}, title=0.9, n=0.9)
    unsure = said({"title": "Soup", "n": 0, "list": ["a"], "in": {"x": "y"}}, title=0.1, n=0.1)
    for parts in ([sure, unsure], [unsure, sure]):
        assert merge_answers(parts).data == unsure.data
    alone = merge_answers([sure, said({"n": None}, n=0.95)])
    assert (alone.data["n"], alone.chances["/n"].confidence) == (None, 0.95)


def test_the_first_value_wins_where_nothing_is_known() -> None:
    assert merge_answers(ungrounded(None, {"a": None}, {"a": 0}, {"a": 1})).data == {"a": 0}
    assert merge_answers(ungrounded(None)).data is None
    assert merge_answers([]).data is None


def test_first_and_last() -> None:
    parts = [
        said({"title": "", "total": 1, "all": [1]}),
        said({"title": "Soup", "total": 2, "all": [2, 2]}, title=0.1, total=0.9),
        said({"title": "Stew", "total": 3, "all": []}, title=0.9, total=0.1),
    ]
    rules = {
        "title": MergeRule(method="first"),
        "total": MergeRule(method="last"),
        "all": MergeRule(method="last"),
    }
    merged = merge_answers(parts, rules)
    assert merged.data == {"title": "Soup", "total": 3, "all": [2, 2]}
    assert merged.chances["/title"].confidence == 0.1


def test_unique_items_whatever_their_places() -> None:
    text = "salt, eggs, eggs. Salt, milk"
    answers = [{"a": ["salt", "eggs", "eggs"]}, {"a": ["Salt", "milk"]}]
    parts = parts_of(text, [(0, 17), (18, 28)], answers)
    assert merge_answers(parts).data == {"a": ["salt", "eggs", "eggs", "Salt", "milk"]}
    merged = merge_answers(parts, {"a": MergeRule(method="unique")})
    assert merged.data == {"a": ["salt", "eggs", "eggs", "milk"]}


def test_objects_with_one_key_are_one() -> None:
    one = {"items": [{"no": 7, "name": "pen", "price": None}, {"no": None, "name": "cap"}]}
    two = {"items": [{"no": 8, "name": "ink", "price": 5}, {"no": 7, "name": "Pen", "price": 3}]}
    rules = {
        "items": MergeRule(method="key", key="no"),
        "items.name": MergeRule(method="last"),
    }
    assert merge_answers(ungrounded(one, two), rules).data == {
        "items": [
            {"no": 7, "name": "Pen", "price": 3},
            {"no": None, "name": "cap"},
            {"no": 8, "name": "ink", "price": 5},
        ]
    }


SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
    },
    "required": ["title", "tags"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def narrow(tiny_gguf: Path) -> Iterator[LoadedModel]:
    """A model with room for a page."""
    model = load_model(tiny_gguf, context=768, threads=1)
    yield model
    model.close()


def long_text(sentences: int) -> str:
    return " ".join(f"Beat {i} eggs with ½ cup of crème fraîche." for i in range(sentences))


def test_a_document_beyond_the_context_is_answered_in_chunks(
    narrow: LoadedModel, recipe: Task
) -> None:
    text = long_text(60)
    extraction = Extractor(narrow, recipe).extract(text)
    assert extraction.chunks > 1
    assert extraction.raw.count("\n") == extraction.chunks - 1
    assert f"{extraction.chunks} chunks were merged." in extraction.message
    assert list(extraction.data) == ["title", "ingredients", "directions"]
    assert recipe.problems(extraction.data) == []
    values = dict(leaves(extraction.data))
    assert extraction.confidence.keys() == extraction.removed.keys() == values.keys()
    assert max(extraction.removed.values()) > 0
    exact = {pointer: span for pointer, span in extraction.spans.items() if span.how == "exact"}
    assert max(span.start for span in exact.values()) > len(text) // 2
    for pointer, span in exact.items():
        assert text[span.start : span.end] == str(values[pointer])


def test_an_answer_that_the_context_has_no_room_for_is_given_in_chunks(
    narrow: LoadedModel,
) -> None:
    # The text fits, the answer that the schema demands does not.
    items = {"enum": ["½ egg", "a cup"]}
    tags = {"type": "array", "items": items, "minItems": 120, "maxItems": 120}
    task = Task.from_schema({**SCHEMA, "properties": {**SCHEMA["properties"], "tags": tags}})
    task = task.model_copy(update={"merge": {"tags": MergeRule(method="first")}})
    text = long_text(24)
    whole = Extractor(narrow, task, chunk=False, stop_repetition=False).extract(text)
    assert (whole.status, whole.chunks) == ("truncated_output", 1)
    documents = [Document(name, text) for name in ("a", "b", "c")]
    extractor = Extractor(narrow, task, parallel=2, stop_repetition=False)
    results = list(extractor.extract_all(documents))
    assert [(result.id, result.status) for result in results] == [(d.id, "ok") for d in documents]
    assert results[0].chunks > 1
    # A budget that was asked for is kept to.
    asked = Extractor(narrow, task, max_tokens=40, stop_repetition=False).extract(text)
    assert (asked.status, asked.chunks) == ("truncated_output", 1)


def test_the_worst_chunk_decides_and_the_tasks_rule_counts(narrow: LoadedModel) -> None:
    text = long_text(60)
    cut_off = Extractor(narrow, Task.from_schema(SCHEMA), max_tokens=12).extract(text)
    assert (cut_off.status, cut_off.finish_reason) == ("truncated_output", "length")
    assert "incomplete after 12 tokens" in cut_off.message
    tags = {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 3, "maxItems": 3}
    task = Task.from_schema({**SCHEMA, "properties": {**SCHEMA["properties"], "tags": tags}})
    full = Extractor(narrow, task).extract(text)
    # Each chunk has its three tags, and together they are more than the schema allows.
    assert (full.status, len(full.data["tags"]) > 3) == ("invalid_schema", True), full
    assert "$.tags" in full.message
    ruled = task.model_copy(update={"merge": {"tags": MergeRule(method="last")}})
    last = Extractor(narrow, ruled).extract(text)
    assert last.status != "invalid_schema"
    assert len(last.data["tags"]) == 3


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"nme": {"method": "first"}}, "nme: the schema has no such field"),
        ({"title": {"method": "unique"}}, "title: is no list"),
        ({"tags": {"method": "key"}}, "needs a key"),
        ({"tags": {"method": "first", "key": "a"}}, "needs a key"),
        ({"tags": {"method": "key", "key": "a"}}, "no field 'a'"),
        ({"tags": {"method": "shuffle"}}, "shuffle"),
    ],
)
def test_rules_that_can_not_be_meant(rule: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Task.model_validate({"name": "a", "instruction": "b", "schema": SCHEMA, "merge": rule})
