"""Training on a GPU with Unsloth and with the plain stack, and its result on a CPU.

Run with: pytest tests/train/test_gpu.py. Where SETACCIO_GPU_RESULT names a folder, the trained runs
are kept in it; brought to a machine without a GPU, the last tests prove them there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts.gpu_check import environment, run_part
from scripts.gpu_report import compare

from setaccio.data.recipes.generate import generate_pairs
from setaccio.data.records import Document, write_pairs
from setaccio.runtime import Extractor

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

NAMED = os.environ.get("SETACCIO_GPU_RESULT")
STACKS = ("unsloth", "trl")
on_gpu = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]
came_back = pytest.mark.skipif(not NAMED, reason="SETACCIO_GPU_RESULT names no result")


def part(do: str, job: dict, work: Path, *, gpu: bool = True) -> dict:
    """Do a part of the GPU check in a child process, as Unsloth must be imported first."""
    answer = work / f"{do}-{time.monotonic_ns()}.json"
    job = {**job, "folder": str(work), "answer": str(answer)}
    command = [sys.executable, "-m", "scripts.gpu_check", "--part", do, json.dumps(job)]
    log = answer.with_suffix(".log")
    run_part(command, environment(work / "gpu", None, gpu=gpu), log, time.monotonic() + 600)
    return json.loads(answer.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Path:
    folder = Path(NAMED).resolve() if NAMED else tmp_path_factory.mktemp("gpu")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def train(result, tiny_base):
    """Train the tiny base with a stack once; returns what was measured."""
    write_pairs(result / "pairs.jsonl", generate_pairs(4000, 11))
    write_pairs(result / "documents.jsonl", generate_pairs(20, 12, held_out=True))
    found: dict[tuple, dict] = {}

    def trained(stack: str, **changes) -> dict:
        key = (stack, *sorted(changes.items()))
        if key not in found:
            config = {
                "base": str(tiny_base),
                "task": "recipe",
                "pairs": str(result / "pairs.jsonl"),
                "out": str(result / "-".join(["tiny", stack, *map(str, changes.values())])),
                "backend": stack,
                "rank": 32,
                "alpha": 64,
                "learning_rate": 2e-3,
                "batch_size": 16,
                "max_length": 1536,
                "max_steps": 200,
                "validation_share": 0.0,
                "save_steps": 0,
                "report_to": "none",
                "drop_long": True,
                "overwrite": True,
            }
            found[key] = part("train_arm", {"config": config | changes, "warm_up": 2}, result)
        return {"backend": stack, **found[key]}

    return trained


class TestOnGpu:
    pytestmark = on_gpu

    @pytest.mark.parametrize("stack", STACKS)
    def test_the_loss_falls(self, train, stack):
        losses = train(stack)["losses"]
        assert len(losses) == 200
        assert losses[-1] < 0.7 * losses[0]

    @pytest.mark.parametrize("stack", STACKS)
    def test_a_base_of_four_bits_is_trained(self, train, stack):
        losses = train(stack, method="qlora", max_steps=20)["losses"]
        assert losses[-1] < losses[0]

    def test_both_stacks_follow_one_curve(self, train):
        arms = [train(stack) for stack in STACKS]
        for arm in arms:
            arm["losses"] = arm["losses"][:40]
        assert compare(arms)["curves"]["overlap"]

    @pytest.mark.parametrize("stack", STACKS)
    def test_the_adapter_is_exported_and_extracts_on_the_cpu(self, train, result, stack):
        train(stack)
        job = {"run": f"tiny-{stack}", "quantisations": ["q8_0"], "max_tokens": None}
        carried = part("carry", job, result, gpu=False)
        assert [file["ok"] for file in carried["files"]] == [True]
        assert carried["documents"] == 20
        assert carried["json"] == carried["fits_schema"] > 0


@came_back
@pytest.mark.parametrize("stack", STACKS)
def test_the_adapter_that_came_back_has_parity(result, tiny_base, tmp_path, stack):
    from setaccio.export import export

    run = result / f"tiny-{stack}"
    if not (run / "run.json").is_file():
        pytest.skip(f"{run.name} is not there")
    report = export(run, tmp_path / "gguf", quantisations=("q8_0",), base=tiny_base)
    assert [file.parity.ok for file in report.files] == [True]


@came_back
def test_the_gguf_made_there_extracts_here(result):
    gguf = next((result / "gguf").glob("tiny-*.gguf"))
    documents = [Document(pair.id, pair.text) for pair in generate_pairs(5, 12, held_out=True)]
    rows = list(Extractor(gguf).extract_all(documents))
    assert len(rows) == 5
    assert all(set(row.data) == {"title", "ingredients", "directions"} for row in rows if row.data)
    assert any(row.data for row in rows)
