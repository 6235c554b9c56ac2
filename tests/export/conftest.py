"""A tiny Qwen2 model with its own vocabulary, a real adapter, and what an export makes of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from export_parts import CALIBRATION, PAIRS, TEXTS, save_adapter

from setaccio.export import ExportReport, converter_root, export
from setaccio.export.proof.reference import Reference, make_reference


@pytest.fixture(scope="session")
def task(recipe):
    return recipe


@pytest.fixture(scope="session")
def source() -> Path:
    return converter_root()


def _save_base(folder: Path, task) -> None:
    import torch
    from small_tokenizer import END_OF_TURN, PAD, train_tokenizer
    from transformers import Qwen2Config, Qwen2ForCausalLM

    words = [task.messages(text)[0]["content"] for text in TEXTS] + TEXTS
    tokenizer = train_tokenizer(words * 20, vocabulary=512)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=512,
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=0.08,  # Wide enough for logits that choose a token clearly.
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(END_OF_TURN),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def base(tmp_path_factory, task) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny-base"
    _save_base(folder, task)
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory, base, task) -> Path:
    """A training run's folder, as training leaves it."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    save_adapter(base, folder / "adapter", trained=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(base / name, folder / "adapter" / name)
    (folder / "task.json").write_text(task.to_metadata(), encoding="utf-8")
    record = {"base_model": "tiny-base", "training_data_sha256": "ab" * 32, "seed": 1}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory, run, source) -> ExportReport:
    folder = tmp_path_factory.mktemp("exported")
    kinds = ("f16", "q8_0", "Q4_K_M", "q4_0")
    return export(
        run, folder, quantisations=kinds, pairs=PAIRS, calibration=CALIBRATION, source=source
    )


@pytest.fixture(scope="session")
def reference(base, task) -> Reference:
    return make_reference(base, task, TEXTS, max_new_tokens=16)


@pytest.fixture(scope="session")
def plain(tmp_path_factory, base, source) -> ExportReport:
    """The base itself, exported without a task."""
    folder = tmp_path_factory.mktemp("plain")
    return export(base, folder, quantisations=["f16"], source=source)


@pytest.fixture(scope="session")
def base_gguf(plain) -> Path:
    return plain.files[0].path


@pytest.fixture
def copied(tmp_path, base) -> Path:
    """A copy of the base to damage."""
    return Path(shutil.copytree(base, tmp_path / "copy"))
