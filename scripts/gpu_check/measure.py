"""Held-out losses of bases with one vocabulary: ``python -m scripts.gpu_check.measure JOB.json``.

The examples and the arithmetic are those of `setaccio.train.base`'s own measurements; the weights
are the published ones, rounded to bf16.
"""

from __future__ import annotations

import sys
from typing import Any

from scripts.gpu_check.child import run_job


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Measure every base that the job names."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from setaccio.train.base_data import TOKENS_PER_BATCH
    from setaccio.train.base_run import SEED, held_out_losses
    from setaccio.train.base_stream import BatchMaker

    device = "cuda" if torch.cuda.is_available() else "cpu"
    losses = {}
    for name, folder in job["bases"].items():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        )
        maker = BatchMaker(tokenizer, SEED, TOKENS_PER_BATCH)
        losses[name] = held_out_losses(model.to(device), maker, job["batches"])
    return losses


if __name__ == "__main__":
    sys.exit(run_job(run))
