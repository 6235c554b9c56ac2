"""Make the model and the pairs on the spot: ``python -m scripts.gpu_check.model JOB.json``.

A Qwen2 model of the wanted shape with random weights and the real Qwen2 vocabulary, read from
``models/ggml-vocab-qwen2.gguf`` of llama.cpp's source. The rehearsal takes the bundled tiny base's
vocabulary where that file is not at hand, and says so.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from scripts.gpu_check.child import run_job

from setaccio.data.recipes import generate_pairs
from setaccio.data.records import write_pairs

VOCABULARY = "models/ggml-vocab-qwen2.gguf"
_CONTROL, _NORMAL = 3, 1  # llama.cpp's token types


def read_vocabulary(path: Path) -> tuple[list[str], list[int], list[str]]:
    """Tokens, their types and the merges of a GGUF vocabulary."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    names = ("tokens", "token_type", "merges")
    tokens, types, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in names)
    return tokens, types, merges


def build_tokenizer(tokens: list[str], types: list[int], merges: list[str]) -> Any:
    """The vocabulary as a transformers tokenizer, with the ids of the GGUF.

    Raises:
        ValueError: an id would change.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from setaccio.train.base_tokenizer import CHATML_TEMPLATE, END_OF_TURN, PAD, QWEN2_PATTERN

    words = {t: i for i, (t, kind) in enumerate(zip(tokens, types, strict=True)) if kind == _NORMAL}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, types, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in control])
    moved = [t for t in control if tokenizer.token_to_id(t) != tokens.index(t)]
    if moved:
        raise ValueError(f"{moved[0]}: would get another id than in the GGUF")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TURN,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHATML_TEMPLATE
    return fast


def save_model(folder: Path, tokenizer: Any, shape: dict[str, Any]) -> int:
    """Save a model with random bf16 weights; returns its number of parameters."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        **shape,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(7)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2ForCausalLM(config)
    model.to("cpu").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(p.numel() for p in model.parameters())


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Write model and pairs into the job's folder."""
    began = time.perf_counter()
    out, shape = Path(job["out"]), dict(job["shape"])
    source = Path(job["source"]) if job["source"] else None
    if source:
        sys.path.insert(0, str(source / "gguf-py"))
        tokens, types, merges = read_vocabulary(source / VOCABULARY)
        tokenizer, vocabulary = build_tokenizer(tokens, types, merges), "Qwen2"
    else:
        from setaccio.train.models import load_tokenizer, resolve_base

        tokenizer, vocabulary = load_tokenizer(resolve_base("tiny")), "the tiny base's"
        shape["vocab_size"] = len(tokenizer)
    parameters = save_model(out / "base", tokenizer, shape)
    for name, count in job["pairs"].items():
        write_pairs(out / f"{name}.jsonl", generate_pairs(count, 11))
    for name, count in job["held_out"].items():
        write_pairs(out / f"{name}.jsonl", generate_pairs(count, 12, held_out=True))
    return {
        "vocabulary": vocabulary,
        "tokens": len(tokenizer),
        "parameters": parameters,
        "shape": shape,
        "seconds": time.perf_counter() - began,
    }


if __name__ == "__main__":
    sys.exit(run_job(run))
