"""Cross-entropy on completions, with logits on labelled positions only.

TRL 1.15 computes its loss in Triton kernels, which exist for GPUs only (on a CPU its trainer fails
at the first step). Here the logits of masked positions are never made: half the tokens, and with a
large vocabulary most of the memory. Logits, their softmax and its gradient are the largest tensors
of a small model's training; where the output layer is frozen only the hidden states need a
gradient, which is computed chunk by chunk in the forward pass, as in Liger (arXiv:2410.10989). Each
new shape costs oneDNN a compilation and memory, so the learned positions are padded to multiples of
32.
"""

from __future__ import annotations

from typing import Any

import torch

from setaccio.train.inputs.encode import CHUNK, IGNORED, SELECTED_STEP
from setaccio.train.kernels.flat_rows import flatten

LEAST = 1e-30  # a probability below it has lost digits in float32


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
        flat: compute the rows as one sequence, their shared prefix once; the model must have
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
    # Padded with position 0, whose label is ignored there.
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


def serves(head: Any) -> bool:
    """Whether an output layer is a plain, frozen matrix."""
    return (
        isinstance(head, torch.nn.Linear)
        and type(head).forward is torch.nn.Linear.forward
        and head.bias is None
        and not head.weight.requires_grad
    )


class _Entropy(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed
    @staticmethod
    def forward(ctx: Any, hidden: Any, matrix: Any, gold: Any, weights: Any) -> torch.Tensor:
        wanted = ctx.needs_input_grad[0]
        total = torch.zeros((), device=hidden.device)
        slopes = torch.empty_like(hidden) if wanted else None
        for start in range(0, len(hidden), CHUNK):
            part = slice(start, start + CHUNK)
            labels = gold[part]
            learned = labels != IGNORED
            safe = labels.clamp(min=0)
            logits = (hidden[part] @ matrix.T).float()
            shares = learned.float() if weights is None else learned * weights[part]
            if slopes is None:
                losses = logits.logsumexp(1) - logits.gather(1, safe[:, None]).squeeze(1)
            else:
                # Each pass over these is as long as a tenth of a product: softmax, and no more.
                found = torch.softmax(logits, 1)
                losses = _losses(logits, found, safe)
                # The gradient of cross-entropy: probabilities, less one at the label.
                found.scatter_add_(1, safe[:, None], -torch.ones_like(losses)[:, None])
                slopes[part] = (found.to(matrix.dtype) @ matrix).mul_(shares[:, None])
            total += (losses * shares).sum()
        ctx.save_for_backward(slopes)
        return total

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        (slopes,) = ctx.saved_tensors  # made in the forward pass, while the logits were there
        return slopes * grad, None, None, None


def _losses(logits: Any, found: Any, gold: Any) -> torch.Tensor:
    """Minus the logarithm of the gold's probability, exact also where that is near nothing."""
    likely = found.gather(1, gold[:, None]).squeeze(1)
    losses = likely.clamp(min=LEAST).log_().neg_()
    lost = (likely < LEAST).nonzero().squeeze(1)
    if len(lost):
        rows = logits[lost]
        losses[lost] = rows.logsumexp(1) - rows.gather(1, gold[lost, None]).squeeze(1)
    return losses


def summed_entropy(
    hidden: torch.Tensor,
    matrix: torch.Tensor,
    gold: torch.Tensor,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sum of the cross-entropy of all labels, in nats.

    Args:
        hidden: (places, width) last hidden states; the only thing that gets a gradient.
        matrix: (vocabulary, width) the frozen output layer.
        gold: (places,) labels, -100 where none is.
        weights: (places,) what each label's loss is multiplied by.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        total: torch.Tensor = _Entropy.apply(hidden.to(matrix.dtype), matrix, gold, weights)
    return total
