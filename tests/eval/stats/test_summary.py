"""Aggregates: micro averages, intervals, failures counted.

Run: pytest tests/eval/stats/test_summary.py
"""

from __future__ import annotations

from typing import Any

import pytest

from setaccio.data import Task
from setaccio.eval import score_document, summarise
from setaccio.eval.formats import percent
from setaccio.eval.stats.summary import Usage, bootstrap

GOLD: dict[str, Any] = {"title": "Tea", "ingredients": ["water", "leaves"], "directions": ["Brew."]}


def test_failed_documents_are_never_dropped(recipe: Task):
    half = {**GOLD, "ingredients": ["water"]}
    scores = [
        score_document(recipe, GOLD, GOLD, id="a"),
        score_document(recipe, GOLD, half, id="b", strict=False),
        score_document(recipe, GOLD, None, id="c", status="invalid_json"),
    ]
    usage = [Usage(1.0, 10, 4), Usage(3.0, 10, 4), Usage(8.0, 10, 4)]
    found = summarise(scores, usage)
    assert found.documents == 3
    assert found.l1.mean == found.l2.mean == found.l3.mean == pytest.approx(2 / 3)
    assert found.l1_strict.mean == pytest.approx(1 / 3)
    field = found.fields["ingredients"]
    assert field.precision == 1.0
    assert field.recall == pytest.approx(3 / 6)
    assert field.f1 == pytest.approx(2 * 3 / 9)
    assert field.score.mean == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found.fields["title"].f1 is None
    assert found.fields["title"].headline == pytest.approx(2 / 3)
    assert found.statuses == {"ok": 2, "invalid_json": 1}
    assert (found.seconds_mean, found.seconds_median) == (4.0, 3.0)
    assert (found.prompt_tokens, found.completion_tokens, found.tokens_per_second) == (30, 12, 1.0)


def test_bootstrap_is_seeded_and_holds_the_mean():
    values = [0.0] * 5 + [1.0] * 15
    found = bootstrap(values)
    assert found == bootstrap(values)
    assert found.mean == 0.75
    # The normal approximation gives 0.75 +- 1.96 * sqrt(0.75 * 0.25 / 20) = 0.56 to 0.94.
    assert found.low == pytest.approx(0.56, abs=0.06)
    assert found.high == pytest.approx(0.94, abs=0.06)
    assert bootstrap([1.0, 1.0]).low == 1.0
    with pytest.raises(ValueError, match="no value"):
        bootstrap([])


def test_percentages_never_round_to_all_or_nothing():
    assert [percent(rate) for rate in (0, 1, 0.9999, 0.0001, 0.88)] == [
        "0%",
        "100%",
        "99.9%",
        "0.1%",
        "88.0%",
    ]
