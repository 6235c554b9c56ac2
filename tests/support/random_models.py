"""Models of random weights, one per training preset, as small as llama.cpp's k-quants allow.

Contract: ``make_random("phi-3-mini", folder)`` writes a model folder in Hugging Face format whose
architecture, vocabulary, special tokens and chat template are those of the preset's base; only its
width and its depth are small, and its weights random. What goes wrong between training and a GGUF
goes wrong for reasons that such a model has too: fused projections, tied embeddings, rope scaling,
kinds of vocabulary, templates. Vocabularies and templates come from llama.cpp's own test files,
which the llama-cpp-python source archive holds (``vendor/llama.cpp/models``).

    python tests/support/random_models.py phi-3-mini /tmp/random-phi-3
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vocabularies import byte_level, sentencepiece

from setaccio.data.errors import ExportError, SetaccioError
from setaccio.export.gguf.llamacpp_source import vocabulary_file
from setaccio.models.gguf_base.reader import read_gguf

# k-quants come in blocks of 256 weights, so no matrix may be narrower. Weights this large make
# logits that choose a token clearly.
SHAPE: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.08,
}
_SIZE_NAMES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
)
# The published sizes, in that order: what config.json of each base says.
PUBLISHED = {
    "qwen2.5-1.5b": (1536, 8960, 28, 12, 2),
    "phi-3-mini": (3072, 8192, 32, 32, 32),
    "mistral-7b": (4096, 14336, 32, 32, 8),
    "llama-3.2-1b": (2048, 8192, 16, 32, 8),
    "llama-3.1-8b": (4096, 14336, 32, 32, 8),
}
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
        vocabulary: which of llama.cpp's test vocabularies.
        template: one of llama.cpp's template files, a template, or empty for the vocabulary's own.
        end: token that ends an answer.
        values: of the published configuration, as far as they are no sizes.
        pad: token that fills rows up.
    """

    model: str
    vocabulary: str
    template: str
    end: str
    values: dict[str, Any]
    pad: str


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
    ),
}


def published_sizes(name: str) -> dict[str, int]:
    """Width, depth and heads of a preset's base, as configurations name them."""
    return dict(zip(_SIZE_NAMES, PUBLISHED[name], strict=True))


def make_random(
    name: str,
    folder: Path,
    vocabulary: Path | None = None,
    sizes: Mapping[str, float] | None = None,
) -> Path:
    """Write a small model of random weights in the likeness of a preset's base.

    Args:
        name: the preset's name, one of ``KINDS``.
        folder: where to write; made if absent.
        vocabulary: the GGUF of its vocabulary, beside llama.cpp's templates; looked for by default.
        sizes: in place of the small ones, such as :func:`published_sizes`.

    Raises:
        ExportError: the vocabulary is not on this machine.
    """
    import torch
    import transformers

    kind = KINDS[name]
    vocabulary = vocabulary or vocabulary_file(kind.vocabulary)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(kind, vocabulary, folder)
    tokenizer.save_pretrained(folder)
    config = getattr(transformers, f"{kind.model}Config")(
        **{**SHAPE, **kind.values, **(sizes or {})},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind.model}ForCausalLM")(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def build_tokenizer(kind: Kind, vocabulary: Path, folder: Path) -> Any:
    """A vocabulary of llama.cpp's as a transformers tokenizer, ids unchanged.

    Args:
        kind: which one, and its template.
        vocabulary: its GGUF, beside llama.cpp's templates.
        folder: a SentencePiece vocabulary is written there too, as published models have it.

    Raises:
        ExportError: a token would get another id.
    """
    from transformers import PreTrainedTokenizerFast

    metadata = read_gguf(vocabulary).metadata
    found = {key.rpartition(".")[2]: value for key, value in metadata.items()}
    tokens, types = found["tokens"], found["token_type"]
    options: dict[str, Any] = {"eos_token": kind.end, "pad_token": kind.pad}
    if found["model"] == "llama":
        backend = sentencepiece(tokens, found["scores"], types, folder)
        options |= {"bos_token": "<s>", "unk_token": "<unk>"}
    else:
        pre = found["pre"]
        backend = byte_level(tokens, types, found["merges"], pre)
        if pre == "llama-bpe":
            options |= {"bos_token": "<|begin_of_text|>"}
    moved = [t for t, i in backend.get_vocab(True).items() if tokens[i] != t]
    if moved:
        raise ExportError(f"{moved[0]}: would get another id than in the GGUF")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, clean_up_tokenization_spaces=False, **options
    )
    file = vocabulary.parent / "templates" / kind.template
    if not kind.template:
        tokenizer.chat_template = found["chat_template"]
    elif kind.template.endswith(".jinja"):
        tokenizer.chat_template = file.read_text(encoding="utf-8")
    else:
        tokenizer.chat_template = kind.template
    return tokenizer


def main() -> int:
    """Write one model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=sorted(KINDS), help="the preset")
    parser.add_argument("folder", type=Path, help="where to write")
    given = parser.parse_args()
    try:
        make_random(given.name, given.folder)
    except SetaccioError as error:
        sys.stderr.write(f"{error}\n")
        shutil.rmtree(given.folder, ignore_errors=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
