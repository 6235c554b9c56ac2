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
from setaccio.eval.drift.profile import (
    GROUPS,
    LONGEST_CATEGORY,
    MOST_CATEGORIES,
    DriftProfile,
)

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
    old = receipts(["EUR", "USD"] * 6000)
    new = receipts([f"text {at}" for at in range(MOST_CATEGORIES + 1)])
    assert len(new.categories["currency"]) <= GROUPS and new.grouped == {"currency"}
    assert new.categories["currency"].total() == new.answered == MOST_CATEGORIES + 1
    assert drifted(old, new) == ["currency: value"]
    other = receipts([f"other {at}" for at in range(MOST_CATEGORIES + 1)])
    assert "currency: value" not in {one.name for one in compare_profiles(new, other).checks}


def receipts(currencies: list) -> DriftProfile:
    return profile_of([{"status": "ok", "data": {"currency": one}} for one in currencies])


def drifted(old: DriftProfile, new: DriftProfile) -> list[str]:
    return [check.name for check in compare_profiles(old, new).checks if check.alarm]


@pytest.mark.parametrize(
    ("currencies", "changed"),
    [
        (["GBP"] * 399 + ["x" * (LONGEST_CATEGORY + 1)], ["currency: value"]),
        (["x" * (LONGEST_CATEGORY + 1 + at % 3) for at in range(400)], ["currency: value"]),
        ([f"text {at}" for at in range(400)], ["currency: value"]),
        ([f"text {at}" for at in range(2000)], ["currency: value"]),
        ([*range(400)], ["currency: kind"]),
        ([["EUR"]] * 400, ["currency: kind"]),
        ([True] * 400, ["currency: kind", "currency: value"]),
    ],
)
def test_gross_changes_of_an_enumeration_are_seen(currencies: list, changed: list[str]) -> None:
    old, new = receipts(["EUR", "EUR", "USD", "EUR"] * 100), receipts(currencies)
    assert sorted(drifted(old, new)) == changed
    assert sorted(drifted(new, old)) == changed
    assert drifted(old, old) == drifted(new, new) == []


@pytest.mark.slow
def test_halves_of_mixed_values_raise_hardly_any_alarm() -> None:
    dice = np.random.default_rng(0)
    values = [["EUR", "USD", f"text {at}", at, True, None, "x" * 99][at % 7] for at in range(210)]
    alarms = 0
    for _ in range(HALVES):
        order = [values[int(at)] for at in dice.permutation(len(values))]
        alarms += bool(drifted(receipts(order[:60]), receipts(order[60:])))
    assert alarms <= 0.05 * HALVES + 3 * (HALVES * 0.05 * 0.95) ** 0.5


def test_equal_shares_of_few_values_are_no_shift_whatever_the_files_sizes() -> None:
    old, new = receipts([["a"], ["a", "b"]] * 5000), receipts([["a"], ["a", "b"]] * 15)
    (items,) = [one for one in compare_profiles(old, new).checks if one.name == "currency: items"]
    assert items.psi == pytest.approx(0, abs=1e-6)
    assert not items.alarm


@pytest.mark.parametrize("items", [0, 1, 3])
def test_a_shift_away_from_the_only_value_is_large(items: int) -> None:
    old, new = receipts([["a", "b"]] * 100), receipts([["a"] * items] * 100)
    found = {one.name: one for one in compare_profiles(old, new).checks}
    for name in ("values", "currency: items"):
        assert found[name].alarm and found[name].psi > 5


def test_a_number_too_large_counts_nothing_of_its_row() -> None:
    profile = receipts(["EUR"])
    for row in (
        {"prompt_tokens": 10**400},
        {"completion_tokens": -1.7e308},
        {"confidence": {"/currency": 10**400}},
        {"removed": {"/currency": 1e300}},
    ):
        with pytest.raises(OverflowError):
            profile.add({"status": "ok", "data": {"currency": "USD"}, "completion_tokens": 3} | row)
    assert profile == receipts(["EUR"])


def test_a_name_with_a_dot_is_no_path() -> None:
    both = profile_of([{"status": "ok", "data": {"a": {"b": "x"}, "a.b": "y", "": "z"}}] * 30)
    assert both.present == {"a.b": 30, '"a.b"': 30, '""': 30}
    none = profile_of([{"status": "ok", "data": {"c": 1}}] * 80)
    assert {"a.b: null", '"a.b": null'} <= set(drifted(both, none))


def test_rows_without_data_count_by_their_status_alone() -> None:
    nothing = {"id": "x", "status": "error", "data": None}
    profile = profile_of([nothing] * 5)
    assert profile.statuses == {"error": 5} and not profile.numbers and not profile.answered
    found = compare_profiles(profile_of(draw_results(50, 1)), profile)
    assert [check.name for check in found.checks if check.alarm] == ["status"]
