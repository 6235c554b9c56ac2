"""The pairs of a run: read, and divided into those to learn from and those to evaluate on.

Contract: ``read_pairs(config)`` gives the same division for the same file and seed; bad lines are
refused, or with ``skip_bad`` returned, so that none disappears without a word. Copies that
``setaccio data augment`` made of one pair stay together: one that is learned from would otherwise
give away another that is evaluated on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from rich.console import Console

from setaccio.data.readers.convert import load_any
from setaccio.data.records import Pair, Problem, origin_of
from setaccio.train.config.settings import TrainConfig

SHOWN_PROBLEMS = 10  # bad lines that are named; the rest is counted


def training_pairs(config: TrainConfig) -> tuple[list[Pair], list[Pair], list[Problem]]:
    """Read the pairs, divided into those to learn from and those for the evaluation loss.

    Args:
        config: names the files, or the share to hold out at random. A file may be anything that
            ``setaccio data convert`` reads without a template, and with a slice behind its name
            (``pairs.jsonl[:4096]``) only a part of it is taken.

    Returns:
        Both parts, and the lines that were left out on request.

    Raises:
        DataError: pairs can not be read.
    """
    generator = random.Random(f"split:{config.seed}")
    pairs, problems = load_any(config.pairs, skip_bad=config.skip_bad)
    if config.eval_pairs is not None:
        held_out, more = load_any(config.eval_pairs, skip_bad=config.skip_bad)
        learned, problems = list(pairs), problems + more
    else:
        groups = _groups(pairs)
        count = min(round(config.validation_share * len(groups)), len(groups) - 1)
        if config.validation_share and len(groups) > 1:
            count = max(count, 1)
        drawn = generator.sample(range(len(groups)), count)
        chosen = {index for group in drawn for index in groups[group]}
        held_out = [pair for index, pair in enumerate(pairs) if index in chosen]
        learned = [pair for index, pair in enumerate(pairs) if index not in chosen]
    if len(held_out) > config.max_eval_pairs:
        held_out = generator.sample(held_out, config.max_eval_pairs)
    return learned, held_out, problems


def _groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """Row numbers that stay together: a pair and its copies, or else a row alone."""
    origins = [origin_of(pair.id) for pair in pairs]
    copied = {each for each, pair in zip(origins, pairs, strict=True) if each != pair.id}
    groups: dict[str | int, list[int]] = {}
    for index, origin in enumerate(origins):
        groups.setdefault(origin if origin in copied else index, []).append(index)
    return list(groups.values())


def tell_problems(problems: Sequence[Problem], notes: Sequence[str] = ()) -> None:
    """Name the lines that were left out, the first ones at least, on standard error.

    Args:
        problems: the lines.
        notes: what else is to be said, such as of the task's schema.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for note in notes:
        console.print(f"warning: {note}", markup=False)
    for problem in problems[:SHOWN_PROBLEMS]:
        console.print(f"left out: {problem}", markup=False)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"left out: {len(problems) - SHOWN_PROBLEMS} more bad lines")
