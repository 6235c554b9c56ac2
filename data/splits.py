"""Divide data into parts that never change under anyone's feet.

Contract: ``reference_split`` is the division of the experiment that this project reproduces, by
position. ``random_split`` decides by a hash of seed and id, so that the order of the rows does not
matter and a row that is added moves no other.

    parts = random_split([pair.id for pair in pairs], seed=1, validation=0.05, test=0.1)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from setaccio.data.errors import DataError, UsageError

REFERENCE_FIRST = 50
REFERENCE_LAST = 100


@dataclass(frozen=True)
class ReferenceSplit:
    """Row numbers from 0: ``first`` for the base model, ``train``, and ``last``."""

    first: range
    train: range
    last: range

    @property
    def evaluation(self) -> tuple[int, ...]:
        """Rows that tuned models are measured on: the last 100, then the first 50."""
        return (*self.last, *self.first)


@dataclass
class RandomSplit:
    """Ids by part, in the order in which they came."""

    train: list[str] = field(default_factory=list)
    validation: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)


def reference_split(count: int) -> ReferenceSplit:
    """Divide rows as the reference experiment did: first 50, last 100, the rest between.

    Args:
        count: number of rows; the experiment had 1,000.

    Raises:
        DataError: there are too few rows for anything to lie between.
    """
    if count <= REFERENCE_FIRST + REFERENCE_LAST:
        raise DataError(
            f"{count} rows are too few for the reference split, which keeps "
            f"{REFERENCE_FIRST + REFERENCE_LAST} for evaluation. Use a random split."
        )
    return ReferenceSplit(
        first=range(REFERENCE_FIRST),
        train=range(REFERENCE_FIRST, count - REFERENCE_LAST),
        last=range(count - REFERENCE_LAST, count),
    )


def random_split(ids: Iterable[str], seed: int, validation: float, test: float) -> RandomSplit:
    """Divide ids at random, the same way every time.

    Args:
        ids: identifiers; equal ids always fall into one part.
        seed: another seed gives another division.
        validation: expected share of the validation part, 0 to 1.
        test: expected share of the test part, 0 to 1.

    Returns:
        The three parts. Their sizes are close to the shares, not exactly them: exact sizes would
        make each row's part depend on all others.

    Raises:
        UsageError: a share is negative, or they leave nothing to train on.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise UsageError(
            f"shares of {validation} for validation and {test} for test leave nothing to train "
            "on. Give two shares from 0 that add up to less than 1."
        )
    parts = RandomSplit()
    for each in ids:
        digest = hashlib.sha256(f"{seed}:{each}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        if place < test:
            parts.test.append(each)
        elif place < test + validation:
            parts.validation.append(each)
        else:
            parts.train.append(each)
    return parts
