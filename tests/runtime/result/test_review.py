"""A budget judges rows, and knows what it was made with.

Run with: pytest tests/runtime/result/test_review.py
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import BaseModel, field_validator

from setaccio.data.errors import DataError
from setaccio.runtime.extraction import Extraction
from setaccio.runtime.extractor import Extractor
from setaccio.runtime.result.review import ReviewBudget, RiskFormula, parse_budget

BUDGET = ReviewBudget(
    formula=RiskFormula(0.5, {"doubt": 1.0, "ungrounded": 2.0}),
    threshold=0.3,
    max_error=0.01,
    confidence=0.95,
    of="values",
    task={"name": "t", "digest": "d"},
    model={"name": "m.gguf", "sha256": "s"},
    options={"constraint": "schema", "max_tokens": None},
)
ROW = Extraction(
    id="a",
    status="ok",
    data={"name": "x"},
    raw='{"name":"x"}',
    finish_reason="stop",
    prompt_tokens=3,
    completion_tokens=4,
    seconds=0.1,
    message="",
    task="t",
    model="m.gguf",
    constraint="schema",
    confidence={"/name": 0.99994},
)


def test_a_row_without_a_budget_is_what_it_was() -> None:
    assert list(ROW.to_dict())[-2:] == ["chunks", "closed_lists"]
    marked = BUDGET.mark(ROW)
    assert list(marked.to_dict())[-2:] == ["risk", "review"]
    assert replace(marked, risk=None, review=None).to_json() == ROW.to_json()


def test_a_row_read_back_has_the_risk_that_stands_in_it() -> None:
    marked = json.loads(BUDGET.mark(ROW).to_json())
    assert BUDGET.risk(marked) == marked["risk"]
    assert BUDGET.must_review(marked) is marked["review"]


def test_less_sure_rows_have_more_risk_and_failed_ones_the_most() -> None:
    unsure = replace(ROW, confidence={"/name": 0.2})
    sure, unsure_, failed = (
        BUDGET.mark(one).risk for one in (ROW, unsure, replace(ROW, status="repetition"))
    )
    assert sure is not None and unsure_ is not None
    assert sure < unsure_ < 1 == failed
    assert replace(BUDGET, threshold=1.0).must_review({"status": "error"})


def test_an_answer_that_is_nested_too_deep_is_reviewed() -> None:
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    assert BUDGET.must_review({"status": "ok", "data": deep, "confidence": {}})


def test_a_budget_survives_its_json() -> None:
    assert parse_budget(json.dumps(BUDGET.to_dict()), "x") == BUDGET


@pytest.mark.parametrize(
    "change",
    [
        {"formula": {"intercept": "nan", "weights": {}}},
        {"formula": {"intercept": 0, "weights": {"spell": 1}}},
        {"threshold": "high"},
        {"promise": []},
        {"model": None},
        {"format": "other"},
    ],
)
def test_what_is_no_budget_is_refused(change: dict) -> None:
    with pytest.raises(DataError, match=r"^x: no review budget"):
        parse_budget(json.dumps(BUDGET.to_dict() | change), "x")


def test_it_is_refused_for_what_it_was_not_made_with() -> None:
    options = {"constraint": "schema", "max_tokens": None, "seed": 3}
    assert BUDGET.refusal("s", None, ["d", "e"], options) is None
    assert "another model (m.gguf)" in str(BUDGET.refusal("other", None, ["d"], options))
    assert "another model" in str(BUDGET.refusal("s", "an adapter", ["d"], options))
    assert "another task" in str(BUDGET.refusal("s", None, ["e"], options))
    said = str(BUDGET.refusal("s", None, ["d"], {**options, "constraint": "none"}))
    assert said == 'was made with constraint="schema", not "none"'
    said = str(BUDGET.refusal("s", None, ["d"], {**options, "thinking": 200}))
    assert said == "was made with thinking=null, not 200"


def test_it_is_refused_for_another_context_where_both_are_known() -> None:
    known = replace(BUDGET, options={**BUDGET.options, "context": 2048})
    options = {"constraint": "schema", "max_tokens": None}
    for budget, asked in ((known, options), (BUDGET, {**options, "context": 512})):
        assert budget.refusal("s", None, ["d"], asked) is None
    assert known.refusal("s", None, ["d"], {**options, "context": 2048}) is None
    said = known.refusal("s", None, ["d"], {**options, "context": 512})
    assert said == "was made with context=2048, not 512"


def test_an_extractor_marks_what_it_gives_out(tiny_gguf, recipe) -> None:
    extractor = Extractor(tiny_gguf, recipe, max_tokens=8, budget=BUDGET)
    found = extractor.extract("Boil 2 eggs.")
    assert found.review is True and found.risk == 1
    extractor.budget = None
    assert "review" not in extractor.extract("Boil 2 eggs.").to_dict()


def test_what_the_type_refuses_is_marked_as_such(tiny_gguf) -> None:
    class Never(BaseModel):
        done: bool

        @field_validator("done")
        @classmethod
        def _refuse(cls, done: bool) -> bool:
            raise ValueError("never")

    found = Extractor(tiny_gguf, Never, budget=BUDGET).extract("Boil 2 eggs.")
    assert (found.status, found.review, found.risk) == ("invalid_value", True, 1)
