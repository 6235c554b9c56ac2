"""Pairing the items of two lists: which prediction stands for which gold item.

:func:`align_unordered` finds the best one-to-one assignment (the Hungarian problem, solved by
``scipy.optimize.linear_sum_assignment``). :func:`align_ordered` finds the best one without
crossings, by dynamic programming over prefixes as in Needleman and Wunsch (1970), so an item out
of order costs a match. Both first maximise how many pairs reach ``threshold`` and then the sum of
similarities: the count of matches, on which precision and recall rest, is the greatest possible.

:func:`align_steps` is for ordered texts that one side may split where the other does not. On top
of pairs it allows groups: up to :data:`LARGEST_GROUP` neighbouring texts of one side against up
to as many of the other. A group is a match when its joined texts reach the threshold, letter by
letter in order, and so does every text in it by itself: the share of its letters that the other
side has in its place (longest common subsequence). A short step can not hide in a long group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import Indel
from scipy.optimize import linear_sum_assignment

from setaccio.eval.scoring.normalise import normalise

Similarity = Callable[[Any, Any], float]
LARGEST_GROUP = 4


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


class Group(NamedTuple):
    """Neighbouring texts of both sides that say the same.

    Attributes:
        gold: indices into the gold list.
        prediction: indices into the predicted list.
        similarity: above 0 and at most 1; below the threshold only for one against one.
    """

    gold: range
    prediction: range
    similarity: float


def align_steps(
    gold: Sequence[str], prediction: Sequence[str], similarity: Similarity, threshold: float
) -> list[Group]:
    """Pair texts in order, wherever either side has split what the other has not.

    Args:
        gold: texts that should be there.
        prediction: texts that are there.
        similarity: compares one of each, 0 to 1.
        threshold: similarity that makes a match.

    Returns:
        Groups in order, no text in two. The number of texts in matches is the greatest possible;
        among equals, pairs are preferred to groups.
    """
    table = _table(gold, prediction, similarity)
    rows, columns = table.shape
    bonus = min(table.shape) + 1.0  # for one text in a match: outweighs every sum of similarities
    ours, theirs = [normalise(text) for text in gold], [normalise(text) for text in prediction]
    best = np.zeros((rows + 1, columns + 1))
    taken: dict[tuple[int, int], Group | None] = {}
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            alike = float(table[row - 1, column - 1])
            pair = Group(range(row - 1, row), range(column - 1, column), alike)
            weight = alike + 2 * bonus * (alike >= threshold and alike > 0)
            choices = [
                (best[row - 1, column], None),
                (best[row, column - 1], None),
                (best[row - 1, column - 1] + weight, pair if alike > 0 else None),
            ]
            for group in _groups(ours, theirs, row, column, threshold):
                weight = group.similarity + bonus * (len(group.gold) + len(group.prediction))
                choices.append((best[group.gold.start, group.prediction.start] + weight, group))
            best[row, column], taken[row, column] = max(choices, key=lambda choice: choice[0])
    found: list[Group] = []
    row, column = rows, columns
    while row and column:
        chosen = taken[row, column]
        if chosen:
            found.append(chosen)
            row, column = chosen.gold.start, chosen.prediction.start
        elif best[row, column] == best[row - 1, column]:
            row -= 1
        else:
            column -= 1
    return found[::-1]


def _groups(
    gold: list[str], prediction: list[str], row: int, column: int, threshold: float
) -> list[Group]:
    """Groups of more than one text on a side that end before a row and a column."""
    found = []
    for first in range(max(0, row - LARGEST_GROUP), row):
        for start in range(max(0, column - LARGEST_GROUP), column):
            if row - first == column - start == 1:
                continue
            alike = _joint(gold[first:row], prediction[start:column], threshold)
            if alike > 0:
                found.append(Group(range(first, row), range(start, column), alike))
    return found


def _joint(left: list[str], right: list[str], threshold: float) -> float:
    """Similarity of joined texts or of the worst text in them; 0 below the threshold."""
    one, other = " ".join(left), " ".join(right)
    shorter, longer = sorted((len(one), len(other)))
    if not shorter or 2 * shorter < threshold * (shorter + longer):
        return 0.0  # letters that are too few can not be alike enough
    if fuzz.ratio(one, other, score_cutoff=100 * threshold) == 0:
        return 0.0
    blocks = Indel.editops(one, other).as_matching_blocks()
    alike = min(
        fuzz.ratio(one, other) / 100,
        _least_covered(left, [(block.a, block.size) for block in blocks]),
        _least_covered(right, [(block.b, block.size) for block in blocks]),
    )
    return alike if alike >= threshold else 0.0


def _least_covered(texts: list[str], blocks: list[tuple[int, int]]) -> float:
    """Smallest share of a text's letters that lie in matching blocks of the joined texts."""
    least, start = 1.0, 0
    for text in texts:
        end = start + len(text)
        inside = sum(max(0, min(end, at + size) - max(start, at)) for at, size in blocks)
        least = min(least, inside / len(text) if text else 0.0)
        start = end + 1  # the blank between
    return least
