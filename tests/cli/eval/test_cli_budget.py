"""A budget on the command line: made, carried, used, refused.

Run with: pytest tests/cli/eval/test_cli_budget.py
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from adapter_parts import write_adapter
from cli_process import Run
from gguf import GGUFReader

from setaccio.data import Task
from setaccio.runtime.model.load import load_model
from setaccio.runtime.result.review import read_budget
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.request_types import ExtractRequest

TEXT = "Sponge cake. Beat 2 eggs with 50 g sugar. Bake for 25 minutes."
DOCUMENTS = "".join(json.dumps({"id": str(at), "text": f"{at}: {TEXT}"}) + "\n" for at in range(4))


@pytest.fixture
def pairs(repository: Path, tmp_path: Path) -> Path:
    """Generated recipes, which the tiny model knows: the first half of the fixture's file."""
    lines = (repository / "tests" / "fixtures" / "pairs.jsonl").read_text().splitlines(True)
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(lines[:40]))
    return file


def make(run: Run, pairs: Path, model: Path, *more: object) -> Path:
    """Decode the pairs and make a budget that leaves a few of them to a person."""
    flags = ["--model", model, "--pairs", pairs, "--out", "run", "--threads", 1, *more]
    done = run("eval", "budget", *flags, "--max-error", 0.5)
    assert done.returncode == 0, done.stderr
    return pairs.parent / "run" / "budget.json"


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def strict(budget: Path, threshold: float) -> Path:
    """The same budget with another threshold."""
    content = json.loads(budget.read_text())
    content["threshold"] = threshold
    file = budget.parent / f"threshold-{threshold}.json"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.slow
def test_made_used_carried_and_refused(
    run: Run, pairs: Path, gguf: Path, recipe: Task, tmp_path: Path
) -> None:
    model = tmp_path / "mine.gguf"
    shutil.copy(gguf, model)
    budget = make(run, pairs, model)
    content = json.loads(budget.read_text())
    assert content["task"]["digest"] == recipe.digest and content["found"]["kept"]
    assert [one["field"] for one in content["fields"]] == list(recipe.fields)
    assert "</svg>" in (budget.parent / "budget.svg").read_text()

    (tmp_path / "in.jsonl").write_text(DOCUMENTS)
    flags = ["extract", "in.jsonl", "--model", model, "--threads", 1]
    bare = run(*flags, "--out", "bare.jsonl")
    assert "to review" not in bare.stderr
    done = run(*flags, "--out", "marked.jsonl", "--budget", strict(budget, 0.0))
    assert "==> 4 of 4 to review for at most 50 % wrong values." in done.stderr
    before, after = rows(tmp_path / "bare.jsonl"), rows(tmp_path / "marked.jsonl")
    for one, other in zip(before, after, strict=True):
        assert other.pop("review") is True
        assert 0 < other.pop("risk") <= 1
        assert list(one) == list(other)  # nothing else is written, and in the same order
        assert {**one, "seconds": 0} == {**other, "seconds": 0}

    done = run("export", model, "--budget", strict(budget, 0.999999), "--out", "carried")
    assert done.returncode == 0, done.stderr
    carried = tmp_path / "carried" / "mine.gguf"
    done = run(*flags[:3], carried, "--threads", 1)
    assert "==> 0 of 4 to review for at most 50 % wrong values." in done.stderr
    assert all(json.loads(line)["review"] is False for line in done.stdout.splitlines())
    told = [json.loads(line)["risk"] for line in done.stdout.splitlines()]
    with contextlib.closing(load_model(carried, threads=1)) as loaded, Engine(loaded) as engine:
        asked = [ExtractRequest(document=f"{at}: {TEXT}") for at in range(4)]
        served = [engine.submit(each).result() for each in asked]
        assert [row.risk for row in served] == pytest.approx(told, abs=0.02)
        assert {row.review for row in served} == {False}
        drawn = engine.submit(replace(asked[0], temperature=1.0)).result()
        assert (drawn.risk, drawn.review) == (None, None)
    done = run(*flags[:3], carried, "--threads", 1, "--budget", "none")
    assert "risk" not in done.stdout and "to review" not in done.stderr
    done = run(*flags[:3], carried, "--threads", 1, "--constraint", "none")
    assert "warning: mine.gguf: the review budget that it carries was made with" in done.stderr
    assert "risk" not in done.stdout

    done = run(*flags, "--budget", budget, "--temperature", 1)
    assert done.returncode == 2 and "was made with temperature=0.0, not 1.0" in done.stderr
    schema = tmp_path / "other.json"
    schema.write_text('{"type": "object", "properties": {"a": {"type": "string"}}}')
    done = run(*flags, "--budget", budget, "--schema", schema)
    assert done.returncode == 2 and "another task" in done.stderr.splitlines()[-1]
    done = run(*flags[:3], carried, "--budget", budget)
    assert done.returncode == 2 and "another model" in done.stderr and not done.stdout


@pytest.mark.slow
def test_resumed_rows_keep_what_they_say(run: Run, pairs: Path, gguf: Path, tmp_path: Path) -> None:
    budget = strict(make(run, pairs, gguf), 0.0)
    (tmp_path / "in.jsonl").write_text("".join(DOCUMENTS.splitlines(True)[:2]))
    flags = ["extract", "in.jsonl", "--model", gguf, "--threads", 1, "--out", "o.jsonl", "--resume"]
    run(*flags)
    (tmp_path / "in.jsonl").write_text(DOCUMENTS + '{"id": "broken"}\n')
    done = run(*flags, "--budget", budget)
    assert "2 were done before" in done.stderr
    assert "3 of 3 to review" in done.stderr
    assert "The 2 that were done before keep what their rows say" in done.stderr
    assert ["review" in row for row in rows(tmp_path / "o.jsonl")] == [False] * 2 + [True] * 3
    assert rows(tmp_path / "o.jsonl")[-1]["risk"] == 1
    # What a run from Python would say of the rows that are there.
    assert read_budget(budget).must_review(rows(tmp_path / "o.jsonl")[0])


@pytest.mark.slow
def test_a_budget_of_an_adapter_goes_into_the_adapter(run: Run, gguf: Path, tmp_path: Path) -> None:
    hot = {"title": "hot", "type": "object", "properties": {"hot": {"type": "boolean"}}}
    task = {"setaccio.task": Task.from_schema({**hot, "required": ["hot"]}).to_metadata()}
    adapter = write_adapter(gguf, tmp_path / "a.gguf", 1, task)
    other = write_adapter(gguf, tmp_path / "b.gguf", 2, task)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(
        "".join(
            json.dumps({"id": str(at), "text": f"{at} {TEXT}", "gold": {"hot": at % 5 > 0}}) + "\n"
            for at in range(40)
        )
    )
    flags = ["--model", gguf, "--adapter", adapter, "--pairs", pairs, "--out", "run"]
    done = run("eval", "budget", *flags, "--threads", 1, "--max-error", 0.1)
    assert done.returncode == 1 and "can not be kept" in done.stderr
    done = run("extract", pairs, *flags[:4], "--budget", "run/budget.json")
    assert done.returncode == 4 and "keeps no promise" in done.stderr
    budget = strict(tmp_path / "run" / "budget.json", 0.0)
    for wrong in (gguf, other):
        done = run("export", wrong, "--budget", budget, "--out", "carried")
        assert done.returncode == 7 and "was not made with" in done.stderr
    done = run("export", adapter, "--budget", budget)
    assert done.returncode == 0, done.stderr
    done = run("extract", "-", *flags[:4], "--threads", 1, stdin=TEXT)
    assert '"review":true' in done.stdout
    assert "1 of 1 to review for at most 10 % wrong values" in done.stderr


def test_the_file_with_a_budget_is_the_same_model(
    run: Run, gguf: Path, tmp_path: Path, recipe: Task
) -> None:
    from setaccio.models import verified_sha256

    budget = tmp_path / "budget.json"
    content = {
        "format": "setaccio-budget",
        "version": 1,
        "task": {"name": "recipe", "digest": recipe.digest},
        "model": {"name": gguf.name, "sha256": verified_sha256(gguf)},
        "options": {},
        "promise": {"max_error": 0.01, "confidence": 0.95, "of": "values"},
        "formula": {"intercept": 0.0, "weights": {"doubt": 1.0}},
        "threshold": 0.5,
    }
    budget.write_text(json.dumps(content))
    assert run("export", gguf, "--budget", budget, "--out", "one").returncode == 0
    first = tmp_path / "one" / gguf.name
    content |= {"threshold": 0.25, "model": {"name": "x", "sha256": verified_sha256(first)}}
    budget.write_text(json.dumps(content))
    assert run("export", first, "--budget", budget).returncode == 0
    # The file is another one by now, of the same weights: a new promise of that run still fits.
    content |= {"threshold": 0.125}
    budget.write_text(json.dumps(content))
    assert run("export", first, "--budget", budget).returncode == 0
    budget.write_text(json.dumps(content | {"model": {"name": "x", "sha256": "0" * 64}}))
    assert run("export", first, "--budget", budget).returncode == 7
    plain, carried = GGUFReader(gguf), GGUFReader(first)
    assert set(carried.fields) - set(plain.fields) == {"setaccio.budget"}
    assert json.loads(carried.fields["setaccio.budget"].contents())["threshold"] == 0.125
    for one, other in zip(plain.tensors, carried.tensors, strict=True):
        assert (one.name, one.tensor_type) == (other.name, other.tensor_type)
        assert (one.data == other.data).all()
    behind = {carried.data_offset % 32, (first.stat().st_size - gguf.stat().st_size) % 32}
    assert behind == {0}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "no review budget"),
        ("[", "no review budget"),
        ('{"format": "setaccio-budget", "version": 9}', "reads version 1"),
        ('{"format": "setaccio-budget", "version": 1, "threshold": null}', "keeps no promise"),
    ],
)
def test_what_is_no_budget_is_one_line(
    run: Run, gguf: Path, tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "budget.json").write_text(content)
    for command in (["extract", "-", "--model", gguf], ["export", gguf]):
        done = run(*command, "--budget", "budget.json", stdin=TEXT)
        assert done.returncode == 4 and done.stdout == ""
        assert says in done.stderr and done.stderr.count("\n") == 1
    done = run("extract", "-", "--model", gguf, "--budget", "nowhere.json", stdin=TEXT)
    assert done.returncode == 2 and "nowhere.json: can not be read" in done.stderr


def test_what_a_budget_can_not_be_made_of_is_one_line(run: Run, tmp_path: Path) -> None:
    done = run("eval", "budget")
    assert done.returncode == 2 and "--pairs FILE --out FOLDER" in done.stderr
    done = run("eval", "budget", "--run", tmp_path)
    assert done.returncode == 2 and "no comparison.json" in done.stderr
    for flag in (["--out", "x"], ["--threads", 1]):
        done = run("eval", "budget", "--run", tmp_path, *flag)
        assert done.returncode == 2 and "Leave out" in done.stderr
    done = run("export", tmp_path, "--budget", "b.json")
    assert done.returncode == 2 and "is a folder" in done.stderr
