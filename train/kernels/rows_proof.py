"""Whether a model computes rows in one sequence as it computes separate rows: tried, not assumed.

Models differ in what their attention does besides: windows, sinks, soft caps, scores of their own.
So rows are put together only for a model that gave the same loss and gradients both ways.
"""

from __future__ import annotations

from typing import Any

import torch

from setaccio.train.inputs.encode import IGNORED
from setaccio.train.kernels.loss import completion_loss
from setaccio.train.kernels.row_attention import NAME

TOLERANCE = {False: 1e-4, True: 0.05}  # relative, by whether products are computed in bf16


def use_rows(model: Any, longest: int, bf16: bool) -> bool:
    """Give a model the attention for rows in one sequence, if it computes the same with it.

    Args:
        model: a causal language model, or a PEFT model over one; on a CPU.
        longest: tokens of the longest row that it will see.
        bf16: whether matrix products are computed in bf16.

    Returns:
        Whether it has that attention now; otherwise it is as it was.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = inner.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    if window is not None and window < longest:
        return False
    if getattr(config, "attention_dropout", 0):  # this attention drops nothing
        return False
    batch = _probe(min(config.vocab_size, 200))
    before = config._attn_implementation
    apart = _loss_and_slope(model, batch, bf16, flat=False)
    try:
        config._attn_implementation = NAME
        together = _loss_and_slope(model, batch, bf16, flat=True)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        together = [torch.tensor(float("nan"))]
    near = TOLERANCE[bf16]  # a NaN, as of an attempt that failed, is never within it
    same = len(apart) == len(together) and all(
        (one - other).norm() <= near * one.norm()
        for one, other in zip(apart, together, strict=True)
    )
    if not same:
        config._attn_implementation = before
    return same


def _probe(words: int) -> dict[str, torch.Tensor]:
    """Three rows that begin alike and differ in length."""
    # 8 shared tokens, labels from the 13th on, and padding: all that a real batch has.
    ids = torch.arange(3 * 24).view(3, 24) * 7 % words
    ids[:, :8] = ids[0, :8]
    real = torch.arange(24)[None] < torch.tensor([24, 17, 20])[:, None]
    labels = torch.where(real & (torch.arange(24) > 11), ids, IGNORED)
    return {"input_ids": ids * real, "labels": labels, "attention_mask": real.long()}


def _loss_and_slope(
    model: Any, batch: dict[str, torch.Tensor], bf16: bool, *, flat: bool
) -> list[torch.Tensor]:
    """The loss, and its gradient with respect to the embedded tokens, summed by token."""
    training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            loss = completion_loss(model, batch, bf16, flat=flat)
            trained = [p for p in model.parameters() if p.requires_grad]
            slopes = torch.autograd.grad(loss, trained, allow_unused=True)
    finally:
        model.train(training)
    return [loss.detach().float(), *(s.float() for s in slopes if s is not None)]
