"""The time that is left, by the work that is left."""

import pytest

from setaccio.train.record.pace import TimeLeft, common_start


def test_steps_of_different_work_are_told_apart():
    clock = [100.0]
    pace = TimeLeft(
        [10, 30, 20], 5, 2.0, evaluations=[0, 2, 5], evaluation=7.0, now=lambda: clock[0]
    )
    assert pace.left(0) == 2 * (60 + 10 + 30) + 3 * 7
    for step, work in ((1, 10), (2, 30)):
        pace.begin()
        clock[0] += 0.5 * work
        pace.end(step)
    # Four times as fast as the batch that was timed before; one evaluation is left.
    assert pace.left(2) == pytest.approx(0.5 * (20 + 10 + 30) + 7)
    pace.evaluated(3.0)
    assert pace.left(5) == 0
    assert TimeLeft([1], None, 1.0).left(3) is None


def test_what_all_rows_begin_with():
    assert common_start([[1, 2, 3, 4], [1, 2, 3], [1, 2, 4]]) == 2
    assert common_start([[1, 2], [1, 2, 3]]) == 2
    assert common_start([[5], [6, 5]]) == 0
