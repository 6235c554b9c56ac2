"""Pairing the items of two lists: which prediction stands for which gold item.

:func:`align_unordered` finds the best one-to-one assignment (the Hungarian problem, solved by
``scipy.optimize.linear_sum_assignment``). :func:`align_ordered` finds the best one without
crossings, by dynamic programming over prefixes as in Needleman and Wunsch (1970), so an item out
of order costs a match. Both first maximise how many pairs reach ``threshold`` and then the sum of
similarities: the count of matches, on which precision and recall rest, is the greatest possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz import fuzz
from scipy.optimize import linear_sum_assignment

from setaccio.eval.normalise import normalise

Similarity = Callable[[Any, Any], float]


class Match(NamedTuple):
    """One pair of an alignment.

    Attributes:
        gold: index into the gold list.
        prediction: index into the predicted list.
        similarity: their similarity, above 0 and at most 1.
    """

    gold: int
    prediction: int
    similarity: float


def text_similarity(gold: str, prediction: str) -> float:
    """Similarity of two texts after normalisation, from 0 to 1; 1 when they are the same.

    The greater of rapidfuzz's ``ratio`` (insertions and deletions over both lengths) and the same
    ratio over alphabetically sorted words, so ``4 chicken breasts, cooked`` is
    ``4 cooked chicken breasts``.
    """
    left, right = normalise(gold), normalise(prediction)
    if left == right:
        return 1.0
    return max(fuzz.ratio(left, right), fuzz.token_sort_ratio(left, right)) / 100


def _table(gold: Sequence[Any], prediction: Sequence[Any], similarity: Similarity) -> Any:
    cells = [[similarity(one, other) for other in prediction] for one in gold]
    return np.array(cells, dtype=float).reshape(len(gold), len(prediction))


def _weights(table: Any, threshold: float) -> Any:
    """Similarities, raised so that one more match outweighs every sum of similarities."""
    return table + ((table >= threshold) & (table > 0)) * (min(table.shape) + 1.0)


def align_unordered(
    gold: Sequence[Any], prediction: Sequence[Any], similarity: Similarity, threshold: float = 0.0
) -> list[Match]:
    """Pair the items of two lists as well as possible, order ignored.

    Args:
        gold: items that should be there.
        prediction: items that are there.
        similarity: compares one of each, 0 to 1.
        threshold: similarity that makes a match; the number of matches is maximised first.

    Returns:
        Pairs with a similarity above 0, by gold index.
    """
    table = _table(gold, prediction, similarity)
    rows, columns = linear_sum_assignment(_weights(table, threshold), maximize=True)
    return [
        Match(int(row), int(column), float(table[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if table[row, column] > 0
    ]


def align_ordered(
    gold: Sequence[Any], prediction: Sequence[Any], similarity: Similarity, threshold: float = 0.0
) -> list[Match]:
    """Pair the items of two lists as well as possible without crossing pairs.

    Args and result are those of :func:`align_unordered`.
    """
    table = _table(gold, prediction, similarity)
    weights = _weights(table, threshold)
    rows, columns = table.shape
    best = np.zeros((rows + 1, columns + 1))  # best[i, j]: of the first i gold, j predicted items
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            best[row, column] = max(
                best[row - 1, column],
                best[row, column - 1],
                best[row - 1, column - 1] + weights[row - 1, column - 1],
            )
    matches: list[Match] = []
    row, column = rows, columns
    while row and column:
        if best[row, column] == best[row - 1, column]:
            row -= 1
        elif best[row, column] == best[row, column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            if table[row, column] > 0:
                matches.append(Match(row, column, float(table[row, column])))
    return matches[::-1]
