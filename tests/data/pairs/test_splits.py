"""The two divisions of the data.

Run: pytest tests/data/pairs/test_splits.py
"""

from __future__ import annotations

import pytest

from setaccio.data.errors import DataError, UsageError
from setaccio.data.pairs.splits import random_split, reference_split

IDS = [f"row-{n}" for n in range(4000)]


def test_the_reference_split_is_50_850_100():
    split = reference_split(1000)
    assert (len(split.first), len(split.train), len(split.last)) == (50, 850, 100)
    assert split.evaluation == (*range(900, 1000), *range(50))
    assert sorted((*split.train, *split.evaluation)) == list(range(1000))


def test_too_few_rows_are_refused():
    assert len(reference_split(151).train) == 1
    with pytest.raises(DataError, match="150 rows are too few"):
        reference_split(150)


def test_random_parts_have_their_shares_and_nothing_is_lost():
    split = random_split(IDS, seed=1, validation=0.1, test=0.2)
    assert sorted(split.train + split.validation + split.test) == sorted(IDS)
    assert 320 < len(split.validation) < 480
    assert 700 < len(split.test) < 900


def test_order_and_other_rows_do_not_matter():
    whole = random_split(IDS, seed=1, validation=0.1, test=0.2)
    some = random_split(reversed(IDS[::3]), seed=1, validation=0.1, test=0.2)
    assert set(some.test) == set(whole.test) & set(IDS[::3])
    assert set(some.validation) == set(whole.validation) & set(IDS[::3])


def test_the_division_is_the_same_on_every_machine():
    split = random_split(IDS[:12], seed=1, validation=0.25, test=0.25)
    assert (split.validation, split.test) == (
        ["row-0", "row-2", "row-10", "row-11"],
        ["row-1", "row-3", "row-4", "row-9"],
    )


def test_seeds_differ():
    one = random_split(IDS, seed=1, validation=0.1, test=0.1)
    assert one.test != random_split(IDS, seed=2, validation=0.1, test=0.1).test


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (0.9, 0.2)])
def test_shares_that_leave_nothing_are_refused(shares):
    with pytest.raises(UsageError, match="leave nothing to train on"):
        random_split(IDS, 1, *shares)


def test_a_part_may_be_left_out():
    split = random_split(IDS, seed=1, validation=0.0, test=0.1)
    assert split.validation == []
