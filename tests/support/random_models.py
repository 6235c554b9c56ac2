"""Models of random weights, one per training preset, as small as llama.cpp's k-quants allow.

Contract: ``make_random("phi-3-mini", folder)`` writes a model folder in Hugging Face format whose
architecture, vocabulary, special tokens and chat template are those of the preset's base; only its
width and its depth are small, and its weights random. What goes wrong between training and a GGUF
goes wrong for reasons that such a model has too: fused projections, tied embeddings, rope scaling,
kinds of vocabulary, templates. Vocabularies and templates come from llama.cpp's own test files,
which the llama-cpp-python source archive holds (``vendor/llama.cpp/models``), and from
:mod:`random_kinds`, which says where they do not.

    python tests/support/random_models.py phi-3-mini /tmp/random-phi-3
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from random_kinds import KINDS, OWN, Kind
from random_sizes import ALIKE, PUBLISHED
from vocabularies import (
    Vocabulary,
    byte_level,
    gemma_like,
    put_first,
    sentencepiece,
    small_byte_level,
)

from setaccio.data.errors import ExportError, SetaccioError
from setaccio.export.gguf.llamacpp_source import converter_root, vocabulary_file
from setaccio.models import default_base, model_path
from setaccio.models.gguf_base.reader import read_gguf
from setaccio.models.templates import load_template, template_names

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

_QWEN_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
# Hybrids that have no preset, for tests of the runtime.
WITHOUT_PRESET: dict[str, Kind] = {
    "qwen3.5": Kind(
        "Qwen3_5Text",
        OWN,
        "Qwen3.5-4B.jinja",
        "<|im_end|>",
        {
            "vocab_size": 248320,
            "max_position_embeddings": 4096,
            "head_dim": 64,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_key_head_dim": 64,
            "linear_value_head_dim": 64,
            "tie_word_embeddings": True,
        },
        "<|endoftext|>",
        pre="qwen2",
        tokens=dict(enumerate(_QWEN_TOKENS)),
    ),
}


def published_sizes(name: str) -> dict[str, Any]:
    """Width, depth and heads of a preset's base, as configurations name them."""
    return PUBLISHED[name]


def kind_of(name: str) -> Kind:
    """What makes a preset's base what it is."""
    return (KINDS | WITHOUT_PRESET)[ALIKE.get(name, name)]


def make_random(
    name: str,
    folder: Path,
    vocabulary: Path | None = None,
    sizes: Mapping[str, Any] | None = None,
) -> Path:
    """Write a small model of random weights in the likeness of a preset's base.

    Args:
        name: the preset's name, one of ``PUBLISHED``, or one of ``WITHOUT_PRESET``.
        folder: where to write; made if absent.
        vocabulary: the GGUF of its vocabulary; looked for by default.
        sizes: in place of the small ones, such as :func:`published_sizes`.

    Raises:
        ExportError: the vocabulary is not on this machine.
        ModelError: likewise, where it is the default base's.
    """
    import torch
    import transformers

    kind = kind_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(kind, vocabulary or find_vocabulary(kind), folder)
    tokenizer.save_pretrained(folder)
    size = {"vocab_size": len(tokenizer)} if kind.vocabulary == OWN and not sizes else {}
    config = getattr(transformers, f"{kind.model}Config")(
        **{**SHAPE, **kind.values, **kind.small, **size, **(sizes or {})},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind.model.removesuffix('Text')}ForCausalLM")(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def find_vocabulary(kind: Kind) -> Path | None:
    """The GGUF of a kind's vocabulary; None where it is made here.

    Raises:
        ExportError: it is not on this machine.
        ModelError: likewise, where it is the default base's.
    """
    if kind.vocabulary == OWN:
        return None
    known = default_base().name
    return model_path(known) if kind.vocabulary == known else vocabulary_file(kind.vocabulary)


def build_tokenizer(kind: Kind, vocabulary: Path | None, folder: Path) -> Any:
    """A vocabulary as a transformers tokenizer, ids unchanged.

    Args:
        kind: which one, and its template.
        vocabulary: its GGUF, or None to make it.
        folder: a SentencePiece vocabulary is written there too, as published models have it.

    Raises:
        ExportError: a token would get another id.
    """
    from transformers import PreTrainedTokenizerFast

    options: dict[str, Any] = {"eos_token": kind.end, "pad_token": kind.pad}
    if kind.bos:
        options["bos_token"] = kind.bos
    template = ""
    if vocabulary is None:
        special = list(kind.tokens.values())
        if kind.pre == "gemma":
            backend, tokens = gemma_like(special, folder)
            options |= {"unk_token": "<unk>"}
        else:
            own = small_byte_level(special, first=kind.pre == "llama-bpe")
            backend, tokens = byte_level(own, kind.pre), own.tokens
    else:
        metadata = read_gguf(vocabulary).metadata
        found = {key.rpartition(".")[2]: value for key, value in metadata.items()}
        tokens, template = found["tokens"], found.get("chat_template", "")
        types = found["token_type"]
        if found["model"] == "llama":
            backend = sentencepiece(tokens, found["scores"], types, folder)
            options |= {"bos_token": "<s>", "unk_token": "<unk>"}
        else:
            real = Vocabulary(tokens, types, found["merges"]).renamed(kind.tokens)
            tokens = real.tokens
            backend = byte_level(real, kind.pre or found["pre"])
    if kind.adds_bos:
        put_first(backend, kind.bos)
    moved = [t for t, i in backend.get_vocab(True).items() if tokens[i] != t]
    if moved:
        raise ExportError(f"{moved[0]}: would get another id than in the GGUF")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, clean_up_tokenization_spaces=False, **options
    )
    tokenizer.chat_template = _template(kind, template)
    return tokenizer


def _template(kind: Kind, own: str) -> str:
    """A kind's chat template; ``own`` is its vocabulary's."""
    if kind.template.endswith(".jinja"):
        return template_file(kind.template).read_text(encoding="utf-8")
    if kind.template in template_names():
        ours = load_template(kind.template)
        return ours.fitted({str(ours.end)})
    return kind.template or own


def template_file(name: str) -> Path:
    """One of the chat templates that llama.cpp's own tests use.

    Raises:
        ExportError: the source is not to be had.
    """
    return converter_root() / "models" / "templates" / name


def main() -> int:
    """Write one model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=sorted(PUBLISHED), help="the preset")
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
