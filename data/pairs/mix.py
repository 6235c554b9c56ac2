"""One training set from several files: weights, and examples in the prompts of a share of pairs.

Contract: ``mix(sources)`` gives out every pair of every source once. Where an id was there before,
the later one is told apart by the name of its source. ``with_examples`` changes no text and no
gold, and never shows a pair itself, or one of the same text, as its own example.

    mix([Source("real", real, 2.0), Source("made", made, 0.5)])
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from setaccio.data.errors import UsageError
from setaccio.data.records import Pair, origin_of
from setaccio.data.task.task import Shot

_FEW = 1000
"""Pairs that are shuffled whole for each draw."""


class MixSource(NamedTuple):
    """Pairs of one file.

    Attributes:
        name: tells its ids apart from those of other sources.
        pairs: the pairs.
        weight: what their own weights are multiplied by.
    """

    name: str
    pairs: Sequence[Pair]
    weight: float = 1.0


def mix(sources: Sequence[MixSource], *, shuffle: int | None = None) -> list[Pair]:
    """Put the pairs of several sources together.

    Args:
        sources: where they come from, in the order in which they come out.
        shuffle: a seed, to bring them into another order.

    Raises:
        UsageError: a weight is not above 0.
    """
    mixed: dict[str, Pair] = {}
    tried: Counter[tuple[str, str]] = Counter()
    for source in sources:
        if not source.weight > 0:
            raise UsageError(f"{source.name}: a weight of {source.weight}. Give one above 0.")
        for pair in source.pairs:
            pair_id, name = pair.id, (source.name, pair.id)
            while pair_id in mixed:
                tried[name] += 1
                pair_id = f"{source.name}:{pair.id}"
                pair_id += f":{tried[name] + 1}" if tried[name] > 1 else ""
            mixed[pair_id] = replace(pair, id=pair_id, weight=pair.weight * source.weight)
    pairs = list(mixed.values())
    if shuffle is not None:
        random.Random(f"mix:{shuffle}").shuffle(pairs)
    return pairs


def with_examples(pairs: Sequence[Pair], count: int, share: float, seed: int) -> Iterator[Pair]:
    """Give a share of pairs worked examples, so that a model learns to read either prompt.

    Args:
        pairs: the pairs, which are each other's examples; those with examples keep them.
        count: examples per chosen pair.
        share: share of the pairs, 0 to 1, that get them; each is drawn by its id and the seed.
        seed: another seed, other pairs and examples.

    Raises:
        UsageError: too few pairs for so many examples, or no share.
    """
    if not 0 <= share <= 1 or count < 0:
        raise UsageError(f"{count} examples for a share of {share}: give a share from 0 to 1.")
    if count and len({origin_of(pair.id) for pair in pairs}) <= count:
        raise UsageError(f"{len(pairs)} pairs are too few to draw {count} examples from.")
    for pair in pairs:
        rng = random.Random(f"examples:{seed}:{pair.id}")
        if pair.examples or not count or rng.random() >= share:
            yield pair
            continue
        yield replace(pair, examples=tuple(_draw(pair, pairs, count, rng)))


def _draw(pair: Pair, pairs: Sequence[Pair], count: int, rng: random.Random) -> list[Shot]:
    """Examples of other texts, none of them made from the same pair."""
    shots: dict[str, Shot] = {}
    few = len(pairs) <= _FEW
    for other in rng.sample(pairs, len(pairs)) if few else _draws(pairs, rng):
        if other.text != pair.text and origin_of(other.id) != origin_of(pair.id):
            shots[other.text] = Shot(text=other.text, gold=other.gold)
        if len(shots) == count:
            break
    return list(shots.values())


def _draws(pairs: Sequence[Pair], rng: random.Random) -> Iterator[Pair]:
    """Draw with replacement: shuffling very many pairs for each of them would take too long."""
    for _ in range(_FEW):
        yield rng.choice(pairs)
