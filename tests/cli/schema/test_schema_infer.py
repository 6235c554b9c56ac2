"""``setaccio schema infer``: what it writes can be used, what it doubts is said.

Run: pytest tests/cli/schema/test_schema_infer.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_process import Run

from setaccio.cli.app import app
from setaccio.data import load_task
from setaccio.data.task.task_file import read_task_file, write_task_file

ROWS = [
    {"id": str(n), "text": f"Text {n}.", "gold": {"mood": "yes" if n % 2 else "1e6", "n": n}}
    for n in range(12)
]


def lines(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_a_task_that_can_be_used(run: Run, tmp_path: Path, gguf: Path) -> None:
    lines(tmp_path / "pairs.jsonl", ROWS)
    done = run("schema", "infer", "pairs.jsonl", "--out", "mood.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    row = "/mood enumeration 2 values in 12, '1e6' in 6 examples"
    assert row in " ".join(done.stderr.split())
    assert "from 12 examples only" in done.stderr
    task = load_task(tmp_path / "mood.yaml")
    assert task.name == "mood"
    assert task.json_schema["properties"]["mood"] == {"type": "string", "enum": ["1e6", "yes"]}
    assert run("schema", "check", "mood.yaml").returncode == 0
    flags = ["--task", "mood.yaml", "--threads", "1"]
    extracted = run("extract", gguf, "-", *flags, stdin="Eggs.")
    assert json.loads(extracted.stdout)["data"]["mood"] in ("1e6", "yes"), extracted.stderr


def test_bare_objects_to_standard_output_and_to_a_schema(run: Run, tmp_path: Path) -> None:
    lines(tmp_path / "golds.jsonl", [row["gold"] for row in ROWS])
    shown = run("schema", "infer", "golds.jsonl", "--enum-support", "0")
    schema = json.loads(shown.stdout)
    assert list(schema) == ["type", "properties", "required", "additionalProperties"]
    assert schema["properties"] == {"mood": {"type": "string"}, "n": {"type": "integer"}}
    written = run("schema", "infer", "golds.jsonl", "--enum-support", "0", "-o", "s.json")
    assert written.returncode == 0, written.stderr
    assert json.loads((tmp_path / "s.json").read_text()) == schema


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["golds.jsonl", "-o", "there.json"], 2, "there.json: exists"),
        (["golds.jsonl", "-o", "golds.jsonl", "--overwrite"], 2, "golds.jsonl: is it a task or a"),
        (["broken.jsonl"], 4, "broken.jsonl:2: not JSON"),
    ],
)
def test_what_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "golds.jsonl", [{"a": 1}])
    (tmp_path / "broken.jsonl").write_text('{"a": 1}\n{"a": ')
    (tmp_path / "there.json").write_text("{}")
    with pytest.raises(SystemExit) as end:
        app(["schema", "infer", *arguments])
    assert end.value.code == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert (tmp_path / "there.json").read_text() == "{}"


@pytest.mark.parametrize(
    "text", ["yes", "1e6", "0o17", "2026-05-03", "1:30", "~", "- a", "é\n", ""]
)
def test_what_is_written_as_yaml_is_read_as_the_same(tmp_path: Path, text: str) -> None:
    value = {"name": text, "schema": {text: [1, 2.5, None, True, text]}}
    write_task_file(tmp_path / "t.yaml", value)
    assert read_task_file(tmp_path / "t.yaml") == value
