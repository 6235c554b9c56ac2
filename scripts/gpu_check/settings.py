"""Every number of the check, for the GPU and for the rehearsal: the one place to change them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

# A base small enough to be brought back: the fixture of the tests.
TINY_BASE = str(Path(__file__).parents[2] / "tests" / "fixtures" / "tiny-base")

# Qwen 2.5 1.5B's published shape.
QWEN_1_5B = {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
    "rope_theta": 1_000_000.0,
    "rms_norm_eps": 1e-6,
    "vocab_size": 151_936,
    "initializer_range": 0.02,
}
NARROW = {
    **QWEN_1_5B,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 4096,
}
SPEED_TARGET = 1.5  # Unsloth's tokens/s over the plain stack's, at least
MEMORY_TARGET = 0.7  # Unsloth's peak memory over the plain stack's, at most
ARMS = ("unsloth", "trl", "trl", "unsloth")  # A-B-B-A: a drift of the machine hits both alike
COMMON = {
    "task": "recipe",
    "validation_share": 0.0,
    "epochs": 1,
    "save_steps": 0,
    "keep_checkpoints": 1,
    "report_to": "none",
    "drop_long": True,
    "seed": 7,
}


class Settings(NamedTuple):
    """What one check does.

    Attributes:
        shape: of the model with random weights.
        training: settings of each arm, for ``setaccio.train.load_config``.
        pairs: training pairs made for the arms.
        warm_up: optimiser steps that are not timed (compilation falls into them).
        quantisations: what the adapter of the first arm is exported to.
        documents: texts that the exported model extracts from.
        max_tokens: longest answer of a model with random weights.
        tiny: settings of the second training, of the tiny base.
        tiny_pairs: its training pairs.
        tiny_documents: texts that its export extracts from.
        minutes: for the whole check.
        part_seconds: longest time of one training; what hangs leaves the others theirs.
        gpu_gib: free GPU memory needed.
        disk_gib: free disk needed.
    """

    shape: dict[str, Any]
    training: dict[str, Any]
    pairs: int
    warm_up: int
    quantisations: tuple[str, ...]
    documents: int
    max_tokens: int
    tiny: dict[str, Any]
    tiny_pairs: int
    tiny_documents: int
    minutes: float
    part_seconds: float
    gpu_gib: float
    disk_gib: float


GPU = Settings(
    shape=QWEN_1_5B,
    training={
        **COMMON,
        "method": "qlora",
        "rank": 16,
        "alpha": 16,
        "learning_rate": 2e-4,
        "batch_size": 8,
        "max_length": 1024,
        "gradient_checkpointing": True,
        "max_steps": 60,
    },
    pairs=640,
    warm_up=20,
    quantisations=("q8_0", "q4_k_m"),
    documents=3,
    max_tokens=64,
    tiny={
        **COMMON,
        "base": TINY_BASE,
        "rank": 32,
        "alpha": 64,
        "learning_rate": 2e-3,
        "batch_size": 16,
        "max_length": 1536,
        "max_steps": 200,
    },
    tiny_pairs=4000,
    tiny_documents=20,
    minutes=9.5,
    part_seconds=170,
    gpu_gib=14,
    disk_gib=20,
)
REHEARSAL = GPU._replace(
    shape=NARROW,
    training={
        **GPU.training,
        "method": "lora",
        "rank": 4,
        "alpha": 4,
        "learning_rate": 2e-2,  # so few steps must show that the loss falls
        "batch_size": 2,
        "max_steps": 6,
        "gradient_checkpointing": False,
    },
    pairs=24,
    warm_up=2,
    quantisations=("q8_0",),
    documents=2,
    max_tokens=24,
    tiny={**GPU.tiny, "batch_size": 4, "max_steps": 3},
    tiny_pairs=24,
    tiny_documents=2,
    minutes=60,  # of a busy machine; a free one takes a few
    part_seconds=1200,
    gpu_gib=0,
    disk_gib=1,
)
