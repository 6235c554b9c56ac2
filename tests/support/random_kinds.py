"""What makes each preset's base what it is, its size apart: architecture, vocabulary, template.

Contract: ``KINDS`` has one entry for each family, under the name of its first preset; ``ALIKE``
(:mod:`random_sizes`) names that preset for the others. Vocabularies are the real ones where this
machine can have them: those of llama.cpp's tests, and the default base's. Those of Gemma 3, LFM2,
Granite 4 and Phi-4 are not among them; small ones of the same type (pre-tokenizer, control tokens)
stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from random_sizes import linear_rope, long_rope, mamba, short_convolutions

OWN = "own"
"""A vocabulary that is made here, of a kind's pre-tokenizer and tokens."""

_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
# Mistral's instruct template, which is not among llama.cpp's files; it knows no system turn.
_MISTRAL_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ message['content'] + eos_token }}{% else %}"
    "{{ raise_exception('only user and assistant turns') }}{% endif %}{% endfor %}"
)


class Kind(NamedTuple):
    """What makes a base what it is, its size apart.

    Attributes:
        model: first part of the names of transformers' classes.
        vocabulary: which of llama.cpp's test vocabularies, ``smollm2``, or ``OWN``.
        template: one of llama.cpp's template files, a template of ours by name, a template, or
            empty for the vocabulary's own.
        end: token that ends an answer.
        values: of the published configuration, as far as they are no sizes.
        pad: token that fills rows up.
        bos: token that a text begins with, or empty.
        adds_bos: whether its tokenizer puts that token in front.
        pre: llama.cpp's name of the pre-tokenizer, where the vocabulary does not say it.
        small: further values of the small model.
        tokens: tokens by id that the published vocabulary has beyond llama.cpp's file of it; of an
            own one, its control tokens in order.
    """

    model: str
    vocabulary: str
    template: str
    end: str
    values: dict[str, Any]
    pad: str
    bos: str = ""
    adds_bos: bool = False
    pre: str = ""
    small: Mapping[str, Any] = MappingProxyType({})
    tokens: Mapping[int, str] = MappingProxyType({})


_QWEN3_TOKENS = """<|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> <|quad_start|>
<|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> <tool_call>
</tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>
<tool_response> </tool_response> <think> </think>"""


def _numbered(text: str, first: int = 0) -> dict[int, str]:
    return dict(enumerate(text.split(), first))


_GRANITE: dict[str, Any] = {
    "vocab_size": 100352,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "num_local_experts": 0,
    "num_experts_per_tok": 0,
    "attention_multiplier": 0.015625,
    "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22,
    "mamba_d_head": 64,
    "mamba_d_state": 128,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_n_groups": 1,
    "tie_word_embeddings": True,
}
_GRANITE_TOKENS = "<|pad|> <|end_of_text|> <|start_of_role|> <|end_of_role|>"

KINDS: dict[str, Kind] = {
    "qwen2.5-1.5b": Kind(
        "Qwen2",
        "qwen2",
        "Qwen-Qwen2.5-7B-Instruct.jinja",  # one template for all sizes
        "<|im_end|>",
        {
            "vocab_size": 151936,
            "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": True,
        },
        "<|endoftext|>",
    ),
    "phi-3-mini": Kind(
        "Phi3",
        "phi-3",
        "",
        "<|endoftext|>",
        {
            "vocab_size": 32064,
            "max_position_embeddings": 4096,
            "original_max_position_embeddings": 4096,
            "num_key_value_heads": 4,  # it has no grouped heads
            "sliding_window": 2047,
        },
        "<|endoftext|>",
    ),
    "mistral-7b": Kind(
        "Mistral",
        "llama-spm",
        _MISTRAL_TEMPLATE,
        "</s>",
        {
            "vocab_size": 32000,
            "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
            "rms_norm_eps": 1e-5,
            "sliding_window": None,
        },
        "<unk>",
    ),
    "llama-3.2-1b": Kind(
        "Llama",
        "llama-bpe",
        "meta-llama-Llama-3.2-3B-Instruct.jinja",  # that of the 1B too
        "<|eot_id|>",
        {
            "vocab_size": 128256,
            "max_position_embeddings": 131072,
            "rope_parameters": {**_LLAMA3_ROPE, "factor": 32.0},
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True,
        },
        "<|end_of_text|>",
        bos="<|begin_of_text|>",
        adds_bos=True,
    ),
    "llama-3.1-8b": Kind(
        "Llama",
        "llama-bpe",
        "meta-llama-Llama-3.1-8B-Instruct.jinja",
        "<|eot_id|>",
        {
            "vocab_size": 128256,
            "max_position_embeddings": 131072,
            "rope_parameters": {**_LLAMA3_ROPE, "factor": 8.0},
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": False,
        },
        "<|end_of_text|>",
        bos="<|begin_of_text|>",
        adds_bos=True,
    ),
    "qwen3-0.6b": Kind(
        "Qwen3",
        "qwen2",
        "Qwen-Qwen3-0.6B.jinja",  # one template for all sizes
        "<|im_end|>",
        {
            "vocab_size": 151936,
            "max_position_embeddings": 40960,
            **linear_rope(1e6),
            "rms_norm_eps": 1e-6,
            "head_dim": 128,
            "tie_word_embeddings": True,
        },
        "<|endoftext|>",
        tokens=_numbered(_QWEN3_TOKENS, 151646),
    ),
    "gemma-3-270m": Kind(
        "Gemma3Text",
        OWN,
        "gemma",
        "<end_of_turn>",
        {
            "vocab_size": 262144,
            "max_position_embeddings": 32768,
            "head_dim": 256,
            "query_pre_attn_scalar": 256,
            "sliding_window": 512,
            "tie_word_embeddings": True,
        },
        "<pad>",
        bos="<bos>",
        adds_bos=True,
        pre="gemma",
        small={"num_hidden_layers": 6, "num_key_value_heads": 1},  # the pattern of windows is six
        tokens=_numbered("<pad> <eos> <bos> <unk> <start_of_turn> <end_of_turn>"),
    ),
    "smollm2-360m": Kind(
        "Llama",
        "smollm2",
        "",
        "<|im_end|>",
        {
            "vocab_size": 49152,
            "max_position_embeddings": 8192,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True,
        },
        "<|im_end|>",
        bos="<|im_start|>",
        small=linear_rope(1e5),
    ),
    "smollm3-3b": Kind(
        "SmolLM3",
        "llama-bpe",  # with marks of its own in the place of reserved tokens
        "HuggingFaceTB-SmolLM3-3B.jinja",
        "<|im_end|>",
        {
            "vocab_size": 128256,
            "max_position_embeddings": 65536,
            **linear_rope(5e6),
            "rms_norm_eps": 1e-6,
            "no_rope_layer_interval": 4,
            "tie_word_embeddings": True,
        },
        "<|end_of_text|>",
        pre="dbrx",  # the same rule; llama.cpp calls SmolLM3's smaug-bpe
        small={"num_hidden_layers": 4},  # the fourth layer has no rope
        tokens={
            128002: "<think>",
            128003: "</think>",
            128011: "<|im_start|>",
            128012: "<|im_end|>",
        },
    ),
    "phi-4-mini": Kind(
        "Phi3",
        OWN,
        "phi4-mini",
        "<|endoftext|>",
        {
            "vocab_size": 200064,
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5,
            "sliding_window": 262144,
            "tie_word_embeddings": True,
        },
        "<|endoftext|>",
        bos="<|endoftext|>",
        pre="gpt-4o",
        small=long_rope(24),
        tokens=_numbered("<|endoftext|> <|assistant|> <|end|> <|user|> <|system|>"),
    ),
    "lfm2-350m": Kind(
        "Lfm2",
        OWN,
        "LFM2-8B-A1B.jinja",  # that of the smaller ones too
        "<|im_end|>",
        {
            "vocab_size": 65536,
            "max_position_embeddings": 128000,
            **linear_rope(1e6),
            "norm_eps": 1e-5,
            "conv_L_cache": 3,
            "conv_bias": False,
            "block_auto_adjust_ff_dim": True,
            "block_multiple_of": 256,
            "block_ffn_dim_multiplier": 1.0,
            "tie_word_embeddings": True,
        },
        "<|pad|>",
        bos="<|startoftext|>",
        adds_bos=True,
        pre="llama-bpe",
        small={"num_hidden_layers": 4, **short_convolutions(768, [2])},
        tokens=_numbered("<|pad|> <|startoftext|> <|endoftext|> <|im_start|> <|im_end|>"),
    ),
    "granite-4-micro": Kind(
        "GraniteMoeHybrid",
        OWN,
        "ibm-granite-granite-4.0.jinja",
        "<|end_of_text|>",
        {**_GRANITE, **linear_rope(1e7), "position_embedding_type": "rope", "logits_scaling": 10.0},
        "<|pad|>",
        bos="<|end_of_text|>",
        pre="dbrx",
        small=mamba(2, [0, 1], 8, 512),
        tokens=_numbered(_GRANITE_TOKENS),
    ),
    "granite-4-h-micro": Kind(
        "GraniteMoeHybrid",
        OWN,
        "ibm-granite-granite-4.0.jinja",
        "<|end_of_text|>",
        {**_GRANITE, "position_embedding_type": "nope", "logits_scaling": 8.0},
        "<|pad|>",
        bos="<|end_of_text|>",
        pre="dbrx",
        small=mamba(3, [1], 8, 512)
        | {"num_hidden_layers": 3, "mamba_d_state": 64, "mamba_chunk_size": 32},
        tokens=_numbered(_GRANITE_TOKENS),
    ),
}
