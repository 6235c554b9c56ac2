"""Schema files as `extract` and `schema check` take them: both read one file alike.

Run: pytest tests/cli/test_schema_files.py
"""

from __future__ import annotations

import json
from pathlib import Path

from cli_process import Run

CLOSED = {"type": "object", "additionalProperties": False}


def test_json_as_programs_write_it(run: Run, tmp_path: Path, gguf: Path) -> None:
    fields = {"egg": {"const": 1e2, "description": "🍳"}, "n": {"type": "integer", "maximum": 1e6}}
    schema = {**CLOSED, "properties": fields, "required": ["egg"]}
    text = json.dumps(schema, indent="\t").replace("1000000.0", "1e6")
    assert r"\ud83c\udf73" in text
    (tmp_path / "egg.json").write_text(text)
    done = run("extract", gguf, "-", "--schema", "egg.json", "--threads", "1", stdin="Eggs.")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["egg"] == 100
    assert run("schema", "check", "egg.json").returncode == 0


def test_both_verbs_refuse_alike(run: Run, tmp_path: Path, gguf: Path) -> None:
    deep: dict = {}
    for _ in range(300):
        deep = {"type": "object", "properties": {"a": deep}}
    contents = {
        "true": "holds no JSON Schema",
        json.dumps(deep): "nested more than 100 levels deep",
        r'{"title": "\ud800"}': "half of a surrogate pair",
        json.dumps({"type": "string", "pattern": "(" * 500 + ")" * 500}): "$.pattern: '(((",
        json.dumps({"type": "string", "pattern": "^(([a-z]{1,60}){1,30}){1,30}$"}): "$.pattern (",
    }
    for text, says in contents.items():
        (tmp_path / "s.json").write_text(text)
        flags = ["extract", "-", "--model", gguf, "--schema", "s.json"]
        for done in (run(*flags, stdin="Eggs."), run("schema", "check", "s.json")):
            assert done.returncode == 3
            assert says in done.stderr
            assert done.stderr.count("\n") == 1


def test_the_schema_that_allows_everything(run: Run, tmp_path: Path, gguf: Path) -> None:
    (tmp_path / "s.json").write_text("{}")
    flags = ["--schema", "s.json", "--max-tokens", "16", "--threads", "1"]
    done = run("extract", gguf, "-", *flags, stdin="Eggs.")
    assert json.loads(done.stdout)["constraint"] == "schema", done.stderr
    assert run("schema", "check", "s.json").returncode == 0
