"""The alarm sounds for shifts and hardly ever without one.

Run with: pytest tests/eval/drift/test_drift_alarm.py
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from result_rows import SHIFTS, draw_results
from scipy.stats import chi2_contingency

from setaccio.data.errors import UsageError
from setaccio.eval.drift.alarm import compare_profiles, holm, stability_index
from setaccio.eval.drift.profile import MOST_CATEGORIES, DriftProfile

HALVES = 200


def profile_of(rows: list[dict]) -> DriftProfile:
    profile = DriftProfile()
    for row in rows:
        profile.add(row)
    return profile


@pytest.mark.slow
@pytest.mark.parametrize("rows", [60, 400])
def test_halves_of_one_distribution_raise_hardly_any_alarm(rows: int) -> None:
    pool = draw_results(rows, 1)
    dice = np.random.default_rng(0)
    alarms = 0
    for _ in range(HALVES):
        order = [int(at) for at in dice.permutation(rows)]
        one, other = (profile_of([pool[at] for at in part]) for part in (order[::2], order[1::2]))
        alarms += compare_profiles(one, other, alpha=0.05).alarm
    assert alarms <= 0.05 * HALVES


@pytest.mark.parametrize("shift", SHIFTS, ids=lambda shift: shift.__name__)
def test_every_shift_raises_the_alarm(shift) -> None:
    found = compare_profiles(
        profile_of(draw_results(200, 1)), profile_of([shift(row) for row in draw_results(200, 2)])
    )
    assert found.alarm
    named = {check.name for check in found.checks if check.alarm}
    expected = {
        "other_language": {"confidence", "ungrounded share"},
        "scan_noise": {"removed", "text tokens"},
        "other_vendor": {"currency: value"},
        "other_template": {"total: null"},
    }[shift.__name__]
    assert expected <= named
    assert len(named) <= len(expected) + 1
    assert all(name in found.describe() for name in named)
    assert max(check.psi for check in found.checks if check.name in expected) > 0.25


def test_what_is_measured_is_named_by_its_path() -> None:
    found = compare_profiles(profile_of(draw_results(300, 1)), profile_of(draw_results(300, 2)))
    tests = {check.name: check.test for check in found.checks}
    assert tests["address.city: null"] == "Fisher"
    assert tests["items: items"] == tests["confidence"] == "Kolmogorov-Smirnov"
    assert tests["currency: value"] == tests["paid: value"] == "chi-square"
    assert tests["status"] in ("chi-square", "permutation")
    assert "company: value" not in tests  # too many to be an enumeration
    assert "company: null" not in tests  # never null: nothing to test
    p_values = [check.p for check in found.checks]
    assert p_values == sorted(p_values)


def test_statuses_of_few_rows_are_permuted() -> None:
    rows = draw_results(40, 1)
    failed = [{**row, "status": "repetition"} if at < 9 else row for at, row in enumerate(rows)]
    fine = [{**row, "status": "ok"} for row in rows]
    found = compare_profiles(profile_of(fine), profile_of(failed))
    (status,) = [check for check in found.checks if check.name == "status"]
    assert status.test == "permutation" and status.alarm
    assert 0.0001 <= status.p < 0.01


def test_permuted_p_values_are_those_of_the_asymptotic_test_where_both_serve(monkeypatch) -> None:
    from setaccio.eval.drift import alarm

    table = np.array([[60, 30, 20], [45, 30, 35]])
    name, asymptotic = alarm._independence(table)
    assert name == "chi-square"
    assert asymptotic == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    monkeypatch.setattr(alarm, "_LEAST_EXPECTED", 1000)
    name, permuted = alarm._independence(table)
    assert name == "permutation" and permuted == pytest.approx(asymptotic, abs=0.01)


def test_holms_correction() -> None:
    assert holm([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert holm([0.3, 0.4]) == pytest.approx([0.6, 0.6])
    assert holm([]) == []


def test_stability_index_is_none_for_equal_shares_and_grows() -> None:
    assert stability_index(np.array([100, 100]), np.array([100, 100])) == 0
    small = stability_index(np.array([500, 500]), np.array([550, 450]))
    wanted = 0.05 * math.log(550.5 / 500.5) - 0.05 * math.log(450.5 / 500.5)
    assert small == pytest.approx(wanted, rel=0.01)
    assert stability_index(np.array([500, 500]), np.array([900, 100])) > 0.25


def test_other_models_and_few_rows_are_said() -> None:
    rows = draw_results(10, 1)
    others = [{**row, "model": "b.gguf"} for row in draw_results(10, 2)]
    notes = " ".join(compare_profiles(profile_of(rows), profile_of(others)).notes)
    assert "not of the same model (a.gguf and b.gguf)" in notes
    assert "fewer than 30 rows" in notes


def test_alpha_is_a_chance() -> None:
    one = profile_of(draw_results(10, 1))
    for alpha in (0, 1, -0.1, float("nan")):
        with pytest.raises(UsageError, match="alpha"):
            compare_profiles(one, one, alpha=alpha)


def test_a_field_of_ever_new_values_costs_no_memory() -> None:
    rows = draw_results(3 * MOST_CATEGORIES, 1)
    profile = profile_of(rows)
    assert profile.categories["company"] is None
    assert profile.present["total"] < profile.answered == len(rows)


def test_rows_without_data_count_by_their_status_alone() -> None:
    nothing = {"id": "x", "status": "error", "data": None}
    profile = profile_of([nothing] * 5)
    assert profile.statuses == {"error": 5} and not profile.numbers and not profile.answered
    found = compare_profiles(profile_of(draw_results(50, 1)), profile)
    assert [check.name for check in found.checks if check.alarm] == ["status"]
