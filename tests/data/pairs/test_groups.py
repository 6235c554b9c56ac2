"""Divisions by stratum and by group, and the names of both.

Run: pytest tests/data/pairs/test_groups.py
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data import Pair
from setaccio.data.errors import UsageError
from setaccio.data.pairs.groups import group_names, near_groups, strata_names
from setaccio.data.pairs.splits import random_split, stratified_split
from setaccio.data.records import origin_of

LABELS = ["rare"] * 10 + ["some"] * 30 + ["most"] * 160
STRATA = {f"r{n}": label for n, label in enumerate(LABELS)}


def test_every_part_has_its_share_of_every_stratum() -> None:
    split = stratified_split(STRATA, seed=1, validation=0.1, test=0.2)
    assert sorted(split.train + split.validation + split.test) == sorted(STRATA)
    assert Counter(STRATA[each] for each in split.test) == {"rare": 2, "some": 6, "most": 32}
    assert Counter(STRATA[each] for each in split.validation) == {"rare": 1, "some": 3, "most": 16}
    assert split.test != stratified_split(STRATA, seed=2, validation=0.1, test=0.2).test


def test_order_does_not_matter() -> None:
    one = stratified_split(STRATA, 1, 0.1, 0.2)
    other = stratified_split(dict(reversed(STRATA.items())), 1, 0.1, 0.2)
    assert set(one.test) == set(other.test)


def test_many_small_strata_still_give_a_whole_test_part() -> None:
    strata = {f"{label}-{n}": str(label) for label in range(100) for n in range(4)}
    split = stratified_split(strata, 1, 0.05, 0.1)
    assert abs(len(split.test) - 40) <= 1
    assert abs(len(split.validation) - 20) <= 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), max_size=60), st.integers(0, 9))
def test_groups_stay_whole_within_strata(rows: list[tuple[int, int]], seed: int) -> None:
    strata = {str(n): str(label) for n, (label, _) in enumerate(rows)}
    groups = {str(n): str(group) for n, (_, group) in enumerate(rows)}
    split = stratified_split(strata, seed, 0.2, 0.2, groups=groups)
    parts = [{groups[each] for each in part} for part in vars(split).values()]
    assert sum(map(len, parts)) == len(set(groups.values()))
    assert sorted(split.train + split.validation + split.test) == sorted(strata)


def pair(number: object, text: str = "t", **gold: object) -> Pair:
    return Pair(str(number), text, gold)


def test_names_are_values_of_gold_fields() -> None:
    pairs = [pair(1, a={"b": "x"}), pair(2, a={"b": "x"}), pair(3, a={}), pair("3~typos1", a={})]
    assert strata_names(pairs, "a.b") == ['"x"', '"x"', "null", "null"]
    assert group_names(pairs, "a.b") == ['"x"', '"x"', "id 3", "id 3"]
    assert group_names(pairs, "origin") == ["1", "2", "3", "3"]
    with pytest.raises(UsageError, match=r"tone: no pair has this field in its gold \(fields: a\)"):
        group_names(pairs, "tone")
    with pytest.raises(UsageError, match="3 of 3 pairs have a value that no other pair has"):
        strata_names([pair(n, title=str(n)) for n in range(3)], "title")


def test_copies_are_known_by_their_ids() -> None:
    assert origin_of("a~typos1") == origin_of("a~typos12~case2") == "a"
    assert [origin_of(name) for name in ("a", "a~b", "a~1", "~typos1")] == [
        "a", "a~b", "a~1", "~typos1",
    ]  # fmt: skip


LONG = "Slowly melt the butter in a wide pan, add the flour and stir for about {} minutes."


def test_nearly_the_same_texts_are_one_group() -> None:
    texts = [LONG.format(3), "Something else entirely.", LONG.format(4).upper() + "!", "Other"]
    texts += [LONG.format("3 or 4")]
    names = near_groups(texts, [str(n) for n in range(5)])
    assert names == ["0", "1", "0", "3", "0"]
    pairs = [pair(n, text) for n, text in enumerate(texts)]
    split = random_split(group_names(pairs, "near"), 1, 0.3, 0.3)
    parts = [part for part in vars(split).values() if "0" in part]
    assert len(parts) == 1
