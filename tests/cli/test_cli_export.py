"""`setaccio export` as a user meets it. Run with: pytest tests/cli/test_cli_export.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli_process import Run

from setaccio.data import Task
from setaccio.data.records import Pair


def make_run(folder: Path, base: Path, task: Task, *, trained: bool) -> Path:
    """A training run's folder with an adapter of random weights, or of none."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    for name, weight in adapted.named_parameters():
        if trained and "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    adapted.save_pretrained(folder / "adapter")
    (folder / "task.json").write_text(task.to_metadata(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, recipe: Task) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "mine", tiny_base, recipe, trained=True)


@pytest.fixture
def pairs(tmp_path: Path, recipe_pairs: list[Pair]) -> Path:
    path = tmp_path / "held.jsonl"
    rows = [pair.to_dict() for pair in recipe_pairs[-3:]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_proof_is_printed_and_the_card_takes_an_evaluation(
    run: Run, trained: Path, pairs: Path, tmp_path: Path
) -> None:
    flags = ["--quant", "q8_0,q4_0", "--pairs", pairs, "--held-out", "2", "--out", "out"]
    done = run("export", trained, *flags)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    for sentence in (
        "Token ids of 4 prompts, a hard text among them: equal in every file",
        "Chat template: equal in every file",
        "End token: equal in every file",
        "Tokens that end an answer: all heeded",
        "16 bits against transformers: KL",
        "Loss, base + adapter:",
        "Loss, 16-bit:",
    ):
        assert sentence in said
    assert "Predicted sizes: Q8_0" in done.stderr
    assert f"extract notes.txt --model {Path('out') / 'mine-q8_0.gguf'}" in done.stderr
    listed = {path.name for path in (tmp_path / "out").iterdir()}
    assert listed == {
        "mine-q8_0.gguf", "mine-q4_0.gguf", "export.json", "README.md", "Modelfile",
        "ollama-request.json", "task.json",
    }  # fmt: skip

    evaluated = run(
        "eval", "--model", "out/mine-q4_0.gguf", "--pairs", pairs, "--out", "ev",
        "--max-tokens", "16", "--limit", "1",
    )  # fmt: skip
    assert evaluated.returncode == 0, evaluated.stderr
    done = run("export", "out", "--evaluation", "ev", "--licence", "apache-2.0")
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card and "## Metrics" in card
    assert "| mine-q4_0" in card and "Chat template: equal in every file" in card


def test_an_adapter_that_changes_nothing_is_one_line_and_no_file(
    run: Run, tmp_path: Path, tiny_base: Path, recipe: Task
) -> None:
    folder = make_run(tmp_path / "untrained", tiny_base, recipe, trained=False)
    done = run("export", folder, "--out", "out")
    assert done.returncode == 7
    assert "the merged model equals the base" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_embeddings_can_not_go_into_an_adapter_file(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "whole")
    path = folder / "adapter" / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "modules_to_save": ["embed_tokens"]}), encoding="utf-8")
    done = run("export", folder, "--adapter-only", "--out", "out")
    assert done.returncode == 7
    said = " ".join(done.stderr.split())
    assert "whole layers too (embed_tokens)" in said and "without --adapter-only" in said


def test_adapter_only_takes_no_quantisation(run: Run, trained: Path) -> None:
    done = run("export", trained, "--adapter-only", "--quant", "q8_0")
    assert done.returncode == 2
    assert "--adapter-only merges and quantises nothing" in done.stderr


def test_an_adapter_alone_is_proved_scored_and_measured(
    run: Run, trained: Path, pairs: Path, tmp_path: Path
) -> None:
    flags = ["--adapter-only", "--pairs", pairs, "--held-out", "1", "--out", "out"]
    done = run("export", trained, *flags)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "out" / "mine-adapter.gguf"
    assert f"mine-adapter.gguf: {path.stat().st_size:,} bytes" in done.stderr
    assert "--adapter out/mine-adapter.gguf" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row for row in rows if row[:4] == ["base", "+", "adapter", "schema"]]
    assert [row for row in rows if row[:2] == ["merged", "free"]]
    content = json.loads((tmp_path / "out" / "export-adapter.json").read_text())
    assert {row["model"] for row in content["scores"]} == {"base + adapter", "merged"}
    assert {row["documents"] for row in content["scores"]} == {1}


def test_flags_of_an_adapter_go_with_adapter_only(run: Run, trained: Path) -> None:
    done = run("export", trained, "--adapter-type", "f16")
    assert done.returncode == 2 and "--adapter-only" in done.stderr
