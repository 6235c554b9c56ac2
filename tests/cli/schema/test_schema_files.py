"""Schema files as `extract` and `schema check` take them: both read one file alike.

Run: pytest tests/cli/schema/test_schema_files.py
"""

from __future__ import annotations

import json
from pathlib import Path

from cli_process import Run

CLOSED = {"type": "object", "additionalProperties": False}
BOUNDED = {
    **CLOSED,
    "properties": {
        "n": {"type": "integer", "minimum": 0, "maximum": 99},
        "hot": {"type": "boolean"},
    },
    "required": ["n", "hot"],
}


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


def test_what_a_schema_leaves_open_is_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "open.json").write_text(json.dumps({**BOUNDED, "additionalProperties": True}))
    done = run("schema", "check", "open.json")
    assert done.returncode == 0
    assert "/properties/hot" in done.stdout
    assert "never null" in done.stdout
    assert "additionalProperties" in done.stdout
    (tmp_path / "refused.json").write_text(json.dumps({**BOUNDED, "not": {}}))
    refused = run("schema", "check", "refused.json")
    assert refused.returncode == 3
    assert "not enforced" in refused.stdout
    assert "can not enforce $.not" in refused.stderr
    unique = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    (tmp_path / "unique.json").write_text(json.dumps(unique))
    twice = run("schema", "check", "unique.json")
    assert twice.returncode == 3
    assert "uniqueItems" in twice.stdout
    assert "not enforced" in twice.stdout
    (tmp_path / "format.json").write_text('{"type": "string", "format": "semver"}')
    assert "semver" in run("schema", "check", "format.json").stderr
    assert run("schema", "check", "recipe").returncode == 0
    for content in ("{", "[]", '{"type": "objec"}'):
        (tmp_path / "none.json").write_text(content)
        none = run("schema", "check", "none.json")
        assert (none.returncode, none.stdout) == (3, "")
        assert "none.json" in none.stderr
