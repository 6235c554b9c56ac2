"""Alignment: the best pairs, with and without crossings.

Run: pytest tests/eval/scoring/test_align.py
"""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from setaccio.eval.scoring.align import (
    Group,
    Match,
    align_ordered,
    align_steps,
    align_unordered,
    text_similarity,
)

words = st.lists(st.sampled_from(["salt", "malt", "flour", "1 egg", "2 eggs", "milk"]), max_size=5)


def equal(one: str, other: str) -> float:
    return float(one == other)


def test_unordered_finds_swapped_items():
    assert align_unordered(["a", "b"], ["b", "a"], equal) == [Match(0, 1, 1.0), Match(1, 0, 1.0)]


def test_ordered_keeps_one_of_two_swapped_items():
    assert len(align_ordered(["a", "b"], ["b", "a"], equal)) == 1


def test_ordered_steps_over_what_is_extra_and_missing():
    found = align_ordered(["a", "b", "c"], ["x", "a", "c", "y"], equal)
    assert found == [Match(0, 1, 1.0), Match(2, 2, 1.0)]


def test_a_second_match_is_worth_more_than_a_greater_sum():
    table = {("a", "x"): 0.5, ("a", "y"): 0.9, ("b", "x"): 0.1, ("b", "y"): 0.5}

    def similarity(one: str, other: str) -> float:
        return table[one, other]

    # 0.9 + 0.1 and 0.5 + 0.5 are the same sum, but only the latter is two matches from 0.5 on.
    for align in (align_unordered, align_ordered):
        assert [m.similarity for m in align(["a", "b"], ["x", "y"], similarity, 0.5)] == [0.5, 0.5]


def test_nothing_to_align():
    for align in (align_unordered, align_ordered):
        assert align([], ["a"], equal) == align(["a"], [], equal) == align([], [], equal) == []


@given(words, words)
def test_unordered_is_as_good_as_trying_everything(gold: list[str], found: list[str]):
    small, large = sorted((gold, found), key=len)
    best = max(
        (
            sum(text_similarity(one, other) for one, other in zip(small, choice, strict=True))
            for choice in itertools.permutations(large, len(small))
        ),
        default=0.0,
    )
    total = sum(match.similarity for match in align_unordered(gold, found, text_similarity, 2.0))
    assert abs(total - best) < 1e-9


@given(words, words)
def test_ordered_never_crosses_and_is_never_better(gold: list[str], found: list[str]):
    ordered = align_ordered(gold, found, text_similarity, 2.0)
    for one, other in itertools.pairwise(ordered):
        assert one.gold < other.gold
        assert one.prediction < other.prediction
    unordered = align_unordered(gold, found, text_similarity, 2.0)
    assert sum(m.similarity for m in ordered) <= sum(m.similarity for m in unordered) + 1e-9


def test_similarity_does_not_mind_the_order_of_words():
    assert text_similarity("4 chicken breasts, cooked", "4 cooked chicken breasts") == 1.0
    assert text_similarity("½ c. milk", "1/2 cup milk") == 1.0
    assert text_similarity("salt", "black pepper") < 0.5


WASH, PEEL, BOIL = "Wash the leeks well.", "Peel six potatoes.", "Boil them in milk for an hour."


def steps(gold: list[str], found: list[str]) -> list[tuple[list[int], list[int]]]:
    groups = align_steps(gold, found, text_similarity, 0.85)
    return [(list(g.gold), list(g.prediction)) for g in groups if g.similarity >= 0.85]


def test_steps_match_however_they_are_split():
    assert steps([WASH, PEEL, BOIL], [f"{WASH} {PEEL}", BOIL]) == [([0, 1], [0]), ([2], [1])]
    assert steps([f"{WASH} {PEEL}", BOIL], [WASH, PEEL, BOIL]) == [([0], [0, 1]), ([1], [2])]
    assert steps([f"{WASH} {PEEL}", BOIL], [WASH, f"{PEEL} {BOIL}"]) == [([0, 1], [0, 1])]
    assert steps([WASH, PEEL, BOIL], [WASH, PEEL, BOIL]) == [([n], [n]) for n in range(3)]


def test_a_short_step_can_not_hide_in_a_long_group():
    long = " ".join([BOIL, WASH, PEEL])
    assert steps([long, "Stir."], [long, "Chill."]) == [([0], [0])]
    assert steps([long, "Stir."], [f"{long} Chill."]) == [([0], [0])]
    assert steps([long, "Stir."], ["Stir.", long]) == [([0], [1])]
    assert steps([WASH, PEEL], [f"{PEEL} {WASH}"]) == []


@given(words, words)
def test_groups_never_cross_and_never_match_less_than_pairs(gold: list[str], found: list[str]):
    groups = align_steps(gold, found, text_similarity, 0.85)
    for one, other in itertools.pairwise(groups):
        assert one.gold.stop <= other.gold.start
        assert one.prediction.stop <= other.prediction.start
    matched = [g for g in groups if g.similarity >= 0.85]
    pairs = [m for m in align_ordered(gold, found, text_similarity, 0.85) if m.similarity >= 0.85]
    assert sum(len(g.gold) + len(g.prediction) for g in matched) >= 2 * len(pairs)
    assert align_steps(gold, gold, text_similarity, 0.85) == [
        Group(range(n, n + 1), range(n, n + 1), 1.0) for n in range(len(gold))
    ]
