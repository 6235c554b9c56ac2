"""The sizes of each preset's base, and which bases are alike but for them.

``PUBLISHED`` has what each base's ``config.json`` says of its size, under the preset's name.
"""

from __future__ import annotations

from typing import Any

_SIZE_NAMES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
)


def _sizes(*sizes: int, **others: Any) -> dict[str, Any]:
    """Width, feed-forward width, depth, heads and those of keys; what else goes with a size."""
    return {**dict(zip(_SIZE_NAMES, sizes, strict=True)), **others}


def linear_rope(theta: float) -> dict[str, Any]:
    """Plain rotary positions."""
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}


def long_rope(halves: int) -> dict[str, Any]:
    """Phi-4 mini's rope, which turns three quarters of a head; the long factors are made up."""
    return {
        "rope_parameters": {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 4096,
            "short_factor": [1.0] * halves,
            "long_factor": [1.0 + 0.5 * i for i in range(halves)],
        },
        "partial_rotary_factor": 0.75,
    }


def short_convolutions(feed_forward: int, attention: list[int]) -> dict[str, Any]:
    """LFM2's layers: those not named have a convolution in the place of attention."""
    return {"block_ff_dim": feed_forward, "full_attn_idxs": attention}


def mamba(depth: int, attention: list[int], heads: int, width: int = 8192) -> dict[str, Any]:
    """Granite 4's layers: those not named are Mamba 2's."""
    kinds = ["attention" if layer in attention else "mamba" for layer in range(depth)]
    return {"layer_types": kinds, "mamba_n_heads": heads, "shared_intermediate_size": width}


PUBLISHED: dict[str, dict[str, Any]] = {
    "qwen2.5-1.5b": _sizes(1536, 8960, 28, 12, 2),
    "qwen3-0.6b": _sizes(1024, 3072, 28, 16, 8),
    "qwen3-1.7b": _sizes(2048, 6144, 28, 16, 8),
    "qwen3-4b": _sizes(2560, 9728, 36, 32, 8),
    "gemma-3-270m": _sizes(640, 2048, 18, 4, 1),
    "gemma-3-1b": _sizes(1152, 6912, 26, 4, 1),
    "smollm2-360m": _sizes(960, 2560, 32, 15, 5, **linear_rope(1e5)),
    "smollm2-1.7b": _sizes(2048, 8192, 24, 32, 32, **linear_rope(1.3e5)),
    "smollm3-3b": _sizes(2048, 11008, 36, 16, 4),
    "llama-3.2-1b": _sizes(2048, 8192, 16, 32, 8),
    "llama-3.2-3b": _sizes(3072, 8192, 28, 24, 8),
    "llama-3.1-8b": _sizes(4096, 14336, 32, 32, 8),
    "phi-3-mini": _sizes(3072, 8192, 32, 32, 32),
    "phi-4-mini": _sizes(3072, 8192, 32, 24, 8, **long_rope(48)),
    "mistral-7b": _sizes(4096, 14336, 32, 32, 8),
    "lfm2-350m": _sizes(1024, 6656, 16, 16, 8, **short_convolutions(6656, [2, 5, 8, 10, 12, 14])),
    "lfm2-1.2b": _sizes(2048, 12288, 16, 32, 8, **short_convolutions(12288, [2, 5, 8, 10, 12, 14])),
    "granite-4-micro": _sizes(2560, 8192, 40, 40, 8, **mamba(40, list(range(40)), 80)),
    "granite-4-h-micro": _sizes(2048, 8192, 40, 32, 8, **mamba(40, [5, 15, 25, 35], 64)),
}
ALIKE = {
    "qwen3-1.7b": "qwen3-0.6b",
    "qwen3-4b": "qwen3-0.6b",
    "gemma-3-1b": "gemma-3-270m",
    "smollm2-1.7b": "smollm2-360m",
    "llama-3.2-3b": "llama-3.2-1b",
    "lfm2-1.2b": "lfm2-350m",
}
