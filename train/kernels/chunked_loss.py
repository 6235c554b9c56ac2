"""Cross-entropy over a large vocabulary without its logits.

[n, vocabulary] logits of a batch, their softmax and its gradient are the largest tensors of a
small model's training. Where the output layer is frozen only the hidden states need a gradient,
and that can be computed chunk by chunk in the forward pass, as in Liger (arXiv:2410.10989).
"""

from __future__ import annotations

from typing import Any

import torch

from setaccio.train.inputs.encode import IGNORED

CHUNK = 256  # places whose logits stand in memory at once
LEAST = 1e-30  # a probability below it has lost digits in float32


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
                found.scatter_add_(1, safe[:, None], -torch.ones_like(losses)[:, None])
                slopes[part] = (found.to(matrix.dtype) @ matrix).mul_(shares[:, None])
            total += (losses * shares).sum()
        ctx.save_for_backward(slopes)
        return total

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        (slopes,) = ctx.saved_tensors
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
