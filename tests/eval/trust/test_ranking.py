"""Documents are ordered by their risk. Run with: pytest tests/eval/trust/test_ranking.py"""

from __future__ import annotations

import math

import numpy as np
import pytest
from judged_parts import draw_rows

from setaccio.eval.trust.ranking import area, fit_ranking
from setaccio.eval.trust.risk import JudgedRow, judge_row, shuffled_rows
from setaccio.runtime.result.review import SIGNS, RiskFormula, signs_of


def test_area_is_the_mean_error_of_the_surest() -> None:
    loss = np.array([0.0, 0.0, 1.0])
    assert area(np.array([0.1, 0.2, 0.3]), loss) == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert area(np.array([0.3, 0.2, 0.1]), loss) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert area(np.full(3, 0.5), loss) == pytest.approx(1 / 3)
    assert math.isnan(area(np.zeros(0), np.zeros(0)))


def test_risk_is_calibrated_and_orders_documents() -> None:
    ranking = fit_ranking(shuffled_rows(draw_rows(1000, 1)), "documents")
    fresh = draw_rows(3000, 2)
    risk = np.array([ranking.formula.risk_of(row.signs()) for row in fresh])
    loss = np.array([row.loss("documents") for row in fresh])
    assert area(risk, loss) < 0.3 * loss.mean()
    assert risk.mean() == pytest.approx(loss.mean(), abs=0.04)


def test_the_confidence_alone_is_kept_where_the_other_signs_say_nothing() -> None:
    dice = np.random.default_rng(0)
    raw = 0
    for seed in range(10):
        rows = []
        for row in draw_rows(200, seed):
            wrong = dice.random() < row.row["confidence"]["/date"] ** 3
            wrong = {"date": int(not wrong)}
            noise = {"spans": {}, "removed": {}, "prompt_tokens": 9, "completion_tokens": 9}
            confidence = {"/date": row.row["confidence"]["/date"]}
            seen = {**row.row, **noise, "data": {"date": "a"}, "confidence": confidence}
            rows.append(JudgedRow(row.id, seen, wrong, {"date": 1}))
        ranking = fit_ranking(rows, "documents")
        raw += not ranking.learned
        if not ranking.learned:
            assert set(ranking.formula.weights) == {"doubt"}
    assert raw >= 5


def test_other_signs_are_used_where_they_say_more() -> None:
    rows = [
        JudgedRow(row.id, {**row.row, "confidence": {}}, row.wrong, row.leaves)
        for row in draw_rows(500, 3)
    ]
    ranking = fit_ranking(shuffled_rows(rows), "values")
    assert ranking.learned and ranking.aurc is not None
    assert ranking.aurc < 0.8 * ranking.raw_aurc
    assert ranking.formula.weights["ungrounded"] > 0


def test_a_few_documents_without_an_error_are_no_reason_to_fail() -> None:
    rows = [row for row in draw_rows(60, 4) if not row.loss("documents")][:12]
    ranking = fit_ranking(rows, "documents")
    assert not ranking.learned and ranking.aurc is None
    assert all(0 < ranking.formula.risk_of(row.signs()) < 0.3 for row in rows)


def test_signs_are_those_of_the_row() -> None:
    row = {
        "status": "ok",
        "data": {"a": "x", "b": None, "list": ["y", "z"]},
        "confidence": {"/a": 0.5, "/b": 1.0, "/list/0": 0.25, "/list/1": 1.0},
        "removed": {"/a": 0.2},
        "spans": {"/a": {}},
        "completion_tokens": 20,
        "chunks": 2,
        "closed_lists": 1,
    }
    found = signs_of(row)
    assert set(found) == set(SIGNS)
    assert found["doubt"] == pytest.approx(math.log(-math.log(0.125)), abs=1e-3)
    assert found["worst_doubt"] == pytest.approx(math.log(-math.log(0.25)), abs=1e-3)
    assert found["ungrounded"] == pytest.approx(2 / 3)
    assert found["empty"] == pytest.approx(1 / 4)
    assert found["chunks"] == pytest.approx(math.log(2))
    assert signs_of(row, "a")["ungrounded"] == 0
    assert signs_of(row, "list")["worst_doubt"] == found["worst_doubt"]
    odd = {"status": "ok", "data": None, "confidence": {"/a": "much"}, "removed": None}
    assert all(map(math.isfinite, signs_of(odd).values()))


def test_losses_count_leaves_that_are_not_correct() -> None:
    outcomes = [
        {"outcome": "correct", "gold": "/a", "predictions": ["/a"]},
        {"outcome": "hallucinated", "gold": None, "predictions": ["/list/0"]},
        {"outcome": "omitted", "gold": "/list/0", "predictions": []},
        {"outcome": "correct", "gold": "/list/1", "predictions": ["/list/1"]},
    ]
    row = judge_row("d", {"status": "ok"}, outcomes)
    assert row.loss("values") == 0.5 and row.loss("documents") == 1
    assert row.loss("values", "list") == pytest.approx(2 / 3)
    assert row.loss("documents", "a") == 0 and row.loss("values", "nothing") == 0


def test_a_row_without_an_answer_has_the_greatest_risk() -> None:
    assert RiskFormula(-9.0, {"doubt": 1.0}).risk({"status": "truncated_output"}) == 1
