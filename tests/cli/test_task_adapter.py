"""From the sample rows of a task to its adapter, as docs/tasks.md does it, but for a few steps.

Run with: pytest tests/cli/test_task_adapter.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_process import Run

from setaccio.data import load_pairs, load_task

TASKS = {
    "address": "addresses",
    "booking": "bookings_test",
    "citation": "citations",
    "command": "commands",
    "receipt": "receipts",
    "recipe": "recipes_told",
}


@pytest.mark.parametrize("task", TASKS)
def test_the_sample_rows_fit_their_task(task: str, repository: Path):
    pairs, problems = load_pairs(repository / "data" / "samples" / f"{TASKS[task]}.jsonl")
    assert len(pairs) >= 20 and not problems
    chosen = load_task(task)
    for pair in pairs:
        assert not chosen.problems(pair.gold), pair.id


@pytest.mark.slow
@pytest.mark.smollm2
def test_a_task_is_trained_for_some_steps_and_extracts(
    run: Run, smollm2: Path, repository: Path, tmp_path: Path
):
    samples = repository / "data" / "samples" / "addresses.jsonl"
    few = ["max_steps=3", "batch_size=4", "adapter_layers=4", "threads=1", "validation_share=0"]
    sets = [word for setting in few for word in ("--set", setting)]
    out = tmp_path / "run"
    trained = run(
        "train", "--base", "smollm2", "--task", "address", "--pairs", samples, "--out", out, *sets
    )
    assert trained.returncode == 0, trained.stderr
    exported = run("export", out, "--adapter-only", "--out", tmp_path / "out")
    assert exported.returncode == 0, exported.stderr
    (adapter,) = (tmp_path / "out").glob("*.gguf")
    (tmp_path / "a.txt").write_text("12 Mill Lane, Old Town, ME 04468")
    flags = ["--model", "smollm2", "--adapter", adapter, "--threads", "1"]
    done = run("extract", tmp_path / "a.txt", *flags)
    row = json.loads(done.stdout)
    assert row["task"] == "address"
    assert row["status"] == "ok" and not load_task("address").problems(row["data"])
