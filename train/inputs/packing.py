"""Several pairs in one row, where attention can not leak from one into the next.

Contract: ``pack(rows, length)`` fills rows up to ``length`` tokens; ``position_ids`` begin anew
with each pair, from which transformers builds a mask that keeps attention inside. Not every model
and kernel heeds them, so :func:`check_no_leak` proves it on the model that is to be trained: a pair
must get the same hidden states, whatever stands before it. Pairs are placed by best fit, the
longest first, as in Ding et al. 2024, arXiv:2404.10830; by hand, because TRL's packing makes a
batch one row (padding-free), which the OOM retry could not cut.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset

from setaccio.data.errors import TrainError
from setaccio.train.inputs.encode import IGNORED, Encoded


def pack(rows: Sequence[Encoded], length: int) -> Dataset:
    """Place rows together.

    Args:
        rows: encoded pairs, none longer than ``length``.
        length: tokens of a full row.

    Returns:
        A data set with ``input_ids``, ``labels``, ``position_ids``, ``length``, and ``weights``
        where a row has one other than 1.
    """
    gaps: list[tuple[int, int]] = []  # tokens left and number of each pack that is not full
    packs: list[list[Encoded]] = []
    for row in sorted(rows, key=lambda row: -len(row.input_ids)):
        size = len(row.input_ids)
        place = bisect.bisect_left(gaps, (size, -1))
        left, number = gaps.pop(place) if place < len(gaps) else (length, len(packs))
        if number == len(packs):
            packs.append([])
        packs[number].append(row)
        bisect.insort(gaps, (left - size, number))
    weighed = any(row.weight != 1 for row in rows)
    return Dataset.from_list([_joined(pairs, weighed) for pairs in packs])


def _joined(pairs: Sequence[Encoded], weighed: bool) -> dict[str, Any]:
    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    weights: list[float] = []
    for pair in pairs:
        size = len(pair.input_ids)
        ids += pair.input_ids
        # The first token would be predicted from the pair before.
        labels += [IGNORED, *pair.labels[1:]]
        positions += range(size)
        weights += [pair.weight] * size
    joined = {"input_ids": ids, "labels": labels, "position_ids": positions, "length": len(ids)}
    return {**joined, "weights": weights} if weighed else joined


def check_no_leak(model: Any) -> None:
    """Prove on a model that a pair does not see its neighbour in a packed row.

    Raises:
        TrainError: it does; packing would teach answers that depend on another document.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    size = min(inner.config.get_text_config().vocab_size, 40)
    half = size // 2
    places = torch.cat([torch.arange(half), torch.arange(size - half)])[None].to(inner.device)
    one = torch.arange(size, device=inner.device)[None]
    other = torch.cat([one[:, :half].flip(1), one[:, half:]], dim=1)
    training = inner.training
    inner.eval()
    with torch.inference_mode():
        beside = [
            inner.base_model(input_ids=ids, position_ids=places, use_cache=False)
            for ids in (one, other)
        ]
    inner.train(training)
    # The same kernels on the same shapes: what is not seen can not change a single bit.
    if not torch.equal(*(found.last_hidden_state[:, half:] for found in beside)):
        raise TrainError(
            "packing: with this model attention leaks from one pair into the next in its row. "
            "Leave packing off; rows of similar length share batches anyway."
        )
