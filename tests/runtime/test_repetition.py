"""Loops are noticed; lists that repeat an item are not.

Run: pytest tests/runtime/test_repetition.py
"""

from __future__ import annotations

import random

from setaccio.runtime.repetition import GREATEST_PERIOD, LEAST_CYCLES, find_cycle, repeats_in


def test_loops_are_found_with_their_period():
    for period in (1, 2, 7, GREATEST_PERIOD):
        dice = random.Random(period)
        cycle = [period * 1000 + i for i in range(period)]
        start = [dice.randrange(500) for _ in range(50)]
        assert find_cycle(start + cycle * (144 // period + LEAST_CYCLES)) == period


def test_repeated_items_are_no_loop():
    item = [5, 6, 7, 8]
    assert find_cycle(list(range(200)) + item * 10) == 0
    assert find_cycle([9] * 100) == 0


def test_varied_text_is_no_loop():
    dice = random.Random(0)
    assert find_cycle([dice.randrange(50) for _ in range(3000)]) == 0
    counted = [token for number in range(300) for token in (1, 2, number)]
    assert find_cycle(counted) == 0


def test_what_the_document_repeats_may_be_repeated():
    assert repeats_in(',"1 egg"', "1 egg, " * 20)
    assert not repeats_in(',"1 egg"', "1 egg and 2 eggs")
    assert not repeats_in('","', '","' * 50)
