"""The transformers configuration of a GGUF.

Contract: ``model_config(gguf, vocabulary)`` gives the ``config.json`` of the model that llama.cpp
runs, for the architectures of ``CHECKED``. The names come from transformers' own table of GGUF
keys; what that table leaves out is added here (head sizes, rope scaling, attention windows, soft
caps), with llama.cpp's defaults where a file leaves a key out (its ``src/models/*.cpp``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from setaccio.data.errors import ModelError
from setaccio.models.gguf_base.reader import GgufFile
from setaccio.models.gguf_base.vocabulary import Vocabulary

_LLAMA3 = {
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
_GEMMA3_LOCAL_THETA = 10000.0
_TOLERANCE = 1e-3
_NEEDED = (
    "num_attention_heads",
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "rms_norm_eps",
)
_OTHER_NAMES = ("qwen2moe", "qwen3moe", "gpt-oss", "minimax-m2")  # as GGUF files write them
_NO_MODELS = {
    *("general", "tokenizer", "t5", "umt5"),
    *("qwen2_moe", "qwen3_moe", "gpt_oss", "minimax_m2", "mistral"),
}


def check_kind(gguf: GgufFile) -> None:
    """Refuse what is no language model that transformers can read.

    Raises:
        ModelError: an adapter, a vocabulary, or an architecture that is not known.
    """
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING
    from transformers.integrations.gguf import GGUF_CONFIG_ARCHS

    kind = gguf.architecture
    if gguf.metadata.get("general.type", "model") != "model":
        raise ModelError(
            f"{gguf.path}: is no model but of the type {gguf.metadata['general.type']!r}. Give the "
            "model that it belongs to."
        )
    known = {*GGUF_CONFIG_MAPPING, *GGUF_CONFIG_ARCHS, *_OTHER_NAMES} - _NO_MODELS
    if kind not in known:
        raise ModelError(
            f"{gguf.path}: transformers can not read the architecture {kind!r} from a GGUF. It "
            f"reads {', '.join(sorted(known))}; or use the model's safetensors folder."
        )
    if kind in CHECKED and gguf.of("expert_count", 0):
        raise ModelError(
            f"{gguf.path}: is a mixture of experts ({kind!r}), which transformers does not read "
            "from a GGUF. Use the model's safetensors folder."
        )
    if "token_embd.weight" not in gguf.tensors:
        raise ModelError(f"{gguf.path}: holds no embeddings. Give a model with its weights.")


def model_config(gguf: GgufFile, vocabulary: Vocabulary) -> dict[str, Any]:
    """Make the configuration, ``model_type`` included.

    Args:
        gguf: the file.
        vocabulary: what llama.cpp says about it.

    Raises:
        ModelError: a value that transformers has no place for.
    """
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    kind = gguf.architecture
    values: dict[str, Any] = {}
    for key, name in GGUF_CONFIG_MAPPING[kind].items():
        value = gguf.of(key)
        if name is not None and value is not None:
            values[name] = _single(gguf, key, value)
    values.pop("rope_theta", None)
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise ModelError(f"{gguf.path}: says nothing of its {missing[0]}. Convert it again.")
    embeddings = gguf.tensors["token_embd.weight"]
    heads = values["num_attention_heads"]
    values.setdefault("num_key_value_heads", heads)
    width = values["hidden_size"] // heads
    values |= {
        "model_type": kind,
        "vocab_size": embeddings.shape[0],
        "tie_word_embeddings": "output.weight" not in gguf.tensors,
        "head_dim": int(gguf.of("attention.key_length", width)),
        "rope_parameters": _rope(gguf),
        "bos_token_id": vocabulary.bos,
        "eos_token_id": vocabulary.eos,
        "pad_token_id": vocabulary.eos if vocabulary.pad is None else vocabulary.pad,
    }
    CHECKED[kind](gguf, values)
    return values


def _single(gguf: GgufFile, key: str, value: Any) -> Any:
    """Some files repeat a value for each layer."""
    if isinstance(value, list):
        if len(set(value)) != 1:
            raise ModelError(
                f"{gguf.path}: {gguf.architecture}.{key} differs from layer to layer, which "
                "transformers has no place for. It can not be a base."
            )
        return value[0]
    return value


def _rope(gguf: GgufFile) -> dict[str, Any]:
    rope: dict[str, Any] = {
        "rope_type": "default",
        "rope_theta": float(gguf.of("rope.freq_base", 10000.0)),
    }
    # Without a type llama.cpp takes the scaling to be linear, and "none" for none whatever else.
    kind = str(gguf.of("rope.scaling.type", "linear"))
    factor = float(gguf.of("rope.scaling.factor", gguf.of("rope.scale_linear", 0)) or 1.0)
    if kind == "linear" and factor != 1.0:
        rope |= {"rope_type": "linear", "factor": factor}
    elif kind == "yarn":
        original = gguf.of("rope.scaling.original_context_length", gguf.of("context_length"))
        rope |= {
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": int(original),
        }
        for key in ("beta_fast", "beta_slow"):
            value = gguf.of(f"rope.scaling.yarn_{key}")
            if value is not None:
                rope[key] = float(value)
    elif kind not in ("none", "linear", "longrope"):
        raise ModelError(f"{gguf.path}: its rope scaling is {kind!r}, which is not known here.")
    return rope


def _llama(gguf: GgufFile, values: dict[str, Any]) -> None:
    values["attention_bias"] = "blk.0.attn_output.bias" in gguf.tensors
    values["mlp_bias"] = "blk.0.ffn_down.bias" in gguf.tensors
    if "rope_freqs.weight" in gguf.tensors:
        _llama3_rope(gguf, values)


def _llama3_rope(gguf: GgufFile, values: dict[str, Any]) -> None:
    """The file holds what Llama 3's scaling makes of each frequency; find the factor behind it."""
    found = gguf.tensor("rope_freqs.weight").tolist()
    factor = max(found)
    theta, dim = values["rope_parameters"]["rope_theta"], 2 * len(found)
    original = _LLAMA3["original_max_position_embeddings"]
    low, high = original / _LLAMA3["low_freq_factor"], original / _LLAMA3["high_freq_factor"]
    expected = []
    for i in range(len(found)):
        length = 2 * math.pi * theta ** (2 * i / dim)
        if length < high or length > low:
            expected.append(1.0 if length < high else factor)
            continue
        smooth = (original / length - _LLAMA3["low_freq_factor"]) / (
            _LLAMA3["high_freq_factor"] - _LLAMA3["low_freq_factor"]
        )
        expected.append(1 / ((1 - smooth) / factor + smooth))
    pairs = zip(found, expected, strict=True)
    if any(abs(a - b) > _TOLERANCE * b for a, b in pairs):
        raise ModelError(
            f"{gguf.path}: its rope_freqs are not those of Llama 3's scaling, which transformers "
            "has no place for. It can not be a base."
        )
    if factor > 1:
        values["rope_parameters"] |= {"rope_type": "llama3", "factor": factor, **_LLAMA3}


def _phi3(gguf: GgufFile, values: dict[str, Any]) -> None:
    values["sliding_window"] = None  # llama.cpp ignores the file's
    rotated = int(gguf.of("rope.dimension_count", values["head_dim"]))
    values["rope_parameters"]["partial_rotary_factor"] = rotated / values["head_dim"]
    original = int(
        gguf.of("rope.scaling.original_context_length", values["max_position_embeddings"])
    )
    values["original_max_position_embeddings"] = original
    long, short = (f"rope_factors_{name}.weight" for name in ("long", "short"))
    if long in gguf.tensors and short in gguf.tensors:
        values["rope_parameters"] |= {
            "rope_type": "longrope",
            "long_factor": gguf.tensor(long).tolist(),
            "short_factor": gguf.tensor(short).tolist(),
            "original_max_position_embeddings": original,
            "factor": values["max_position_embeddings"] / original,
            "attention_factor": float(gguf.of("rope.scaling.attn_factor", 1.0)),
        }


def _gemma(values: dict[str, Any], layers: int) -> None:
    """What both have: their largest model, known by its layers, has its own scale of attention."""
    largest = values["num_hidden_layers"] == layers
    width = values["hidden_size"] // values["num_attention_heads"]
    values["query_pre_attn_scalar"] = width if largest else values["head_dim"]
    values["hidden_activation"] = "gelu_pytorch_tanh"


def _gemma2(gguf: GgufFile, values: dict[str, Any]) -> None:
    _gemma(values, 46)
    values["tie_word_embeddings"] = True  # llama.cpp ignores an output of its own
    values["sliding_window"] = int(gguf.of("attention.sliding_window", 4096))
    values["attn_logit_softcapping"] = float(gguf.of("attn_logit_softcapping", 50.0))
    values["final_logit_softcapping"] = float(gguf.of("final_logit_softcapping", 30.0))


def _gemma3(gguf: GgufFile, values: dict[str, Any]) -> None:
    _gemma(values, 62)
    values["model_type"] = "gemma3_text"
    window = int(gguf.of("attention.sliding_window", 0) or 0)
    local = float(gguf.of("rope.freq_base_swa", _GEMMA3_LOCAL_THETA))
    values["rope_parameters"] = {
        "full_attention": values["rope_parameters"],
        "sliding_attention": {"rope_type": "default", "rope_theta": local},
    }
    layers = values["num_hidden_layers"]
    pattern = gguf.of("attention.sliding_window_pattern", 6)
    windowed = (
        pattern
        if isinstance(pattern, list)
        else [pattern == 0 or (i + 1) % pattern for i in range(layers)]
    )
    if window:
        values["sliding_window"] = window
    values["layer_types"] = [
        "sliding_attention" if window and windowed[i] else "full_attention" for i in range(layers)
    ]
    cap = float(gguf.of("final_logit_softcapping", 0.0) or 0.0)
    values["final_logit_softcapping"] = cap or None


def _plain(gguf: GgufFile, values: dict[str, Any]) -> None:
    """Nothing to add."""


CHECKED: dict[str, Callable[[GgufFile, dict[str, Any]], None]] = {
    "llama": _llama,
    "qwen2": _plain,
    "qwen3": _plain,
    "phi3": _phi3,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
}
