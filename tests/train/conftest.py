"""A random model of a few layers with its own small vocabulary: real files, real libraries."""

import json

import pytest

pytest.importorskip("torch")

from train_parts import SCHEMA, make_pairs, write_jsonl


@pytest.fixture(scope="session")
def task_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("task") / "person.json"
    task = {"name": "person", "instruction": "Find the person.", "schema": SCHEMA}
    path.write_text(json.dumps(task), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_base(tmp_path_factory):
    """Folder of a Qwen2 model with 2 layers of width 64 and a ChatML tokenizer."""
    import torch
    from small_tokenizer import train_tokenizer
    from transformers import Qwen2Config, Qwen2ForCausalLM

    texts = [
        json.dumps(row["gold"], separators=(",", ":")) + row["text"] for row in make_pairs(200)
    ]
    tokenizer = train_tokenizer([*texts, json.dumps(SCHEMA, separators=(",", ":"))] * 3, 500)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    folder = tmp_path_factory.mktemp("bases") / "small"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(small_base):
    from setaccio.train.backend.base import load_tokenizer, resolve_base

    return load_tokenizer(resolve_base(str(small_base)))


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory):
    return write_jsonl(tmp_path_factory.mktemp("pairs") / "pairs.jsonl", make_pairs(48))


@pytest.fixture
def settings(tmp_path, small_base, task_file, pairs_file):
    """Values for ``load_config``: a run that takes a second or two."""
    return {
        "base": str(small_base),
        "task": str(task_file),
        "pairs": str(pairs_file),
        "out": str(tmp_path / "run"),
        "rank": 8,
        "alpha": 16,
        "learning_rate": 1e-2,
        "batch_size": 8,
        "max_steps": 10,
        "max_length": 256,
        "threads": 1,
        "report_to": "none",
    }
