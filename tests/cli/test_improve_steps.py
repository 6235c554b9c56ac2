"""The record of an improvement: one process at a time, and no fault where it is damaged.

Run: pytest tests/cli/test_improve_steps.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_process import Run

from setaccio.cli.train.steps import Steps
from setaccio.data.errors import UsageError


def test_two_calls_do_not_work_in_one_folder(tmp_path: Path) -> None:
    first = Steps(tmp_path / "out", overwrite=False)
    first.begin({"a": 1})
    first.note("pairs", 3)
    first.check({"a": 1})
    before = (tmp_path / "out" / "improve.json").read_bytes()
    second = Steps(tmp_path / "out", overwrite=False)
    for act in (second.begin, second.check):
        with pytest.raises(UsageError, match="another process writes there"):
            act({"a": 1})
    assert (tmp_path / "out" / "improve.json").read_bytes() == before
    first.close()
    second.check({"a": 1})
    second.close()


def test_a_decision_that_names_no_run_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "improve.json").write_text("{}")
    (tmp_path / "old" / "decision.json").write_text('{"kept": "new"}')
    done = run("improve", "--run", "old", "--corrections", "c.jsonl")
    assert done.returncode == 2
    assert "old: this improvement is not finished" in done.stderr
    assert not (tmp_path / "old-improved").exists()
