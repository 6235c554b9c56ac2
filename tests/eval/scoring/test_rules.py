"""Rules: what a task says, what the schema says, and that later options keep old digests.

Run: pytest tests/eval/scoring/test_rules.py
"""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from setaccio.data import ScoringRule, Task
from setaccio.eval.scoring.rules import item_rule, rule_for


def test_options_are_written_only_when_they_are_set():
    plain = ScoringRule(method="unordered")
    assert plain.model_dump() == {"method": "unordered", "threshold": 0.85, "tolerance": 0.0}
    rule = ScoringRule(method="unordered", items="date", day_first=False)
    assert rule.model_dump()["items"] == "date"
    assert ScoringRule.model_validate(rule.model_dump()) == rule


def test_items_are_of_lists():
    with pytest.raises(ValidationError, match="methods unordered and ordered only"):
        ScoringRule(method="text", items="date")


def test_a_task_with_options_survives_its_metadata(recipe: Task):
    rules = {"directions": ScoringRule(method="ordered", items="measure", relative_tolerance=0.5)}
    task = recipe.model_copy(update={"scoring": rules})
    assert Task.from_metadata(task.to_metadata()) == task
    assert Task.from_metadata(recipe.to_metadata()).digest == recipe.digest


@pytest.mark.parametrize(
    ("schema", "method"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": ["string", "null"], "format": "date-time"}, "date"),
        ({"type": "string", "format": "email"}, "text"),
        ({"type": "integer"}, "number"),
        ({"enum": ["a"]}, "exact"),
        ({"type": "array"}, "unordered"),
    ],
)
def test_the_schema_decides_where_the_task_does_not(
    recipe: Task, schema: dict[str, object], method: str
):
    rule = rule_for(recipe, "nothing.declared", schema)
    assert rule is not None
    assert rule.method == method


def test_items_share_the_options_of_their_list():
    rule = ScoringRule(method="unordered", threshold=0.6, tolerance=2, day_first=True)
    kinds = {"string": "fuzzy", "number": "number", "object": None, "array": "unordered"}
    for kind, method in kinds.items():
        found = item_rule(rule, {"type": kind})
        assert (found and found.method) == method
    dates = item_rule(rule, {"type": "string", "format": "date"})
    assert dates is not None
    assert (dates.method, dates.day_first, dates.threshold) == ("date", True, 0.6)
    declared = item_rule(rule.model_copy(update={"items": "measure"}), {"type": "string"})
    assert declared is not None
    assert (declared.method, declared.items) == ("measure", None)
