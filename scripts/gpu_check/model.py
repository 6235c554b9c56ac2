"""Make the model and the pairs on the spot: ``python -m scripts.gpu_check.model JOB.json``.

A Qwen2 model of the wanted shape with random weights and the real Qwen2 vocabulary, read from
``models/ggml-vocab-qwen2.gguf`` of llama.cpp's source. The rehearsal takes the tiny base's
vocabulary where that file is not at hand, and says so.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from scripts.gpu_check.child import run_job
from scripts.gpu_check.settings import TINY_BASE
from scripts.random_models import KINDS, build_tokenizer

from setaccio.data.recipes.generate import generate_pairs
from setaccio.data.records import write_pairs
from setaccio.export.gguf.llamacpp_source import vocabulary_file

CHATML_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_qwen2(source: Path, folder: Path) -> Any:
    """The real Qwen2 vocabulary as a transformers tokenizer, with the ChatML template.

    Args:
        source: folder of llama.cpp's source.
        folder: of the model.

    Raises:
        ExportError: the vocabulary is not there, or an id would change.
    """
    kind = KINDS["qwen2.5-1.5b"]._replace(template=CHATML_TEMPLATE)
    return build_tokenizer(kind, vocabulary_file(kind.vocabulary, source), folder)


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
        tokenizer, vocabulary = build_qwen2(source, out / "base"), "Qwen2"
    else:
        from setaccio.train.backend.base import load_tokenizer, resolve_base

        tokenizer, vocabulary = load_tokenizer(resolve_base(TINY_BASE)), "the tiny base's"
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
