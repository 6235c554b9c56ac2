"""Perturbed documents: seeded, changed as promised, and constrained output that still fits.

Run: pytest tests/eval/studies/test_robustness.py
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from pathlib import Path

import pytest

from setaccio.data import Pair, Task
from setaccio.data.errors import UsageError
from setaccio.eval import Arm
from setaccio.eval.arms.predictions import RecordedArm
from setaccio.eval.studies.robustness import (
    CANARY,
    PERTURBATIONS,
    all_capitals,
    broken_promises,
    injection,
    letters,
    perturb,
    robustness,
    shuffled,
    typos,
)

TEXT = (
    "For Apple Soup you need 3 red apples, 1 1/2 cups water and 20 g butter. Peel the apples. "
    "Boil them in the water for 15 minutes. Stir in the butter! Serve the soup while it is hot."
)
GOLD = {"title": "Apple Soup", "ingredients": ["3 red apples"], "directions": ["Peel."]}
PAIRS = [Pair("a", TEXT, GOLD), Pair("b", TEXT.replace("Apple", "Leek"), GOLD)]


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_seed_decides_and_only_the_text_changes(name: str):
    first, again = perturb(PAIRS, name, seed=1), perturb(PAIRS, name, seed=1)
    assert first == again
    assert [(one.id, one.gold) for one in first] == [(one.id, one.gold) for one in PAIRS]
    assert all(one.text != pair.text for one, pair in zip(first, PAIRS, strict=True))
    alone = perturb(PAIRS[1:], name, seed=1)
    assert alone == first[1:]  # whatever the other documents are
    if name != "upper":
        assert perturb(PAIRS, name, seed=2) != first


def test_typos_leave_numbers_alone_and_few_words_change():
    changed = typos(TEXT * 5, random.Random(3))
    assert re.findall(r"\d+", changed) == re.findall(r"\d+", TEXT * 5)
    before, after = (TEXT * 5).split(), changed.split()
    assert len(before) == len(after)
    share = sum(a != b for a, b in zip(before, after, strict=True)) / len(before)
    assert 0.02 < share < 0.25
    assert typos("a to 7 kg", random.Random(0)) == "a to 7 kg"


def test_capitals_are_capitals():
    assert all_capitals(TEXT, random.Random(0)) == TEXT.upper()


def test_letters_come_from_elsewhere_and_digits_stay():
    changed = letters(TEXT, random.Random(0))
    assert re.findall(r"\d+", changed) == re.findall(r"\d+", TEXT)
    scripts = {unicodedata.name(letter).split()[0] for letter in changed if letter.isalpha()}
    assert scripts == {"LATIN", "CYRILLIC"}
    assert any("WITH" in unicodedata.name(letter) for letter in changed if letter.isalpha())


def test_orders_are_added_and_nothing_is_lost():
    changed = injection(TEXT, random.Random(0))
    assert changed.count(CANARY) == 4
    assert "<|im_end|>" in changed
    at = -1
    for sentence in re.split(r"(?<=[.!?])\s+", TEXT):
        at, before = changed.index(sentence), at
        assert at > before


def test_sentences_are_the_same_in_another_order():
    changed = shuffled(TEXT, random.Random(0))
    parts = [sorted(re.split(r"(?<=[.!?])\s+", text)) for text in (TEXT, changed)]
    assert parts[0] == parts[1]


def test_an_unknown_perturbation_is_named():
    with pytest.raises(UsageError, match=r"frost: no such perturbation.*typos"):
        perturb(PAIRS, "frost")


def test_constrained_answers_fit_whatever_the_text(tiny_gguf: Path, recipe: Task, tmp_path: Path):
    found = robustness(
        [Arm("tiny", tiny_gguf, "schema")], PAIRS, recipe, out=tmp_path, max_tokens=24, threads=1
    )
    assert list(found.runs) == ["clean", *PERTURBATIONS]
    for run in found.runs.values():
        (arm,) = run.arms
        assert (arm.summary.l1.mean, arm.summary.l2.mean) == (1.0, 1.0)
    assert broken_promises(found) == []
    assert len(found.rows()) == 1 + 6
    written = json.loads((tmp_path / "robustness.json").read_text(encoding="utf-8"))
    assert {one["measure"] for one in written["upper"]["against_clean"]} == {
        "l1", "l2", "l3", "score",
    }  # fmt: skip
    table = (tmp_path / "robustness.md").read_text(encoding="utf-8").splitlines()
    assert table[2].startswith("| tiny | schema | clean |")
    text = json.loads((tmp_path / "upper/documents.jsonl").read_text().splitlines()[0])["text"]
    assert text == TEXT.upper()


def test_a_broken_promise_is_told(recipe: Task, tmp_path: Path):
    rows = {pair.id: {"id": pair.id, "data": GOLD} for pair in PAIRS}
    rows["b"] = {"id": "b", "raw": "no JSON"}
    arms = [RecordedArm("x", "schema", rows, tmp_path), RecordedArm("x", "none", rows, tmp_path)]
    found = robustness(arms, PAIRS, recipe, names=["upper"])
    assert len(broken_promises(found)) == 2  # clean and upper; free decoding promised nothing
    assert "upper, x: 1 of 2 constrained answers" in broken_promises(found)[1]
    assert "'b' (invalid_json)" in broken_promises(found)[1]
