"""Attention for the rows of a batch in one sequence.

Each row attends to the shared prefix and to itself. Scores are recomputed in the backward pass, a
few rows at a time, so they are never in memory for a whole batch, as in FlashAttention. On a CPU it
is also faster than PyTorch's own kernel, which reaches a sixth of the speed of matrix products.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from setaccio.train.kernels.flat_rows import Layout, RowGroup, causal_mask

NAME = "setaccio_rows"


class _Work:
    """Queries, keys and values of one call, and how a group's are put together."""

    def __init__(self, query: Any, key: Any, value: Any, layout: Layout, scale: float) -> None:
        self.query, self.key, self.value = query, key, value
        self.layout, self.scale = layout, scale
        self.pairs = key.shape[0]  # heads of keys and values
        self.each = query.shape[0] // self.pairs  # heads of queries for each of these

    def queries(self, of: torch.Tensor, group: RowGroup) -> torch.Tensor:
        """(heads, tokens, size) -> (pairs * count, each * width, size)."""
        chosen = of[:, group.index].view(self.pairs, self.each, group.rows, group.width, -1)
        return chosen.transpose(1, 2).reshape(
            self.pairs * group.rows, self.each * group.width, of.shape[-1]
        )

    def keys(self, of: torch.Tensor, group: RowGroup, prefix: int) -> torch.Tensor:
        """(pairs, tokens, size) -> (pairs * count, prefix + width, size)."""
        own = of[:, group.index].view(self.pairs, group.rows, group.width, -1)
        if prefix:
            shared = of[:, None, :prefix].expand(-1, group.rows, -1, -1)
            own = torch.cat([shared, own], 2)
        return own.flatten(0, 1)

    def back(self, of: torch.Tensor, group: RowGroup) -> torch.Tensor:
        """(pairs * count, each * width, size) -> (tokens, heads, size), real tokens only."""
        size = of.shape[-1]
        split = of.view(self.pairs, group.rows, self.each, group.width, size)
        flat = split.permute(1, 3, 0, 2, 4).reshape(-1, self.pairs * self.each, size)
        return flat if group.keep is None else flat[group.keep]

    def likelihoods(self, queries: Any, keys: Any, mask: torch.Tensor) -> torch.Tensor:
        """Where each query looks: softmax of masked scores."""
        bias = mask.to(queries.dtype).repeat(self.each, 1)
        scores = torch.baddbmm(bias, queries, keys.transpose(1, 2), alpha=self.scale)
        return torch.softmax(scores, -1, dtype=torch.float32).to(queries.dtype)

    def blocks(self) -> list[tuple[RowGroup, int]]:
        """The shared prefix as a row by itself, and the groups with its length."""
        prefix = self.layout.prefix
        blocks = [(group, prefix) for group in self.layout.groups]
        if prefix:
            device = self.query.device
            places = torch.arange(prefix, device=device)
            mask = causal_mask(prefix, 0, device)
            blocks.insert(0, (RowGroup(0, 1, prefix, places, None, mask), 0))
        return blocks


def _tokens(group: RowGroup) -> slice:
    count = len(group.index) if group.keep is None else len(group.keep)
    return slice(group.start, group.start + count)


class RowAttention(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed
    """Query (heads, tokens, size), key and value (pairs, tokens, size) -> (tokens, heads, size)."""

    @staticmethod
    def forward(
        ctx: Any, query: Any, key: Any, value: Any, layout: Layout, scale: float
    ) -> torch.Tensor:
        """Attention of all rows."""
        work = _Work(query, key, value, layout, scale)
        found = query.new_empty(query.shape[1], query.shape[0], value.shape[-1])
        for group, prefix in work.blocks():
            queries, keys = work.queries(query, group), work.keys(key, group, prefix)
            looks = work.likelihoods(queries, keys, group.mask)
            found[_tokens(group)] = work.back(looks @ work.keys(value, group, prefix), group)
        ctx.save_for_backward(query, key, value)
        ctx.layout, ctx.scale = layout, scale
        return found

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        """Gradients of query, key and value."""
        query, key, value = ctx.saved_tensors
        work = _Work(query, key, value, ctx.layout, ctx.scale)
        heads, tokens = query.shape[:2]
        of_query = query.new_empty(tokens, heads, query.shape[-1])
        of_key, of_value = torch.zeros_like(key), torch.zeros_like(value)
        for group, prefix in work.blocks():
            queries, keys = work.queries(query, group), work.keys(key, group, prefix)
            values = work.keys(value, group, prefix)
            looks = work.likelihoods(queries, keys, group.mask)
            wanted = work.queries(grad.transpose(0, 1), group)
            if group.keep is not None:  # a repeated token learns nothing
                real = torch.zeros(len(group.index), 1, dtype=grad.dtype, device=grad.device)
                real[group.keep] = 1
                real = real.view(1, group.rows, 1, group.width, 1)
                shape = (work.pairs, group.rows, work.each, group.width, -1)
                wanted = (wanted.view(shape) * real).view(wanted.shape)
            turned = looks.transpose(1, 2)
            _add(of_value, turned @ wanted, work, group, prefix)
            slopes = torch.ops.aten._softmax_backward_data(
                wanted @ values.transpose(1, 2), looks, -1, looks.dtype
            )
            of_query[_tokens(group)] = work.back(slopes @ keys, group)
            _add(of_key, slopes.transpose(1, 2) @ queries, work, group, prefix)
        of_query, of_key = of_query * ctx.scale, of_key.mul_(ctx.scale)
        return of_query.transpose(0, 1), of_key, of_value, None, None


def _add(total: Any, part: torch.Tensor, work: _Work, group: RowGroup, prefix: int) -> None:
    """Add a group's gradient of keys or values to that of the sequence."""
    split = part.view(work.pairs, group.rows, prefix + group.width, -1)
    if prefix:
        total[:, :prefix] += split[:, :, :prefix].sum(1)
    own = split[:, :, prefix:].reshape(work.pairs, group.rows * group.width, -1)
    total[:, _tokens(group)] += own if group.keep is None else own[:, group.keep]


def attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    layout: Layout | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it; without a ``layout`` PyTorch's own."""
    if layout is None:
        plain: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return plain
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    with torch.autocast(query.device.type, enabled=False):
        kind = value.dtype
        found = RowAttention.apply(query[0].to(kind), key[0].to(kind), value[0], layout, scale)
    return found[None], None


AttentionInterface.register(NAME, attention)
