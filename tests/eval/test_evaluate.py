"""The whole evaluation with a real model: arms, run folder, resumption.

Run: pytest tests/eval/test_evaluate.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from setaccio.cli.terminal.arm_progress import show_progress
from setaccio.data import Pair, Task, write_pairs
from setaccio.data.errors import DataError, ModelError, UsageError
from setaccio.data.files.locks import FOLDER_LOCK, lock_folder
from setaccio.eval import Arm, Comparison, markdown_table, rich_table
from setaccio.eval.arms.progress import ArmProgress
from setaccio.eval.compare import compare
from setaccio.eval.evaluate import evaluate

PAIRS = [
    Pair(
        f"p{number}",
        f"Boil {number} cups water in a pot, then add the tea.",
        {"title": "Tea", "ingredients": [f"{number} cups water"], "directions": ["Boil water."]},
    )
    for number in (2, 3, 4)
]
# Short answers, as nothing here asks whether they are good; one thread, as two wait for each other
# on a busy machine.
FAST = {"max_tokens": 8, "threads": 1}


@pytest.fixture(scope="module")
def run(
    tiny_gguf: Path, recipe: Task, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Comparison, list[ArmProgress]]:
    seen: list[ArmProgress] = []
    folder = tmp_path_factory.mktemp("run")
    write_pairs(folder / "pairs.jsonl", PAIRS)
    comparison = evaluate(
        tiny_gguf,
        folder / "pairs.jsonl",
        task=recipe,
        out=folder / "out",
        limit=2,
        base=tiny_gguf,
        **FAST,
        progress=seen.append,
    )
    return comparison, seen


def test_four_arms_on_the_same_documents(run):
    comparison, seen = run
    arms = [(arm.name, arm.constraint, arm.summary.documents) for arm in comparison.arms]
    assert arms == [
        ("base", "none", 2),
        ("base", "schema", 2),
        ("tuned", "none", 2),
        ("tuned", "schema", 2),
    ]
    for arm in comparison.arms:
        assert [score.id for score in arm.scores] == ["p2", "p3"]
        assert sum(arm.summary.statuses.values()) == 2
        assert arm.summary.seconds_mean is not None
        assert arm.summary.prompt_tokens > 0
    last = seen[-1]
    assert (last.arm, last.done, last.total, last.running) == ("tuned constrained", 2, 2, 0)


def test_progress_is_told_while_documents_are_decoded(run):
    _, seen = run
    labels = list(dict.fromkeys(state.arm for state in seen))
    assert labels == ["base free", "base constrained", "tuned free", "tuned constrained"]
    for label in labels:
        states = [state for state in seen if state.arm == label]
        assert states[0] == ArmProgress(label, 0, 2)
        unfinished = [state for state in states if state.running and not state.done]
        assert max(state.written for state in unfinished) > 0
        assert all(state.read >= state.written for state in unfinished)
        for name in ("done", "read", "written", "seconds"):
            values = [getattr(state, name) for state in states]
            assert values == sorted(values)
        assert max(state.running for state in states) <= 2


def test_run_folder_holds_everything(run):
    comparison, _ = run
    folder = comparison.folder
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["documents"] == 2
    assert len(config["arms"][0]["sha256"]) == 64
    assert config["task_digest"] == comparison.task.digest
    stored = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(comparison.to_dict()))
    assert (folder / "comparison.md").read_text(encoding="utf-8") == markdown_table(comparison)
    scores = (folder / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(scores) == 8
    for name in ("base-free", "base-constrained", "tuned-free", "tuned-constrained"):
        rows = (folder / f"predictions-{name}.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(row)["id"] for row in rows] == ["p2", "p3"]


def test_the_two_tables_hold_the_same_cells(run):
    comparison, _ = run
    table = rich_table(comparison)
    columns = [[str(column.header), *column.cells] for column in table.columns]
    written = [line.strip("| ").split(" | ") for line in markdown_table(comparison).splitlines()]
    by_rows = [list(cells) for cells in zip(*columns, strict=True)]
    assert [written[0], *written[2:6]] == by_rows
    assert {"title right", "ingredients F1", "directions F1"} <= set(written[0])


def test_two_at_once_do_not_share_a_folder(tiny_gguf, recipe, tmp_path):
    with lock_folder(tmp_path), pytest.raises(UsageError, match="another process writes there"):
        compare([Arm("a", tiny_gguf, "schema")], PAIRS, recipe, out=tmp_path, **FAST)
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER_LOCK]


def test_a_killed_run_continues_and_nothing_else_is_reused(
    tiny_gguf: Path, recipe: Task, tmp_path: Path
):
    arms = [Arm("tiny", tiny_gguf, "schema")]
    compare(arms, PAIRS[:2], recipe, out=tmp_path, **FAST)
    file = tmp_path / "predictions-tiny-constrained.jsonl"
    first, second = file.read_text(encoding="utf-8").splitlines()
    marked = json.loads(first) | {"seconds": 1234.5}
    file.write_text(f"{json.dumps(marked)}\n{second[: len(second) // 2]}", encoding="utf-8")

    again = compare(arms, PAIRS, recipe, out=tmp_path, **FAST).arms[0]
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["p2", "p3", "p4"]
    assert rows[0]["seconds"] == 1234.5
    assert again.summary.seconds_mean > 400

    changed = recipe.model_copy(update={"instruction": "Extract it all."})
    fresh = compare(arms, PAIRS[:1], changed, out=tmp_path, **FAST).arms[0]
    assert fresh.summary.seconds_mean < 1234.5


def test_one_constraint_without_a_folder(tiny_gguf: Path, recipe: Task):
    with show_progress() as progress:
        found = evaluate(tiny_gguf, PAIRS[:1], recipe, ["schema"], **FAST, progress=progress)
    assert [(arm.name, arm.constraint) for arm in found.arms] == [("model", "schema")]
    assert found.folder is None


def test_what_can_not_be_evaluated_is_refused(tiny_gguf: Path, recipe: Task, tmp_path: Path):
    with pytest.raises(UsageError, match="limit of 0"):
        evaluate(tiny_gguf, PAIRS, recipe, limit=0)
    with pytest.raises(UsageError, match="Choose from none, schema"):
        evaluate(tiny_gguf, PAIRS, recipe, constraints=())
    with pytest.raises(UsageError, match="can not be read"):
        evaluate(tiny_gguf, tmp_path / "none.jsonl", recipe)
    with pytest.raises(DataError, match="comes 2 times"):
        evaluate(tiny_gguf, [PAIRS[0], PAIRS[0]], recipe)
    with pytest.raises(DataError, match="no pair"):
        evaluate(tiny_gguf, [], recipe)
    with pytest.raises(ModelError):
        evaluate(tmp_path / "none.gguf", PAIRS, recipe)
    with pytest.raises(UsageError, match="share a name"):
        compare([Arm("a", tiny_gguf, "none"), Arm("A", tiny_gguf, "none")], PAIRS, recipe)


def test_gold_that_breaks_the_schema_is_told_before_anything_is_run(recipe: Task):
    from setaccio.eval.compare import doubt_of_gold

    assert doubt_of_gold(PAIRS, recipe) == ""
    broken = [PAIRS[0], Pair("x", "Tea.", {"titel": "Tea"}), Pair("y", "Tea.", {"title": 3})]
    said: list[str] = []
    with pytest.raises(ModelError):  # the evaluation goes on, here to a model that is not there
        evaluate("nowhere.gguf", broken, recipe, tell=said.append)
    (sentence,) = said
    assert "gold of 2 of 3 documents breaks the schema of recipe, first that of id 'x'" in sentence
    assert "'title' is a required property" in sentence
