"""`setaccio review` from the command line: what it refuses before it serves anything."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from cli_process import Run
from review_parts import review_folder, write_lines


def test_what_is_wrong_is_said_before_anything_is_served(run: Run, tmp_path: Path) -> None:
    results, texts = review_folder(tmp_path)
    other = [{**json.loads(line), "task": "mine"} for line in results.read_text().splitlines()]
    write_lines(tmp_path / "mine.jsonl", other)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for code, said, *flags in (
            (2, "gone.jsonl: no such file", "gone.jsonl"),
            (2, "is a folder", tmp_path),
            (4, "4 rows are without their text", results),
            (2, "nowhere: no such file", results, "--texts", "nowhere"),
            (2, "task 'mine'", "mine.jsonl", "--texts", texts),
            (2, "is what is reviewed", results, "--texts", texts, "--out", results),
            (2, "is what is reviewed", results, "--texts", texts, "--out", texts),
            (2, f"--port {port}: is taken", results, "--texts", texts, "--port", port),
        ):
            done = run("review", *flags, "--no-browser")
            assert done.returncode == code, done.stderr
            (line,) = done.stderr.splitlines()
            assert line.startswith("error: ")
            assert said in line
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.jsonl",
        "docs.jsonl",
        "mine.jsonl",
    }
