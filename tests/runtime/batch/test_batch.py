"""A batch writes one row for everything, in order, and tells of each.

Run: pytest tests/runtime/batch/test_batch.py
"""

from __future__ import annotations

import json
from pathlib import Path

from setaccio.data.records import Document, Problem
from setaccio.data.task.task import Task
from setaccio.runtime import Extraction, Extractor, LoadedModel
from setaccio.runtime.batch.batch import Batch
from setaccio.runtime.batch.journal import Journal, fingerprint

YES = Task(name="yes", instruction="Say yes.", schema={"enum": ["yes"]})
ITEMS = [
    Problem("docs.jsonl", 1, "not JSON."),
    Document("a", "Beat 2 eggs."),
    None,
    Problem("notes.txt", 0, "can not be read."),
    Document("b", "Beat 3 eggs."),
]
NAMES = ["docs.jsonl:1", "a", "notes.txt", "b"]


def test_rows_in_order_and_nothing_twice(model: LoadedModel, tmp_path: Path) -> None:
    extractor = Extractor(model, YES)
    run = fingerprint(model.sha256, YES.digest, {})
    out = tmp_path / "out.jsonl"
    seen: list[Extraction] = []
    with Journal(out) as journal:
        batch = Batch(extractor, journal, run, on_row=seen.append)
        batch.work(iter(ITEMS))
    assert [row.id for row in seen] == NAMES
    assert [row.ok for row in seen] == [False, True, False, True]
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == NAMES
    skips: list[int] = []
    with Journal(out, resume=True) as journal:
        again = Batch(extractor, journal, run, on_skip=lambda: skips.append(1))
        again.work(iter(ITEMS))
    assert again.skipped == len(skips) == len(NAMES)
    assert len(out.read_text().splitlines()) == len(NAMES)
