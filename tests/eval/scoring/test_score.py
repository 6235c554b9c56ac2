"""Field and document scores, computed by hand.

Run: pytest tests/eval/scoring/test_score.py
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from setaccio.data import ScoringRule, Task
from setaccio.eval import score_document
from setaccio.eval.scoring.counts import Leaves, Measures
from setaccio.eval.scoring.score import rename_keys

GOLD: dict[str, Any] = {
    "title": "Leek Soup",
    "ingredients": ["2 c. milk", "½ tsp. salt", "3 leeks"],
    "directions": ["Wash the leeks.", "Boil everything in milk.", "Season it."],
}
ORDER: dict[str, Any] = {
    "number": 7,
    "total": 12.5,
    "paid": True,
    "state": "open",
    "due": "2024-05-01",
    "customer": {"name": "Ada", "mail": None},
    "tags": ["new", "urgent"],
    "items": [{"name": "tea", "price": 4.5}, {"name": "bread", "price": 8}],
}


def changed(gold: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(gold), **fields}


def test_the_same_value_is_right_on_every_level(recipe: Task, order: Task):
    for task, gold in ((recipe, GOLD), (order, ORDER)):
        score = score_document(task, gold, copy.deepcopy(gold))
        assert (score.l1, score.l1_strict, score.l2, score.l3, score.score) == (True,) * 4 + (1.0,)
        assert score.leaves.wrong == score.leaves.omitted == score.leaves.hallucinated == 0
        assert score.exact


def test_other_spelling_of_units_and_fractions_is_right(recipe: Task):
    written = ["2 cups milk", "1/2 teaspoon salt", "3 LEEKS"]
    score = score_document(recipe, GOLD, changed(GOLD, title="leek soup.", ingredients=written))
    assert score.score == 1.0
    assert score.leaves == Leaves(correct=7)


def test_omitted_and_hallucinated_items(recipe: Task):
    found = changed(GOLD, ingredients=["2 c. milk", "3 leeks", "1 pinch saffron"])
    field = score_document(recipe, GOLD, found).fields["ingredients"]
    assert field.items is not None
    assert (field.items.matched, field.items.gold, field.items.predicted) == (2, 3, 3)
    assert field.score == pytest.approx(2 / 3)
    assert field.leaves == Leaves(correct=2, omitted=1, hallucinated=1)


def test_an_item_that_is_nearly_right_is_one_mistake(recipe: Task):
    found = changed(GOLD, ingredients=["2 c. milk", "½ tsp. salt", "3 leaves"])
    field = score_document(recipe, GOLD, found).fields["ingredients"]
    assert field.leaves == Leaves(correct=2, wrong=1)
    assert field.score == pytest.approx(2 / 3)


def test_order_counts_for_steps_and_not_for_ingredients(recipe: Task):
    found = changed(GOLD, **{key: GOLD[key][::-1] for key in ("ingredients", "directions")})
    fields = score_document(recipe, GOLD, found).fields
    assert fields["ingredients"].score == 1.0
    assert fields["directions"].score == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "steps",
    [
        ["Wash the leeks. Boil everything in milk.", "Season it."],
        ["Wash the leeks. Boil everything in milk. Season it."],
        ["Wash", "the leeks.", "Boil everything", "in milk.", "Season it."],
        ["Wash the leeks. Boil everything", "in milk. Season it."],
    ],
)
def test_splitting_and_merging_steps_is_no_mistake(recipe: Task, steps: list[str]):
    field = score_document(recipe, GOLD, changed(GOLD, directions=steps)).fields["directions"]
    assert (field.similarity, field.score) == (1.0, 1.0)
    assert field.leaves == Leaves(correct=3)
    items = field.items
    assert items is not None
    assert (items.precision, items.recall, items.predicted) == (1.0, 1.0, len(steps))
    placed = [at for leaf in field.outcomes for at in leaf.predictions]
    assert set(placed) == {f"/directions/{at}" for at in range(len(steps))}


def test_a_step_that_a_merged_one_leaves_out_is_missed(recipe: Task):
    steps = ["Wash the leeks. Boil everything in milk."]
    field = score_document(recipe, GOLD, changed(GOLD, directions=steps)).fields["directions"]
    assert field.leaves == Leaves(correct=2, omitted=1)
    assert field.score == pytest.approx((2 + 1) / 4)


def test_missing_key_counts_as_omitted_and_breaks_the_schema(recipe: Task):
    found = {key: GOLD[key] for key in ("title", "ingredients")}
    score = score_document(recipe, GOLD, found)
    assert (score.l1, score.l2, score.l3) == (True, False, False)
    assert score.leaves == Leaves(correct=4, omitted=3)
    assert score.score == pytest.approx(2 / 3)


def test_unknown_key_is_hallucinated(recipe: Task):
    score = score_document(recipe, GOLD, changed(GOLD, author={"name": "Ada", "age": 3}))
    assert score.leaves == Leaves(correct=7, hallucinated=2)
    assert (score.l2, score.score) == (False, 0.75)


def test_no_json_scores_zero_and_still_counts_what_was_missed(recipe: Task):
    score = score_document(recipe, GOLD, None, status="invalid_json")
    assert (score.l1, score.l2, score.l3, score.score) == (False, False, False, 0.0)
    assert score.leaves == Leaves(omitted=7)
    items = score.fields["ingredients"].items
    assert items is not None
    assert (items.matched, items.gold, items.predicted, items.f1) == (0, 3, 0, 0.0)


def test_an_answer_that_was_cut_off_scores_zero_even_if_it_parses(recipe: Task):
    score = score_document(recipe, GOLD, GOLD, complete=False, status="truncated_output")
    assert (score.l1, score.l2, score.l3, score.score) == (True, True, False, 0.0)


def test_json_that_is_no_object_is_syntax_only(recipe: Task):
    score = score_document(recipe, GOLD, ["Leek Soup"])
    assert (score.l1, score.l2, score.l3, score.score) == (True, False, False, 0.0)
    assert score.leaves == Leaves(omitted=7, hallucinated=1)


@pytest.mark.parametrize(
    ("field", "value", "leaves"),
    [
        ("number", 8, Leaves(wrong=1)),
        ("number", "7", Leaves(correct=1)),
        ("number", 7.0, Leaves(correct=1)),
        ("total", None, Leaves(omitted=1)),
        ("paid", False, Leaves(wrong=1)),
        ("paid", 1, Leaves(wrong=1)),
        ("state", "Open", Leaves(wrong=1)),
        ("tags", ["urgent", "new"], Leaves(correct=2)),
        ("tags", [], Leaves(omitted=2)),
        ("tags", None, Leaves(omitted=2)),
        ("items", [{"name": "bread", "price": 8}, {"name": "tea", "price": 4.5}], Leaves(4)),
        ("items", [{"name": "tea", "price": 4.5}], Leaves(correct=2, omitted=2)),
        (
            "items",
            [{"name": "tea", "price": 4.5}, {"name": "bread", "price": 9}],
            Leaves(correct=3, wrong=1),
        ),
    ],
)
def test_fields_by_type(order: Task, field: str, value: Any, leaves: Leaves):
    found = score_document(order, ORDER, changed(ORDER, **{field: value})).fields[field]
    assert found.leaves == leaves
    assert (found.score == 1.0) == (found.leaves == Leaves(correct=found.leaves.correct))


def test_nested_objects_are_scored_field_by_field(order: Task):
    found = changed(ORDER, customer={"name": "Bob", "mail": "bob@example.org"})
    fields = score_document(order, ORDER, found).fields
    assert fields["customer.name"].leaves == Leaves(wrong=1)
    assert fields["customer.mail"].leaves == Leaves(hallucinated=1)
    gone = score_document(order, ORDER, changed(ORDER, customer=None)).fields
    assert gone["customer.name"].leaves == Leaves(omitted=1)
    assert gone["customer.mail"].leaves == Leaves(correct=1)


def test_null_is_right_where_gold_is_null(order: Task):
    gold = changed(ORDER, total=None, tags=[])
    assert score_document(order, gold, changed(gold, tags=None)).leaves.omitted == 0
    without = {key: value for key, value in gold.items() if key != "total"}
    assert score_document(order, gold, without).fields["total"].leaves == Leaves(correct=1)
    wrong = score_document(order, gold, changed(gold, total=3))
    assert wrong.fields["total"].leaves == Leaves(hallucinated=1)
    assert not wrong.l3


def test_formats_are_part_of_the_schema_level(order: Task):
    score = score_document(order, ORDER, changed(ORDER, due="May 1st"))
    assert (score.l1, score.l2) == (True, False)


def test_declared_rules_come_before_the_schema(order: Task):
    rules = {
        "total": ScoringRule(method="number", tolerance=0.5),
        "customer.name": ScoringRule(method="fuzzy", threshold=0.6),
        "tags": ScoringRule(method="ordered"),
        "items.price": ScoringRule(method="number", tolerance=1),
    }
    task = order.model_copy(update={"scoring": rules})
    found = changed(ORDER, total=12.9, tags=["urgent", "new"])
    found["customer"]["name"] = "Ada."
    found["items"][1]["price"] = 9
    fields = score_document(task, ORDER, found).fields
    assert fields["total"].score == fields["customer.name"].score == fields["items"].score == 1.0
    assert fields["items"].leaves == Leaves(correct=4)
    assert fields["tags"].score == 0.5
    assert score_document(task, ORDER, changed(ORDER, total=13.1)).fields["total"].score == 0.0


def test_document_verdict_is_lenient_in_words_and_strict_in_numbers(recipe: Task, order: Task):
    reworded = changed(GOLD, title="Soup of Leek", directions=["Wash leeks, boil in milk, season."])
    assert score_document(recipe, GOLD, reworded).l3
    assert not score_document(recipe, GOLD, changed(GOLD, title="")).l3
    assert not score_document(recipe, GOLD, changed(GOLD, directions=[])).l3
    other = {"title": "Fudge", "ingredients": ["1 kg sugar"], "directions": ["Melt; cool 1 hour."]}
    assert not score_document(recipe, GOLD, other).l3
    assert not score_document(order, ORDER, changed(ORDER, number=8)).l3


def test_a_document_is_exact_only_to_the_last_field(recipe: Task, order: Task):
    assert score_document(order, ORDER, changed(ORDER, tags=["urgent", "new"])).exact
    assert not score_document(order, ORDER, changed(ORDER, extra="more")).exact
    assert not score_document(order, ORDER, changed(ORDER, tags=["new"])).exact
    assert not score_document(order, ORDER, changed(ORDER, tags=["new", "urgent", "x"])).exact
    reworded = score_document(recipe, GOLD, changed(GOLD, title="Soup of Leek"))
    assert reworded.l3
    assert not reworded.exact
    assert not score_document(recipe, GOLD, None).exact


def test_every_leaf_has_its_place(order: Task):
    found = changed(ORDER, tags=["urgent", "old"], total=None, extra={"a/b": [1]})
    found["items"] = [{"name": "bread", "price": 9}]
    outcomes = score_document(order, ORDER, found).outcomes
    placed = {(leaf.outcome, leaf.gold, leaf.predictions) for leaf in outcomes}
    assert {
        ("correct", "/number", ("/number",)),
        ("omitted", "/total", ()),
        ("correct", "/customer/mail", ("/customer/mail",)),
        ("correct", "/tags/1", ("/tags/0",)),
        ("correct", "/items/1/name", ("/items/0/name",)),
        ("wrong", "/items/1/price", ("/items/0/price",)),
        ("omitted", "/items/0/price", ()),
        ("hallucinated", None, ("/extra/a~1b/0",)),
    } <= placed
    assert len(placed) == len(outcomes)


def test_items_of_a_list_by_a_rule_of_their_own(recipe: Task):
    rules = dict(recipe.scoring, ingredients=ScoringRule(method="unordered", items="measure"))
    task = recipe.model_copy(update={"scoring": rules})
    found = changed(GOLD, ingredients=["7 c. milk", "1/2 teaspoon salt", "3 leeks"])
    loose = score_document(recipe, GOLD, found).fields["ingredients"]
    field = score_document(task, GOLD, found).fields["ingredients"]
    assert (loose.score, field.score) == (1.0, pytest.approx(2 / 3))
    assert field.leaves == Leaves(correct=2, wrong=1)


def test_strict_counts_stand_beside_the_score(recipe: Task):
    found = changed(GOLD, ingredients=["7 c. milk", "½ cup salt", "saffron"])
    field = score_document(recipe, GOLD, found).fields["ingredients"]
    expected = Measures(leaves=3, gold=3, predicted=2, quantity=1, unit=1, name=2, agreed=0)
    assert field.strict == expected
    failed = score_document(recipe, GOLD, None).fields["ingredients"].strict
    assert failed == Measures(leaves=3, gold=3)
    assert score_document(recipe, GOLD, GOLD).fields["directions"].strict is None


def test_dates_are_compared_as_dates(order: Task):
    gold = changed(ORDER, due="1 May 2024")
    assert score_document(order, gold, ORDER).fields["due"].score == 1.0
    other = score_document(order, gold, changed(ORDER, due="2024-05-02"))
    assert other.fields["due"].similarity == 0.0
    assert not other.l3


def test_numbers_within_a_share_of_gold(order: Task):
    rule = ScoringRule(method="number", relative_tolerance=0.1)
    task = order.model_copy(update={"scoring": {"total": rule}})
    for total, right in ((13.7, 1.0), (13.8, 0.0), (-12.5, 0.0)):
        found = score_document(task, ORDER, changed(ORDER, total=total))
        assert found.fields["total"].score == right


def test_keys_are_renamed_at_every_depth_and_never_overwrite():
    aliases = {"steps": "directions"}
    assert rename_keys({"steps": [{"steps": 1}]}, aliases) == {"directions": [{"directions": 1}]}
    both = {"steps": 1, "directions": 2}
    assert rename_keys(both, aliases) == both
