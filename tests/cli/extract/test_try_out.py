"""The try-out on the real base, and the hints that can be pasted.

Run with: pytest tests/cli/extract/test_try_out.py
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Run, environment


@pytest.mark.smollm2
def test_the_try_out_shows_samples_and_compares(run: Run, smollm2: Path, tmp_path: Path) -> None:
    done = run("try", "--documents", "1", "--out", "tried")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok in ") == 3
    arms = json.loads((tmp_path / "tried" / "config.json").read_text())["arms"]
    assert [(arm["name"], arm["constraint"]) for arm in arms] == [
        ("tuned", "none"),
        ("tuned", "schema"),
    ]
    last = shlex.split(done.stdout.splitlines()[-1])
    assert last[1:] == ["extract", "tried/note.txt"]
    again = run(*last[1:])
    assert again.returncode == 0, again.stderr
    row = json.loads(again.stdout)
    assert row["status"] == "ok" and row["data"]["title"] and row["data"]["ingredients"]


def test_hints_name_a_program_that_is_there(tmp_path: Path) -> None:
    code = "from setaccio.cli.terminal.console import program; print(program())"
    folder = Path(sys.executable).parent
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder.parent,
        env=environment(PATH="/usr/bin:/bin"),
    )
    assert (folder.parent / done.stdout.strip()).resolve() == (folder / "setaccio").resolve()
