"""Changed copies of pairs: the gold stays valid, and what stood in the text still stands there.

Run: pytest tests/data/pairs/test_augment.py
"""

from __future__ import annotations

import random

import pytest

from setaccio.data import Pair, Task, load_task
from setaccio.data.errors import UsageError
from setaccio.data.pairs.augment import KINDS, AugmentReport, augment, proved
from setaccio.data.pairs.drop_fields import drop_field
from setaccio.data.pairs.mix import MixSource, mix, with_examples
from setaccio.data.pairs.shuffle import shuffle_sentences
from setaccio.data.recipes.generate import generate_pairs
from setaccio.data.text.evidence import SourceText, evidence, ground
from setaccio.data.text.sentences import sentence_spans

TEXT = (
    "Ada met us in Rome. She is 41, a baker, and owns a red bicycle. Later we ate figs. It rained."
)
GOLD = {"name": "Ada", "age": 41, "city": "Rome", "foods": ["figs"]}


def mentions(text: str, value: object) -> list:
    return SourceText(text).mentions(value)


def task_of(required: list[str], **rules: dict) -> Task:
    properties = {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"]},
        "city": {"type": "string"},
        "foods": {"type": "array", "items": {"type": "string"}},
    }
    schema = {"type": "object", "properties": properties, "required": required}
    return Task(name="t", instruction="i", schema=schema, scoring=rules)


TASK = task_of(["name", "age"], foods={"method": "unordered"})
PAIR = Pair("a", TEXT, GOLD, 2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_valid_and_as_grounded_as_their_pair(kind: str) -> None:
    recipe = load_task("recipe")
    made = 0
    for pairs, task in (([PAIR], TASK), (list(generate_pairs(6, 3)), recipe)):
        before = {pair.id: pair for pair in pairs}
        for copy in augment(pairs, task, {kind: 3}, 1, keep=False):
            pair = before[copy.id.partition("~")[0]]
            made += 1
            assert task.problems(copy.gold) == []
            assert copy.text != pair.text
            assert copy.weight == pair.weight
            left = {repr(value) for value in _leaves(copy.gold)}
            was = {p for p, span in ground(pair.text, pair.gold).items() if span.how == "exact"}
            still = {repr(_at(copy.gold, p)) for p in ground(copy.text, copy.gold)}
            assert {repr(_at(pair.gold, p)) for p in was} & left <= still
    assert made >= 3


def _leaves(value: object) -> list:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    return (
        [leaf for part in value for leaf in _leaves(part)] if isinstance(value, list) else [value]
    )


def _at(value: object, pointer: str) -> object:
    for part in pointer.split("/")[1:]:
        value = value[int(part) if isinstance(value, list) else part]
    return value


def test_the_same_seed_gives_the_same_copies_whatever_else_is_there() -> None:
    shares = {"typos": 0.5, "space": 1.5}
    pairs = [Pair(str(n), TEXT, GOLD) for n in range(40)]
    alone = list(augment(pairs[7:8], TASK, shares, 5))
    among = [copy for copy in augment(pairs, TASK, shares, 5) if copy.id.split("~")[0] == "7"]
    assert alone == among
    made = [c.id for c in augment(pairs, TASK, shares, 5, keep=False)]
    assert len(set(made)) == len(made)
    assert 10 < sum("typos" in each for each in made) < 30
    assert 45 < sum("space" in each for each in made) < 75
    assert made != [c.id for c in augment(pairs, TASK, shares, 6, keep=False)]


def test_typing_errors_spare_the_words_of_the_gold() -> None:
    for seed in range(20):
        (copy,) = augment([PAIR], TASK, {"typos": 1}, seed, keep=False)
        for word in ("Ada", "Rome", "41", "figs"):
            assert mentions(copy.text, word)


def test_an_absent_field_leaves_text_and_gold() -> None:
    seen = set()
    for seed in range(30):
        copy = drop_field(PAIR, TASK, random.Random(seed))
        gone = next(key for key in GOLD if copy.gold.get(key) != GOLD[key])
        seen.add((gone, repr(copy.gold.get(gone, "left out"))))
        values = GOLD[gone] if isinstance(GOLD[gone], list) else [GOLD[gone]]
        assert not any(mentions(copy.text, value) for value in values)
        assert TASK.problems(copy.gold) == []
        assert all(key in copy.gold for key in ("name", "age"))
    # The name may not be absent, and the city stands in the sentence of the name.
    assert seen == {("age", "None"), ("foods", "'left out'")}


def test_a_clause_is_taken_out_where_the_sentence_is_shared() -> None:
    pair = Pair("b", "Bo came early, aged 7, and sang.", {"name": "Bo", "age": 7})
    copy = drop_field(pair, TASK, random.Random(1))
    assert (copy.text, copy.gold) == ("Bo came early, and sang.", {"name": "Bo", "age": None})


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("Ada is 41.", {"name": "Ada", "age": 41}),  # one clause for both
        ("Ada came. She is forty-one.", {"name": "Ada", "age": 41}),  # said in other words
        ("Ada came.", {"name": "Ada", "age": None}),  # nothing there to drop
    ],
)
def test_what_can_not_be_known_to_be_right_is_not_done(text: str, gold: dict) -> None:
    assert drop_field(Pair("a", text, gold), TASK, random.Random(0)) is None


def test_ordered_lists_keep_their_sentences_in_place() -> None:
    text = "First came figs. It rained. Then came plums. The sun shone. We slept."
    pair = Pair("a", text, {"name": "We", "age": None, "foods": ["figs", "plums"]})
    ordered, free = task_of(["name"]), TASK
    for seed in range(10):
        copy = shuffle_sentences(pair, ordered, random.Random(seed))
        places = [copy.text[slice(*span)] for span in sentence_spans(copy.text)]
        assert (places[0], places[2]) == ("First came figs.", "Then came plums.")
        copy = shuffle_sentences(pair, free, random.Random(seed))
        first = [copy.text.index(food) for food in copy.gold["foods"]]
        assert first == sorted(first)
        assert sorted(copy.gold["foods"]) == ["figs", "plums"]
    unsaid = Pair("b", text, {"name": "We", "age": None, "foods": ["figs", "pears"]})
    assert shuffle_sentences(unsaid, ordered, random.Random(0)) is None


def test_what_is_impossible_is_counted() -> None:
    report = AugmentReport()
    pairs = [Pair("a", "Ada.", {"name": "Ada", "age": None}), Pair("b", "x", {"name": 3})]
    made = list(augment(pairs, TASK, {"order": 2, "absent": 1}, 1, report=report))
    assert made == pairs
    assert report.impossible == {"order": 2, "absent": 1}
    assert "order: 0 made, 2 not possible" in report.render()
    assert "1 left alone, their gold breaks the schema" in report.render()
    for wrong in ({}, {"typos": -1}, {"rhyme": 1}, {"typos": 0}):
        with pytest.raises(UsageError):
            list(augment(pairs, TASK, wrong, 1))


def test_the_proof_refuses_what_lost_its_evidence() -> None:
    lost = Pair("a", TEXT.replace("Rome", "rome"), GOLD)
    assert not proved(PAIR, lost, TASK)
    assert not proved(PAIR, Pair("a", TEXT, {"name": 3}), TASK)
    assert proved(PAIR, PAIR, TASK)


def test_evidence_is_whole_words_and_numbers() -> None:
    assert mentions("A cat in catalogues, a CAT.", "cat") == [(2, 5), (23, 26)]
    assert mentions("2 of 12, 2.5 or 2.0 and 2.", 2) == [(0, 1), (16, 19), (24, 25)]
    assert mentions("olive\n  oil", "olive oil") == [(0, 11)]
    assert mentions("true", True) == []
    assert mentions("xa a a", "a a") == [(3, 6)]
    assert mentions("東京の京都", "京都") == [(3, 5)]
    assert mentions("부산까지, 가부산", "부산") == [(0, 2)]
    assert mentions("cafe\u0301 cafe", "cafe") == [(6, 10)]
    found = evidence("Ada", {"name": "Ada", "age": 4, "none": None})
    assert (found.found, found.missing) == ({"/name": [(0, 3)]}, ("/age",))


def test_sources_are_mixed_with_weights_and_examples() -> None:
    one = [Pair("1", "a", {"n": 1}), Pair("1~typos1", "aa", {"n": 1}), Pair("2", "b", {"n": 2}, 4)]
    mixed = mix([MixSource("one", one), MixSource("two", one[:1], 0.5)])
    assert [(pair.id, pair.weight) for pair in mixed] == [
        ("1", 1.0), ("1~typos1", 1.0), ("2", 4.0), ("two:1", 0.5),
    ]  # fmt: skip
    many = [Pair(str(n), f"t{n}", {"n": n}) for n in range(200)] + [Pair("0~case1", "T0", {"n": 0})]
    shown = list(with_examples(many, 2, 0.3, seed=1))
    chosen = [pair for pair in shown if pair.examples]
    assert [pair.text for pair in shown] == [pair.text for pair in many]
    assert 35 < len(chosen) < 90
    assert all(len({shot.text for shot in pair.examples}) == 2 for pair in chosen)
    assert all(pair.gold != shot.gold for pair in chosen for shot in pair.examples)
    assert shown == list(with_examples(many, 2, 0.3, seed=1))
    with pytest.raises(UsageError, match="too few"):
        list(with_examples(many[:2], 2, 0.3, seed=1))
    with pytest.raises(UsageError, match="weight of 0"):
        mix([MixSource("one", one, 0)])
