"""Cross-entropy on completions, with logits on labelled positions only.

TRL 1.15 computes its loss in Triton kernels, which exist for GPUs only (on a CPU its trainer fails
at the first step). Here the logits of masked positions are never made: half the tokens, and with a
large vocabulary most of the memory. Each new shape costs oneDNN a compilation and memory, so the
learned positions are filled up to multiples of 256.
"""

from __future__ import annotations

from typing import Any

import torch

from setaccio.train.encode import IGNORED

SELECTED_STEP = 256  # learned positions are filled up to multiples of this


def completion_loss(
    model: Any, inputs: dict[str, Any], bf16: bool, num_items_in_batch: Any = None
) -> torch.Tensor:
    """Cross-entropy of next tokens, with logits on labelled positions only.

    Args:
        model: a causal language model, or a PEFT model over one.
        inputs: ``input_ids`` and ``labels``, both int64 (rows, length), padded on the right, so
            that causal attention needs no mask. Where rows hold several pairs, ``position_ids``
            (rows, length) begin anew with each of them, and attention stays inside. ``weights``
            (rows, length) multiply the loss of the tokens in their places.
        bf16: whether matrix products are computed in bf16.
        num_items_in_batch: what the sum is divided by (labelled tokens of all accumulated
            batches); by default the labelled tokens here.

    Returns:
        A float32 scalar in nats per token.
    """
    pad = torch.nn.functional.pad
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    targets = pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED).flatten()
    learned = (targets != IGNORED).nonzero().squeeze(1)
    # Filled up with position 0, which nothing is learned from there: its label is ignored.
    selected = pad(learned, (0, -len(learned) % SELECTED_STEP))
    gold = targets[selected]
    gold[len(learned) :] = IGNORED
    places = {"position_ids": inputs["position_ids"]} if "position_ids" in inputs else {}
    with torch.autocast(targets.device.type, dtype=torch.bfloat16, enabled=bf16):
        output = inner.base_model(input_ids=inputs["input_ids"], use_cache=False, **places)
        logits = inner.get_output_embeddings()(output.last_hidden_state.flatten(0, 1)[selected])
    entropy = torch.nn.functional.cross_entropy
    if "weights" in inputs:
        weights = pad(inputs["weights"][:, 1:], (0, 1)).flatten()[selected]
        total = (entropy(logits.float(), gold, reduction="none") * weights).sum()
    else:
        total = entropy(logits.float(), gold, reduction="sum")
    count = len(learned) if num_items_in_batch is None else num_items_in_batch
    return total / torch.as_tensor(count).clamp(min=1)


def learned_tokens(inputs: dict[str, Any]) -> int:
    """Number of labels of a batch that are predicted and not ignored."""
    return int((inputs["labels"][:, 1:] != IGNORED).sum())
