"""GGUF files as bases, from training to extraction.

Run: pytest tests/train/backend/test_gguf_base_path.py

Random weights and small vocabularies, for each architecture that can be a base: what is proved is
that the way from the file through training and back keeps the model and its token ids.
"""

from __future__ import annotations

import json

import pytest

pytest.importorskip("trl")

from random_ggufs import KINDS, make_gguf
from train_parts import make_pairs, write_jsonl

from setaccio.data.errors import ModelError, TrainError
from setaccio.data.records import Pair
from setaccio.export import converter_root, export
from setaccio.export.gguf.llamacpp_source import SOURCE_VARIABLE
from setaccio.models.gguf_base.reader import read_gguf
from setaccio.runtime import Extractor
from setaccio.train import load_config, train
from setaccio.train.backend.base import load_tokenizer, resolve_base
from setaccio.train.dry_run import dry_run

QUANTISATIONS = {"llama": "q8_0", "qwen2": "q4_k_m", "qwen3": "q4_0", "gemma3": "f16"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, with llama.cpp's converter from where it was fetched."""
    monkeypatch.setenv(SOURCE_VARIABLE, str(converter_root()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def tokenizer_metadata(path):
    file, data = read_gguf(path), path.read_bytes()
    return {k: data[a:b] for k, (a, b) in file.spans.items() if k.startswith("tokenizer.")}


def values(tmp_path, base, task_file, pairs_file, **more):
    return {
        "base": str(base),
        "task": str(task_file),
        "pairs": str(pairs_file),
        "out": str(tmp_path / "run"),
        "rank": 8,
        "learning_rate": 1e-2,
        "batch_size": 4,
        "max_steps": 2,
        "max_length": 512,
        "validation_share": 0,
        "threads": 1,
        "report_to": "none",
        **more,
    }


def held_out():
    return [Pair(row["id"], row["text"], row["gold"]) for row in make_pairs(2, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_gguf_goes_from_training_to_extraction(name, tmp_path, task_file, pairs_file):
    base = make_gguf(name, tmp_path, QUANTISATIONS.get(name, "q8_0"))
    result = train(load_config(None, values(tmp_path, base, task_file, pairs_file)))
    assert result.steps == 2
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["base_gguf"] == str(base)
    report = export(tmp_path / "run", tmp_path / "out", quantisations=("q8_0",), pairs=held_out())
    assert report.merge.changed == report.merge.tensors > 0
    assert report.conversion.ok and report.conversion.ids_equal
    (file,) = report.files
    assert file.parity.ok and file.parity.template_equal and file.parity.stops
    assert tokenizer_metadata(file.path) == tokenizer_metadata(base)
    made = read_gguf(file.path).metadata
    assert made["setaccio.base_gguf_sha256"] == record["base_gguf_sha256"]
    extraction = Extractor(file.path).extract("Ada lives in Bari.")
    assert extraction.data is not None


@pytest.mark.slow
@pytest.mark.parametrize("marks", [["<|im_start|>", "<|im_end|>"], []])
def test_a_plain_base_learns_to_stop(marks, tmp_path, task_file, monkeypatch):
    """ChatML where the vocabulary has its marks, and where it does not."""
    base = make_gguf("llama", tmp_path, template=None, marks=marks)
    rows = make_pairs(2)[:1] * 4
    pairs_file = write_jsonl(
        tmp_path / "pairs.jsonl", [{**r, "id": str(n)} for n, r in enumerate(rows)]
    )
    plan = values(tmp_path, base, task_file, pairs_file, max_steps=60, rank=32)
    with pytest.raises(ModelError, match="--template chatml"):
        train(load_config(None, plan))
    train(load_config(None, {**plan, "template": "chatml"}))
    (file,) = export(tmp_path / "run", tmp_path / "out", quantisations=("f16",)).files
    kept = tokenizer_metadata(file.path)
    assert "<|im_start|>" in read_gguf(file.path).metadata["tokenizer.chat_template"]
    kept.pop("tokenizer.chat_template")
    assert kept == tokenizer_metadata(base)
    extraction = Extractor(file.path, constraint="none").extract(rows[0]["text"])
    assert extraction.finish_reason == "stop"
    assert extraction.data == rows[0]["gold"]


def test_a_gguf_is_tried_without_training(tmp_path, tiny_gguf, recipe_file, recipe_pairs):
    rows = [pair.to_dict() for pair in recipe_pairs[:8]]
    pairs_file = write_jsonl(tmp_path / "pairs.jsonl", rows)
    plan_values = values(tmp_path, tiny_gguf, recipe_file, pairs_file, max_length=1024)
    plan = dry_run(load_config(None, plan_values))
    assert plan.steps == 2
    assert not (tmp_path / "run").exists()


def test_a_template_that_never_stops_is_refused(tmp_path, tiny_gguf, recipe_file, recipe_pairs):
    template = tmp_path / "own.jinja"
    template.write_text(
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }} THE END\n{% endfor %}"
    )
    rows = [pair.to_dict() for pair in recipe_pairs[:8]]
    pairs_file = write_jsonl(tmp_path / "pairs.jsonl", rows)
    plan = values(tmp_path, tiny_gguf, recipe_file, pairs_file, template=str(template))
    with pytest.raises(TrainError, match="eos_token"):
        train(load_config(None, plan))


def test_a_template_is_chosen_by_name_or_file(tmp_path, tiny_gguf):
    base = resolve_base(str(tiny_gguf), template="zephyr")
    tokenizer = load_tokenizer(base)
    assert "<|assistant|>" in tokenizer.chat_template
    assert "end_of_turn = eos_token" in tokenizer.chat_template
    with pytest.raises(ModelError, match="chatml"):
        resolve_base(str(tiny_gguf), template="no-such")


@pytest.mark.smollm2
def test_the_default_base_is_proved(smollm2):
    base = resolve_base(str(smollm2))
    record = json.loads((base.folder / "gguf.json").read_text(encoding="utf-8"))
    assert record["proof"]["strings"] >= 10_000
    assert record["proof"]["mean_kl"] < 0.01
    tokenizer = load_tokenizer(base)
    assert tokenizer.convert_ids_to_tokens(tokenizer.eos_token_id) == "<|im_end|>"
