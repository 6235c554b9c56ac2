"""A job in shards, as a user runs it: several processes, one killed, and one file in the end.

Run: pytest tests/cli/extract/test_merge_parts.py
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from cli_process import COMMAND, Run, environment
from test_extract_batch import SCHEMA

DOCS = Path(__file__).parents[3] / "docs" / "scale.md"


def same(path: Path) -> list[dict[str, Any]]:
    """Rows without what the clock says."""
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture
def job(tmp_path: Path, gguf: Path) -> list[str]:
    """An extraction of 90 documents, a broken line and a document that comes twice."""
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    lines = [json.dumps({"id": f"d{i}", "text": f"Beat {i} eggs."}) for i in range(90)]
    (tmp_path / "docs.jsonl").write_text("\n".join([*lines[:40], "{broken", *lines[40:], lines[3]]))
    flags = ["--model", gguf, "--schema", "schema.json", "--threads", "1", "--parallel", "2"]
    return list(map(str, ["extract", "docs.jsonl", *flags]))


def test_shards_and_merge_give_what_one_process_gives(
    run: Run, tmp_path: Path, job: list[str]
) -> None:
    whole = run(*job, "--out", "one.jsonl")
    assert whole.returncode == 1  # the broken line
    codes = [
        run(*job, "--shard", f"{n}/3", "--out", f"part-{n}.jsonl").returncode for n in (1, 2, 3)
    ]
    assert sorted(codes) == [0, 0, 1]
    merged = run("merge", "part-3.jsonl", "part-1.jsonl", "part-2.jsonl", "--out", "all.jsonl")
    assert (merged.returncode, merged.stdout) == (1, "")
    assert "all.jsonl: 92 rows, 91 of them ok." in merged.stderr
    assert same(tmp_path / "all.jsonl") == same(tmp_path / "one.jsonl")
    again = run("merge", "part-1.jsonl", "--out", "all.jsonl")
    assert (again.returncode, "all.jsonl: exists" in again.stderr) == (2, True)
    less = run("merge", "part-1.jsonl", "part-3.jsonl", "--out", "less.jsonl")
    assert (less.returncode, less.stderr) == (
        4,
        "error: Shards are missing: 2/3. Name their files too.\n",
    )
    assert not (tmp_path / "less.jsonl").exists()
    for part in tmp_path.glob("part-*.shard"):
        part.unlink()
    sources = ("--sources", "docs.jsonl", "--overwrite")
    parts = sorted(path.name for path in tmp_path.glob("part-*.jsonl"))
    by_input = run("merge", *parts, "--out", "all.jsonl", *sources)
    assert by_input.returncode == 1, by_input.stderr
    assert same(tmp_path / "all.jsonl") == same(tmp_path / "one.jsonl")


def test_a_killed_shard_is_not_merged_until_it_is_resumed(
    run: Run, tmp_path: Path, job: list[str]
) -> None:
    shard = [*job, "--shard", "1/2", "--out", "part-1.jsonl", "--resume"]
    process = subprocess.Popen(
        [*COMMAND, *shard], cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL
    )
    part = tmp_path / "part-1.jsonl"
    until = time.monotonic() + 120
    while not (part.is_file() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert part.stat().st_size
    run(*job, "--shard", "2/2", "--out", "part-2.jsonl")
    refused = run("merge", "part-1.jsonl", "part-2.jsonl", "--out", "all.jsonl")
    assert refused.returncode == 4
    assert "part-1.jsonl: its shard is not finished" in refused.stderr
    run(*shard)
    assert run("merge", "part-1.jsonl", "part-2.jsonl", "--out", "all.jsonl").returncode == 1
    run(*job, "--out", "one.jsonl")
    assert same(tmp_path / "all.jsonl") == same(tmp_path / "one.jsonl")


def test_a_wrong_number_harms_no_other_shards_part(
    run: Run, tmp_path: Path, job: list[str]
) -> None:
    for number in (1, 2):
        run(*job, "--shard", f"{number}/2", "--out", f"part-{number}.jsonl")
    files = {path: path.read_bytes() for path in tmp_path.glob("part-*")}
    assert len(files) == 4
    for number in (1, 2):
        for flag in ("--resume", "--retry-failed"):
            wrong = run(*job, "--shard", f"{number}/2", "--out", f"part-{3 - number}.jsonl", flag)
            lines = [line for line in wrong.stderr.splitlines() if not line.startswith("warning: ")]
            assert (wrong.returncode, len(lines)) == (2, 1), wrong.stderr
            assert f"part-{3 - number}.jsonl: is shard {3 - number}/2" in wrong.stderr
    assert {path: path.read_bytes() for path in tmp_path.glob("part-*")} == files


def test_the_xargs_example_of_the_docs_runs(run: Run, tmp_path: Path, job: list[str]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    found = re.search(r"^    (seq \d+ \| xargs .*)$\n^    (setaccio merge .*)$", text, re.MULTILINE)
    assert found
    flags = shlex.join(job[2:])
    lines = [found[1], found[2]]
    lines[0] = lines[0].replace("archive.jsonl", f"docs.jsonl {flags}")
    script = "\n".join(line.replace("setaccio ", f"{shlex.join(COMMAND)} ") for line in lines)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "92 rows, 91 of them ok." in done.stderr, done.stderr
    assert done.returncode == 1
    run(*job, "--out", "one.jsonl")
    assert same(tmp_path / "all.jsonl") == same(tmp_path / "one.jsonl")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--shard", "17/16", "--out", "p.jsonl"], "Shards are numbered from 1 to 16"),
        (["--shard", "x", "--out", "p.jsonl"], "is not NUMBER/COUNT"),
        (["--shard", "1/2"], "--shard needs a file"),
    ],
)
def test_a_wrong_shard_is_one_line(run: Run, job: list[str], flags: list[str], said: str) -> None:
    done = run(*job, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
