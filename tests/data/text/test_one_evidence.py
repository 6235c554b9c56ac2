"""Data check, augmentation, runtime and report find the same passages, on 500 shipped rows and on
real ones that may not be shipped: SETACCIO_REAL_DATA names a folder of them, or they lie in
``shared/data`` beside the repository.

Run: pytest tests/data/text/test_one_evidence.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from setaccio.data import Pair, Task
from setaccio.data.pairs.gold_values import GoldEvidence
from setaccio.data.records import BOOKINGS_TRAIN, RECIPES_RETOLD, RECIPES_TOLD, read_pairs
from setaccio.data.schema.pointers import leaves
from setaccio.data.text.evidence import SourceText, evidence, ground, ungrounded
from setaccio.data.text.words import words_of
from setaccio.eval.report.spans import leaf_passages

SHARED = Path(os.environ.get("SETACCIO_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data")
ROWS = {
    BOOKINGS_TRAIN: 250,
    RECIPES_RETOLD: 210,
    RECIPES_TOLD: 40,
    SHARED / "recipe_pairs_train.jsonl": 150,
    SHARED / "snips_train.jsonl": 100,
    SHARED / "tasks" / "citation_train.jsonl": 50,
}
# Without labels: a check leaves out what the schema names.
TASK = Task(name="any", instruction="Extract.", schema={"type": "object"})


def rows(path: Path) -> Iterator[Pair]:
    found = (row for row in read_pairs(path) if isinstance(row, Pair))
    return islice(found, ROWS[path])


def looked_for(gold: dict[str, Any]) -> Iterator[str]:
    """Pointers of the leaves that a check looks for."""
    for pointer, value in leaves(gold):
        if value is not None and not isinstance(value, bool) and words_of(str(value)):
            yield pointer


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_check_augmentation_runtime_and_report_agree(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not here")
    check = GoldEvidence(TASK)
    grounded = 0
    for pair in rows(path):
        spans = ground(pair.text, pair.gold)
        absent = set(ungrounded(pair.gold, spans))
        spans = {pointer: span for pointer, span in spans.items() if pointer not in absent}
        grounded += len(spans)

        checked = [value.span for value in check.values(pair)]
        assert checked == [spans.get(pointer) for pointer in looked_for(pair.gold)]

        reported = leaf_passages(SourceText(pair.text), pair.gold)
        assert reported == {pointer: (span.start, span.end) for pointer, span in spans.items()}

        kept = evidence(pair.text, pair.gold).found
        for pointer, span in spans.items():
            whole = span.how != "fuzzy" and span.score == 1.0
            assert not whole or (span.start, span.end) in kept[pointer]
        for pointer, places in kept.items():
            assert spans[pointer].how != "fuzzy"
            assert (spans[pointer].start, spans[pointer].end) in places
    assert grounded > ROWS[path] / 2
