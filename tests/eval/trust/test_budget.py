"""A review budget keeps its promise, and says so where it can not.

Run with: pytest tests/eval/trust/test_budget.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from judged_parts import FIELDS, draw_rows
from report_run import make_run

from setaccio.data.errors import DataError, UsageError
from setaccio.eval.report.data import read_run
from setaccio.eval.trust.bound import fewest_documents
from setaccio.eval.trust.budget import FoundBudget, make_budget
from setaccio.eval.trust.halves import check_halves
from setaccio.eval.trust.risk import JudgedRow
from setaccio.eval.trust.written import (
    budget_of,
    curve_rows,
    describe_promise,
    field_rows,
    risk_chart,
)

SPLITS = 200


@pytest.fixture(scope="module")
def population() -> list[JudgedRow]:
    """So many documents that an error among them is the error of the distribution."""
    return draw_rows(8_000, 999, name="p")


def true_error(found: FoundBudget, population: list[JudgedRow]) -> float:
    assert found.threshold is not None
    losses = [
        row.loss(found.of)
        for row in population
        if row.ok and found.formula.risk_of(row.signs()) <= found.threshold
    ]
    return float(np.mean(losses))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "max_error", "count"), [("documents", 0.05, 200), ("values", 0.02, 400)]
)
def test_a_promise_is_broken_in_at_most_one_case_of_twenty(
    of, max_error, count, population
) -> None:
    kept, broken = 0, 0
    for split in range(SPLITS):
        found = make_budget(draw_rows(count, split), of=of, max_error=max_error)
        if found.kept:
            kept += 1
            broken += true_error(found, population) > max_error
    assert kept > SPLITS / 4
    # 5 % of 200 and three standard deviations of such a count
    assert broken <= 0.05 * SPLITS + 3 * (SPLITS * 0.05 * 0.95) ** 0.5


def test_halves_show_how_often_a_promise_is_exceeded() -> None:
    check = check_halves(draw_rows(400, 3), splits=30, of="documents", max_error=0.1)
    assert check.splits == 30
    assert check.kept > 0.5
    assert check.beyond_noise <= check.exceeded <= 0.2
    assert 0 < check.sent < 0.5
    assert check.error < 0.1


def test_a_kept_promise_has_a_threshold_that_the_curve_agrees_with() -> None:
    found = make_budget(draw_rows(1000, 5), of="values", max_error=0.02)
    assert found.kept and found.error is not None
    assert found.taught == 300 and found.proved == 700
    assert found.error < 0.02 < found.overall
    assert 0 < found.sent < 0.5
    assert found.pairs_needed is None
    sent = [point.sent for point in found.curve]
    assert sent == sorted(sent)
    assert found.curve[0].values > found.curve[-1].values
    said = " ".join(describe_promise(found))
    assert "at most 2 % wrong values" in said and "exchangeable" in said


def test_too_few_pairs_say_how_many_would_do() -> None:
    few = make_budget(draw_rows(200, 1), of="documents", max_error=0.01)
    assert not few.kept and few.sent == 1 and few.error is None
    assert few.pairs_needed is not None and few.pairs_needed > 299
    (said,) = describe_promise(few)
    assert f"{few.pairs_needed:,} pairs" in said
    assert make_budget(draw_rows(2 * few.pairs_needed, 2), of="documents", max_error=0.01).kept


def test_where_even_the_surest_are_wrong_no_number_of_pairs_would_do() -> None:
    rows = [
        JudgedRow(row.id, row.row, dict.fromkeys(FIELDS, 1), row.leaves)
        for row in draw_rows(200, 1)
    ]
    found = make_budget(rows, max_error=0.1)
    assert not found.kept and found.pairs_needed is None
    assert "no number of pairs" in describe_promise(found)[0]


def test_what_has_no_answer_never_passes() -> None:
    rows = draw_rows(400, 4)
    failed = [
        JudgedRow(f"f{at}", {**row.row, "status": "repetition"}, row.leaves, row.leaves)
        for at, row in enumerate(rows[:100])
    ]
    found = make_budget([*rows, *failed], of="documents", max_error=0.3)
    assert found.kept
    assert found.sent >= 0.15


def test_the_budget_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = draw_rows(300, 6)
    one, other = (make_budget(some, max_error=0.05) for some in (rows, rows[::-1]))
    assert (one.threshold, one.formula, one.sent) == (other.threshold, other.formula, other.sent)


def test_other_documents_can_teach_so_that_all_prove() -> None:
    rows = draw_rows(300, 7)
    found = make_budget(rows, max_error=0.05, taught_by=draw_rows(150, 8, name="v"))
    assert (found.taught, found.proved) == (150, 300)
    with pytest.raises(DataError, match="are in both runs"):
        make_budget(rows, taught_by=rows[:100])


def test_a_field_is_judged_by_its_own_values() -> None:
    rows = [
        JudgedRow(row.id, row.row, {"date": row.wrong["date"]}, row.leaves)
        for row in draw_rows(600, 9)
    ]
    dates, times = (make_budget(rows, max_error=0.02, field=name) for name in ("date", "time"))
    assert times.overall == 0 and times.sent == pytest.approx(0.01, abs=0.02)
    assert dates.overall > 0.02
    table = field_rows(make_budget(rows, max_error=0.02), [dates, times])
    assert [row[0] for row in table] == ["field", "(document)", "date", "time"]


def test_out_of_range_and_too_few() -> None:
    with pytest.raises(UsageError, match="max_error is 1"):
        make_budget(draw_rows(50, 1), max_error=1.0)
    with pytest.raises(UsageError, match="confidence is 0"):
        make_budget(draw_rows(50, 1), confidence=0)
    with pytest.raises(DataError, match="too few"):
        make_budget(draw_rows(20, 1))


def test_fewest_documents_is_the_power_of_a_run_without_errors() -> None:
    assert fewest_documents(0.01, 0.95) == 299
    assert 0.99**299 <= 0.05 < 0.99**298


def test_table_and_chart_hold_the_curve(tmp_path: Path) -> None:
    found = make_budget(draw_rows(400, 5), of="documents", max_error=0.1)
    table = curve_rows(found)
    assert len({len(row) for row in table}) == 1 and len(table) > 8
    svg = risk_chart(found).to_svg(standalone=True)
    assert svg.count("<circle") == 2 * len(found.curve)
    assert "threshold" in svg
    assert json.loads(json.dumps(found.to_dict()))["kept"] is True


def test_a_budget_keeps_the_context_of_a_run_that_says_it(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    found = make_budget(draw_rows(200, 7), of="documents", max_error=0.1)
    run = read_run(folder)
    assert "context" not in budget_of(run, run.arms[0], found).options
    config = json.loads((folder / "config.json").read_text())
    config["arms"][0]["context"] = 2048
    (folder / "config.json").write_text(json.dumps(config))
    run = read_run(folder)
    assert budget_of(run, run.arms[0], found).options["context"] == 2048
    assert "thinking" not in budget_of(run, run.arms[0], found).options
    run.config["thinking"] = 256
    assert budget_of(run, run.arms[0], found).options["thinking"] == 256
