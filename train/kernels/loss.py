"""Cross-entropy on completions, with logits on labelled positions only.

TRL 1.15 computes its loss in Triton kernels, which exist for GPUs only (on a CPU its trainer fails
at the first step). Here the logits of masked positions are never made: half the tokens, and with a
large vocabulary most of the memory; where the output layer is frozen they are made a few at a time
(:mod:`setaccio.train.kernels.chunked_loss`). Each new shape costs oneDNN a compilation and memory,
so the learned positions are filled up to multiples of 32.
"""

from __future__ import annotations

from typing import Any

import torch

from setaccio.train.inputs.encode import IGNORED
from setaccio.train.kernels.chunked_loss import serves, summed_entropy
from setaccio.train.kernels.flat_rows import flatten

SELECTED_STEP = 32  # learned positions are filled up to multiples of this


def completion_loss(
    model: Any,
    inputs: dict[str, Any],
    bf16: bool,
    num_items_in_batch: Any = None,
    *,
    flat: bool = False,
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
        flat: compute the rows as one sequence, what they begin with once; the model must have
            :mod:`setaccio.train.kernels.row_attention`.

    Returns:
        A float32 scalar in nats per token.
    """
    pad = torch.nn.functional.pad
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    count = learned_tokens(inputs) if num_items_in_batch is None else num_items_in_batch
    given: dict[str, Any] = {"input_ids": inputs["input_ids"]}
    if flat:
        rows = flatten(inputs)
        targets, weights = rows.targets, rows.weights
        given = {
            "input_ids": rows.input_ids,
            "position_ids": rows.position_ids,
            "layout": rows.layout,
        }
    else:
        targets = pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED).flatten()
        weights = pad(inputs["weights"][:, 1:], (0, 1)).flatten() if "weights" in inputs else None
        if "position_ids" in inputs:
            given["position_ids"] = inputs["position_ids"]
    learned = (targets != IGNORED).nonzero().squeeze(1)
    # Filled up with position 0, which nothing is learned from there: its label is ignored.
    selected = pad(learned, (0, -len(learned) % SELECTED_STEP))
    gold = targets[selected]
    gold[len(learned) :] = IGNORED
    weights = None if weights is None else weights[selected]
    head = inner.get_output_embeddings()
    with torch.autocast(targets.device.type, dtype=torch.bfloat16, enabled=bf16):
        output = inner.base_model(use_cache=False, **given)
        hidden = output.last_hidden_state.flatten(0, 1)[selected]
        if serves(head):
            total = summed_entropy(hidden, head.weight, gold, weights)
        else:
            total = _entropy(head(hidden).float(), gold, weights)
    return total / torch.as_tensor(count).clamp(min=1)


def _entropy(logits: Any, gold: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    entropy = torch.nn.functional.cross_entropy
    if weights is None:
        return entropy(logits, gold, reduction="sum")
    return (entropy(logits, gold, reduction="none") * weights).sum()


def learned_tokens(inputs: dict[str, Any]) -> int:
    """Number of labels of a batch that are predicted and not ignored."""
    return int((inputs["labels"][:, 1:] != IGNORED).sum())
