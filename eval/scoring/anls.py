"""ANLS*, the scalar by which results are compared across papers.

Peer et al. (2024), *ANLS\\* - A Universal Document Processing Metric for Generative Large Language
Models*, arXiv:2402.03848. Leaves are compared as lower-case text with single blanks, whatever
their type: one minus the Levenshtein distance over the longer length, and 0 below
:data:`THRESHOLD`. Objects are entered key by key, lists are assigned optimally with their order
ignored, and the sum is divided by the number of leaves of both sides together. It knows no units,
numbers or dates: ``1 cup`` against ``7 cup`` is 0.8.

The definition is that of the ``anls-star`` package, against which this module is tested. The
package itself is not used: its Levenshtein distance and its assignment are pure Python, and a
recipe with long steps takes it seconds; here rapidfuzz and scipy do the same work.

    >>> anls_star({"title": "Leek Soup"}, {"title": "Leek Soups"})
    0.9
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from setaccio.data.task.task import Json

THRESHOLD = 0.5  # of the paper: a leaf less alike than this is worth nothing


class _Sum(NamedTuple):
    """Similarities added up, and over how many leaves."""

    total: float
    leaves: int

    def mean(self) -> float:
        return self.total / self.leaves if self.leaves else 1.0


def anls_star(gold: Json, prediction: Json) -> float:
    """Score a value by ANLS*.

    Args:
        gold: the value that should have come out.
        prediction: the value that did.

    Returns:
        0 to 1. (The package reads a text against a list of texts as one of several right answers;
        gold of a task is an object, so that case is left out here.)
    """
    return _compare(gold, prediction).mean()


def _compare(gold: Json, prediction: Json) -> _Sum:
    if isinstance(gold, dict) and isinstance(prediction, dict):
        return _objects(gold, prediction)
    if isinstance(gold, list) and isinstance(prediction, list):
        return _lists(gold, prediction)
    leaves = max(_size(gold), _size(prediction))
    if gold is None:
        return _Sum(float(_is_nothing(prediction)), leaves)
    if isinstance(gold, dict | list) or isinstance(prediction, dict | list) or prediction is None:
        return _Sum(0.0, leaves)
    alike = Levenshtein.normalized_similarity(_text(gold), _text(prediction))
    return _Sum(alike if alike >= THRESHOLD else 0.0, leaves)


def _objects(gold: dict[str, Json], prediction: dict[str, Json]) -> _Sum:
    total, leaves = 0.0, 0
    for key in dict.fromkeys((*gold, *prediction)):
        part = _compare(gold.get(key), prediction.get(key))
        # A key that gold does not have is counted even where it holds nothing, but not rewarded.
        total += part.total if key in gold or not _is_nothing(prediction[key]) else 0.0
        leaves += part.leaves
    return _Sum(total, leaves)


def _lists(gold: list[Json], prediction: list[Json]) -> _Sum:
    parts = [[_compare(one, other) for other in prediction] for one in gold]
    table = np.array([[part.mean() for part in row] for row in parts], dtype=float)
    table = table.reshape(len(gold), len(prediction))
    for one, other in np.argwhere(table > 0):
        if gold[one] == prediction[other]:  # between equals, the identical item wins
            table[one, other] = math.nextafter(table[one, other], math.inf)
    rows, columns = linear_sum_assignment(table, maximize=True)
    chosen = [parts[row][column] for row, column in zip(rows, columns, strict=True)]
    alone = [item for at, item in enumerate(gold) if at not in set(rows)]
    alone += [item for at, item in enumerate(prediction) if at not in set(columns)]
    return _Sum(
        sum(part.total for part in chosen),
        sum(part.leaves for part in chosen) + sum(map(_size, alone)),
    )


def _size(value: Json) -> int:
    """Leaves of one side; unlike elsewhere here, an empty object or list has none."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 1


def _is_nothing(value: Json) -> bool:
    return value is None or value in ({}, [], "")


def _text(value: Any) -> str:
    return " ".join(str(value).lower().split())
