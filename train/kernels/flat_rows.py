"""The rows of a batch as one sequence: their shared prefix once, no padding, no leak.

    [shared prefix][rest of row 1][rest of row 2] ...

A task's rows share instruction and schema, often most of their tokens. The shared prefix is
computed once for a batch; each row attends to it and to itself. Loss and gradients are those of
separate rows (:func:`setaccio.train.kernels.rows_proof.use_rows` proves it on the model).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from setaccio.train.inputs.encode import IGNORED

PAD_STEP = 32  # a sequence is padded to a multiple of this: few shapes, a heap that stays small
SCORE_BYTES = 32 * 2**20  # of attention scores in memory at once, about


class RowGroup(NamedTuple):
    """Rows of similar length whose attention is computed together.

    Attributes:
        start: place of their first token in the sequence; they follow one another.
        rows: how many they are.
        width: tokens of the longest.
        index: (rows * width,) places of their tokens, the last one repeated where a row is short.
        keep: (tokens,) which of these are real; None where all are.
        mask: (width, prefix + width) 0 where a token may look, -inf elsewhere.
    """

    start: int
    rows: int
    width: int
    index: torch.Tensor
    keep: torch.Tensor | None
    mask: torch.Tensor


class Layout(NamedTuple):
    """Where the rows of a sequence are.

    Attributes:
        prefix: length of the shared prefix, which begins the sequence.
        blocks: what is attended together, with the length of the prefix that it looks at besides:
            the shared prefix as a row by itself, then the rows' own tokens. The padding is in none.
        tokens: length of the sequence without padding.
    """

    prefix: int
    blocks: tuple[tuple[RowGroup, int], ...]
    tokens: int


class Flat(NamedTuple):
    """A batch as one sequence.

    Attributes:
        input_ids: (1, tokens).
        position_ids: (1, tokens), as in separate rows.
        targets: (tokens,) the token that each place is to predict, or -100.
        weights: (tokens,) what the loss of each place is multiplied by, or None.
        layout: where the rows are.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor | None
    layout: Layout


def row_lengths(inputs: dict[str, Any]) -> list[int]:
    """Tokens of each row of a batch that is padded on the right."""
    if "attention_mask" in inputs:
        lengths: list[int] = inputs["attention_mask"].sum(1).tolist()
        return lengths
    rows, width = inputs["input_ids"].shape
    return [width] * rows


def shared_length(inputs: dict[str, Any], lengths: list[int]) -> int:
    """Length of the prefix that all rows share and that has no labels.

    A row's last token without a label stays its own: it predicts the row's first label.
    """
    ids, labels = inputs["input_ids"], inputs["labels"]
    if len(lengths) == 1:
        return 0
    alike = (ids == ids[:1]).all(0) & (labels == IGNORED).all(0)
    width = min(*lengths, ids.shape[1])
    differing = (~alike[:width]).nonzero()
    common = int(differing[0]) if len(differing) else width
    return max(common - 1, 0)


def flat_tokens(inputs: dict[str, Any]) -> int:
    """Length of a batch as one sequence, without padding."""
    lengths = row_lengths(inputs)
    prefix = shared_length(inputs, lengths)
    return prefix + sum(length - prefix for length in lengths)


def flatten(inputs: dict[str, Any]) -> Flat:
    """Concatenate the rows of a batch behind their shared prefix.

    Args:
        inputs: ``input_ids`` and ``labels`` (rows, length), padded on the right, with
            ``attention_mask`` where rows differ in length, and ``weights`` where they have some.
    """
    lengths = row_lengths(inputs)
    # Shortest first, so that rows of one group are about equally long.
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    prefix = shared_length(inputs, lengths)
    pad = torch.nn.functional.pad
    ids = inputs["input_ids"]
    targets = pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED)
    weights = pad(inputs["weights"][:, 1:], (0, 1)) if "weights" in inputs else None
    places = torch.arange(ids.shape[1], device=ids.device)
    size = prefix + sum(lengths) - prefix * len(lengths)
    padding = -size % PAD_STEP

    def joined(of: torch.Tensor, value: int) -> torch.Tensor:
        parts = [of[order[0], :prefix], *(of[row, prefix : lengths[row]] for row in order)]
        return pad(torch.cat(parts), (0, padding), value=value)

    own = [lengths[row] - prefix for row in order]
    return Flat(
        joined(ids, 0)[None],
        joined(places.expand_as(ids), 0)[None],
        joined(targets, IGNORED),
        None if weights is None else joined(weights, 0),
        _layout(prefix, own, ids.device),
    )


def _layout(prefix: int, own: list[int], device: torch.device) -> Layout:
    """Group rows, given shortest first."""
    blocks = [(_group(0, [prefix], 0, device), 0)] if prefix else []
    start, first = prefix, 0
    while first < len(own):
        count = 1  # greedily, while the padded group is neither too large nor mostly padding
        while first + count < len(own):
            width = own[first + count]
            padded = (count + 1) * width
            heavy = padded * (prefix + width) * 36 > SCORE_BYTES  # 9 heads of 4 bytes, say
            if heavy or padded > 1.25 * sum(own[first : first + count + 1]) + 16:
                break
            count += 1
        blocks.append((_group(start, own[first : first + count], prefix, device), prefix))
        start += sum(own[first : first + count])
        first += count
    return Layout(prefix, tuple(blocks), start)


def _group(start: int, lengths: list[int], prefix: int, device: torch.device) -> RowGroup:
    width = lengths[-1]
    sizes = torch.tensor(lengths, device=device)[:, None]
    steps = torch.arange(width, device=device)[None]
    starts = start + sizes.cumsum(0) - sizes
    index = (starts + torch.minimum(steps, sizes - 1)).flatten()
    whole = lengths[0] == width
    keep = None if whole else (steps < sizes).flatten().nonzero().squeeze(1)
    return RowGroup(start, len(lengths), width, index, keep, causal_mask(width, prefix, device))


def causal_mask(width: int, prefix: int, device: torch.device) -> torch.Tensor:
    """(width, prefix + width) 0 where a token may look, -inf elsewhere."""
    mask = torch.full((width, width), float("-inf"), device=device).triu(1)
    return torch.nn.functional.pad(mask, (prefix, 0))
