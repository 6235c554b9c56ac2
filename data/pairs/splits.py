"""Divide data into parts that never change under anyone's feet.

Contract: ``reference_split`` is the division of the experiment that this project reproduces, by
position. ``random_split`` decides by a hash of seed and id, so that the order of the rows does not
matter and a row that is added moves no other; with the name of a group in place of the id, whole
groups go into one part. ``stratified_split`` gives each part its share of every kind of row.

    parts = random_split([pair.id for pair in pairs], seed=1, validation=0.05, test=0.1)
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from setaccio.data.errors import DataError, UsageError
from setaccio.data.pairs.groups import group_names, strata_names
from setaccio.data.records import Pair

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


def _check_shares(validation: float, test: float) -> None:
    if validation < 0 or test < 0 or validation + test >= 1:
        raise UsageError(
            f"shares of {validation} for validation and {test} for test leave nothing to train "
            "on. Give two shares from 0 that add up to less than 1."
        )


def check_division(sizes: Mapping[str, int], names: int, shares: Mapping[str, float]) -> list[str]:
    """Refuse a division that divided nothing, and name the parts that stayed empty.

    Args:
        sizes: rows by part.
        names: how many ids or groups there were to divide: rows of one stay together.
        shares: of the parts besides the training part.

    Returns:
        The parts that were asked for and are empty.

    Raises:
        DataError: all rows are of one id or group, or came into one part.
    """
    wanted = ["train", *(part for part, share in shares.items() if share > 0)]
    empty = [part for part in wanted if not sizes[part]]
    if len(wanted) == 1 or sum(sizes.values()) == 0:
        return []
    rows = sum(sizes.values())
    if rows == 1:
        raise DataError("One pair can not be divided. Give more pairs.")
    if names < 2:
        raise DataError(
            f"{rows} pairs are all of one id or group, which stays together, so that nothing can "
            "be divided. Give each pair an id of its own, or another --group."
        )
    if len(empty) == len(wanted) - 1:
        only = next(part for part in wanted if part not in empty)
        raise DataError(
            f"All {rows} pairs came into the part {only} ({names} ids or groups are few for these "
            "shares), so that nothing was divided. Give more pairs, a larger --test or "
            "--validation, another --seed, or 0 for a part that is not wanted."
        )
    return empty


def _place(seed: int, name: str) -> float:
    """A number from 0 to 1 that depends on seed and name alone."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


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
    _check_shares(validation, test)
    parts = RandomSplit()
    for each in ids:
        place = _place(seed, each)
        if place < test:
            parts.test.append(each)
        elif place < test + validation:
            parts.validation.append(each)
        else:
            parts.train.append(each)
    return parts


def stratified_split(
    strata: Mapping[str, str],
    seed: int,
    validation: float,
    test: float,
    groups: Mapping[str, str] | None = None,
) -> RandomSplit:
    """Divide ids so that each part has its share of every stratum.

    Args:
        strata: id to the name of its stratum, such as the value of a gold field.
        seed: another seed gives another division.
        validation: share of the validation part, 0 to 1, of each stratum.
        test: share of the test part, 0 to 1, of each stratum.
        groups: id to the name of its group; ids of one group go into one part. A group counts as
            a whole to the stratum that most of its rows are of.

    Returns:
        The three parts. Within a stratum the sizes are the shares to the row, groups aside; what
        rounding leaves over is made up in the next stratum, so the whole is right too.

    Raises:
        UsageError: a share is negative, or they leave nothing to train on.
    """
    _check_shares(validation, test)
    units: dict[str, list[str]] = {}
    for each in strata:
        units.setdefault(groups[each] if groups else each, []).append(each)
    by_stratum: dict[str, list[str]] = {}
    for name, rows in units.items():
        most = Counter(strata[row] for row in rows).most_common()
        by_stratum.setdefault(min(s for s, n in most if n == most[0][1]), []).append(name)
    chosen: dict[str, str] = {}
    owed = {"test": 0.0, "validation": 0.0}
    for _, names in sorted(by_stratum.items()):
        total = sum(len(units[name]) for name in names)
        left = sorted(names, key=lambda name: (_place(seed, name), name))
        for part, share in (("test", test), ("validation", validation)):
            owed[part] += share * total
            taken = []
            for name in left:
                if len(units[name]) / 2 <= owed[part]:
                    owed[part] -= len(units[name])
                    taken.append(name)
            chosen |= dict.fromkeys(taken, part)
            left = [name for name in left if name not in chosen]
    parts = RandomSplit()
    for each in strata:
        name = groups[each] if groups else each
        getattr(parts, chosen.get(name, "train")).append(each)
    return parts


def divide_pairs(
    pairs: Sequence[Pair],
    seed: int,
    *,
    validation: float,
    test: float,
    stratify: str | None = None,
    group: str | None = None,
) -> tuple[dict[str, list[Pair]], int]:
    """Divide pairs into ``train``, ``validation`` and ``test``.

    Args:
        pairs: what to divide.
        seed: another one, another division.
        validation: share of the validation part.
        test: share of the test part.
        stratify: field of the gold of whose every value each part gets its share.
        group: what keeps rows together; see :func:`setaccio.data.pairs.groups.group_names`.

    Returns:
        The pairs by part, and how many ids or groups were divided.

    Raises:
        UsageError: the shares, the field or the group can not be used.
    """
    names = group_names(pairs, group) if group else [pair.id for pair in pairs]
    if stratify:  # by row number: rows of one id may have different values
        rows = [str(number) for number in range(len(pairs))]
        strata = dict(zip(rows, strata_names(pairs, stratify), strict=True))
        groups = dict(zip(rows, names, strict=True))
        found = stratified_split(strata, seed, validation, test, groups=groups)
    else:
        rows = names
        found = random_split(names, seed, validation, test)
    part_of = {row: part for part, ids in vars(found).items() for row in ids}
    parts: dict[str, list[Pair]] = {"train": [], "validation": [], "test": []}
    for pair, row in zip(pairs, rows, strict=True):
        parts[part_of[row]].append(pair)
    return parts, len(set(names))
