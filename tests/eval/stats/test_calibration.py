"""Calibration and grounding, from plain rows.

Run: pytest tests/eval/stats/test_calibration.py
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Task
from setaccio.eval import score_document, summarise
from setaccio.eval.stats.calibration import (
    Point,
    calibrate,
    ground_leaves,
    leaf_points,
    reliability,
)

GOLD: dict[str, Any] = {"title": "Tea", "ingredients": ["water", "leaves"], "directions": ["Brew."]}


def test_the_error_by_hand():
    points = [Point(0.9, True)] * 8 + [Point(0.9, False)] * 2 + [Point(0.5, False)] * 10
    found = calibrate(points)
    assert found is not None
    assert (found.leaves, found.accuracy, found.confidence) == (20, 0.4, pytest.approx(0.7))
    # Half of the leaves are off by 0.1 and half by 0.5; equal confidences share a bin.
    assert found.ece_equal_mass == found.ece_equal_width == pytest.approx(0.3)
    assert found.brier == pytest.approx((8 * 0.01 + 2 * 0.81 + 10 * 0.25) / 20)
    assert [(part.accuracy, part.count) for part in found.equal_mass] == [(0.0, 10), (0.8, 10)]
    assert [(part.low, part.high) for part in found.equal_width] == [
        (pytest.approx(0.5), pytest.approx(0.6)),
        (pytest.approx(0.9), pytest.approx(1.0)),
    ]


def test_right_leaves_before_wrong_ones():
    def area(*points: tuple[float, bool]) -> float | None:
        found = calibrate([Point(*point) for point in points])
        assert found is not None
        return found.auroc

    assert area((0.9, True), (0.2, False), (0.8, True)) == 1.0
    assert area((0.1, True), (0.2, False)) == 0.0
    assert area((0.5, True), (0.5, False)) == 0.5
    # Of six pairs the right one is surer in four, and one is a tie.
    points = [(0.9, True), (0.5, True), (0.4, True), (0.5, False), (0.1, False)]
    assert area(*points) == pytest.approx(4.5 / 6)
    assert area((0.5, True)) is None


def test_equal_mass_is_that():
    points = [Point(at / 100, at % 2 == 0) for at in range(100)]
    assert [part.count for part in reliability(points, "equal_mass", 4)] == [25] * 4
    assert calibrate([]) is None


def test_leaves_of_rows(recipe: Task):
    data = {**GOLD, "ingredients": ["leaves", "salt"]}
    score = score_document(recipe, GOLD, data, id="a")
    row: dict[str, Any] = {
        "data": data,
        "confidence": {
            "/title": 0.9, "/ingredients/0": 0.8, "/ingredients/1": 0.3, "/directions/0": 1.5,
            "/nowhere": 0.2,
        },
        "spans": {
            "/title": {"start": 0, "end": 3, "how": "exact"},
            "/ingredients/0": {"start": 9, "end": 15, "how": "fuzzy"},
            "/ingredients/1": None,
        },
    }  # fmt: skip
    points = leaf_points(row, score.outcomes)
    assert sorted(points) == [(0.3, False), (0.8, True), (0.9, True), (1.0, True)]
    grounding = ground_leaves([(row, score.outcomes), ({}, score.outcomes)])
    assert grounding is not None
    assert (grounding.leaves, grounding.grounded, grounding.rate) == (4, 2, 0.5)
    assert grounding.how == {"exact": 1, "fuzzy": 1}

    found = summarise([score, score], rows=[row, {"data": data}])
    assert found.calibration is not None
    assert found.calibration.leaves == 4
    assert found.grounding == grounding
    without = summarise([score])
    assert (without.calibration, without.grounding) == (None, None)


def test_null_needs_no_place(order: Task):
    gold = {"number": 7, "total": None}
    score = score_document(order, gold, gold)
    grounding = ground_leaves(
        [({"data": gold, "spans": {"/number": {"how": "exact"}}}, score.outcomes)]
    )
    assert grounding is not None
    assert (grounding.leaves, grounding.grounded) == (1, 1)


points_of = st.lists(st.builds(Point, st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(points_of, st.integers(1, 12))
def test_bins_hold_every_point_once_and_errors_stay_in_range(points: list[Point], bins: int):
    found = calibrate(points, bins)
    assert found is not None
    for curve in (found.equal_mass, found.equal_width):
        assert sum(part.count for part in curve) == len(points)
        assert len(curve) <= bins
        assert all(one.high <= other.low + 1e-9 for one, other in itertools.pairwise(curve))
    assert 0 <= found.ece_equal_mass <= 1
    assert 0 <= found.ece_equal_width <= 1
    # Jensen: no binning shows more error than the points taken one by one would.
    assert abs(found.confidence - found.accuracy) <= found.ece_equal_mass + 1e-9
