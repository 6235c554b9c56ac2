"""Rows as a data set, their order, and what a batch holds besides ids and labels.

The order is batches of similar length, shuffled, as a function of seed and epoch alone. The
library's length-grouped sampler draws from the global generator, so that a resumed run sees another
order; and it sorts batches from long to short.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from datasets import Dataset

from setaccio.train.inputs.encode import Encoded

POOL_BATCHES = 50  # batches among which rows are sorted by length
EXTRAS = ("position_ids", "weights")  # columns that only some runs have, one value per token


class LengthBatches(torch.utils.data.Sampler):  # type: ignore[misc]  # torch is not followed
    """Row numbers in batches of similar length, the batches in random order.

    Args:
        lengths: tokens of each row.
        batch_size: rows per batch.
        seed: with the epoch, decides the order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is iterated next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(f"order:{self.seed}:{self.epoch}")
        rows = list(range(len(self.lengths)))
        generator.shuffle(rows)
        pool = POOL_BATCHES * self.batch_size
        batches = []
        for start in range(0, len(rows), pool):
            near = sorted(rows[start : start + pool], key=self.lengths.__getitem__)
            batches += [near[i : i + self.batch_size] for i in range(0, len(near), self.batch_size)]
        # A batch that is not full must come last, or it would shift all that follow.
        part = [batch for batch in batches if len(batch) < self.batch_size]
        full = [batch for batch in batches if len(batch) == self.batch_size]
        generator.shuffle(full)
        return iter([row for batch in full + part for row in batch])


def dataset(rows: Sequence[Encoded], *, by_length: bool = False) -> Dataset:
    """Rows as a data set with ``input_ids``, ``labels`` and ``length`` columns.

    Args:
        rows: encoded pairs. Where one of them has a ``weight`` other than 1, there is a column
            ``weights`` as well.
        by_length: sort them, so that evaluation batches carry little padding; weights are left
            out of these.
    """
    ordered = sorted(rows, key=lambda row: len(row.input_ids)) if by_length else rows
    weights = [row.weight for row in ordered]
    columns: list[dict[str, Any]] = [
        {"input_ids": row.input_ids, "labels": row.labels, "length": len(row.input_ids)}
        for row in ordered
    ]
    if not by_length and any(weight != 1 for weight in weights):
        for column, weight in zip(columns, weights, strict=True):
            column["weights"] = [weight] * column["length"]
    return Dataset.from_list(columns)


class WithExtras:
    """A collator that pads the extra columns, where rows have them, beside what another one makes.

    Args:
        inner: makes ``input_ids`` and ``labels``.
    """

    def __init__(self, inner: Callable[[list[dict[str, Any]]], Any]) -> None:
        self.inner = inner

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        """Make a batch; each extra column becomes a tensor (rows, length), 0 at the end."""
        batch = self.inner([{k: v for k, v in row.items() if k not in EXTRAS} for row in rows])
        length = batch["input_ids"].shape[1]
        for name in (name for name in EXTRAS if name in rows[0]):
            filled = [row[name] + [0] * (length - len(row[name])) for row in rows]
            batch[name] = torch.tensor(filled)
        return batch
