"""An adapter's four arms over one GGUF. Run: pytest tests/eval/test_evaluate_adapter.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from adapter_parts import write_adapter

from setaccio.data import Pair, Task
from setaccio.data.errors import UsageError
from setaccio.eval import Comparison
from setaccio.eval.arms import arms
from setaccio.eval.arms.progress import ArmProgress
from setaccio.eval.evaluate import evaluate
from setaccio.eval.studies.sweep import sweep
from setaccio.runtime import load_model

PAIRS = [
    Pair(str(n), f"Pen number {n} is blue.", {"name": "pen", "colour": "blue"}) for n in range(2)
]
FAST = {"max_tokens": 8, "threads": 1}
OTHER_BASE = {"setaccio.base_gguf_sha256": "ab" * 32}


@pytest.fixture(scope="module")
def thing() -> Task:
    """Another task than the GGUF carries."""
    fields = {name: {"type": "string"} for name in ("name", "colour")}
    return Task.from_schema({"title": "thing", "type": "object", "properties": fields})


@pytest.fixture(scope="module")
def adapter(tiny_gguf: Path, thing: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    values = {"setaccio.task": thing.to_metadata(), **OTHER_BASE}
    return write_adapter(tiny_gguf, folder / "things.gguf", 1, values)


@pytest.fixture(scope="module")
def run(
    tiny_gguf: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Comparison, list[Path], list[str]]:
    """The comparison, the files that were loaded for it, and what was said about it."""
    loaded: list[Path] = []
    said: list[str] = []

    def load(path: Path, **options: int) -> object:
        loaded.append(path)
        return load_model(path, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arms, "load_model", load)
        out = tmp_path_factory.mktemp("run")
        found = evaluate(tiny_gguf, PAIRS, adapter=adapter, out=out, tell=said.append, **FAST)
    return found, loaded, said


def test_base_and_tuned_each_free_and_constrained_over_one_load(run, tiny_gguf, adapter):
    comparison, loaded, _ = run
    assert [(arm.name, arm.constraint) for arm in comparison.arms] == [
        ("base", "none"),
        ("base", "schema"),
        ("tuned", "none"),
        ("tuned", "schema"),
    ]
    both = f"{tiny_gguf.name} + {adapter.name}"
    assert [arm.model for arm in comparison.arms] == [tiny_gguf.name] * 2 + [both] * 2
    more = comparison.arms[2].size_bytes - comparison.arms[0].size_bytes
    assert more == adapter.stat().st_size
    assert loaded == [tiny_gguf]


def test_all_arms_have_the_adapters_task(run, thing):
    comparison, _, _ = run
    assert comparison.task.digest == thing.digest
    for arm in comparison.arms:
        if arm.constraint == "schema":
            assert arm.summary.l1.mean == 1.0


def test_a_base_with_another_hash_is_said(run):
    _, _, said = run
    assert any("SHA-256 abababababab..." in sentence for sentence in said)


def test_the_run_says_which_adapter_and_another_one_is_made_anew(run, tiny_gguf, thing, tmp_path):
    comparison, _, _ = run
    config = json.loads((comparison.folder / "config.json").read_text(encoding="utf-8"))
    known = [arm.get("adapter") for arm in config["arms"]]
    assert known == [None, None, "things.gguf", "things.gguf"]
    values = {"setaccio.task": thing.to_metadata()}
    other = write_adapter(tiny_gguf, tmp_path / "things.gguf", 2, values)
    made: list[tuple[str, int]] = []

    def note(state: ArmProgress) -> None:
        made.append((state.arm, state.done))

    evaluate(tiny_gguf, PAIRS, adapter=other, out=comparison.folder, progress=note, **FAST)
    begun = dict(reversed(made))  # documents that were there when an arm began
    assert [begun[label] for label in begun if "base" in label] == [2, 2]
    assert [begun[label] for label in begun if "tuned" in label] == [0, 0]


def test_an_adapter_alone_is_no_model(adapter):
    with pytest.raises(UsageError, match=r"things\.gguf: is an adapter"):
        evaluate(None, PAIRS, adapter=adapter)


def test_a_sweep_puts_it_on_every_file(tiny_gguf, adapter, tmp_path):
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(tiny_gguf.read_bytes())
    found = sweep([tiny_gguf, copy], PAIRS, adapter=adapter, **FAST)
    assert {row.arm.model for row in found.rows} == {
        f"{path.name} + things.gguf" for path in (tiny_gguf, copy)
    }
    assert found.comparison.task.name == "thing"
