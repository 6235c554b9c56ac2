"""Many documents' scores as one row of numbers, each with its uncertainty.

Means come with a 95% interval by the percentile bootstrap (Efron 1979): documents are drawn with
replacement :data:`RESAMPLES` times with a fixed seed, so the same scores give the same interval.
Precision, recall and F1 of a list field are micro averages: items are counted over all documents,
failed ones included, whose items all count as missed.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from setaccio.data.task.task import Json
from setaccio.eval.scoring.counts import Items, Leaves, Measures
from setaccio.eval.scoring.fields import FieldScore
from setaccio.eval.scoring.score import DocumentScore
from setaccio.eval.stats.calibration import (
    Calibration,
    GroundedLeaves,
    calibrate,
    ground_leaves,
    leaf_points,
)

RESAMPLES = 1000
SEED = 0
_BLOCK = 1_000_000  # indices that are held at once


@dataclass(frozen=True)
class Interval:
    """A mean and its 95% bootstrap interval, all from 0 to 1 for rates and scores."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Strict:
    """Texts that begin with a quantity, over all documents; those of failed ones disagree.

    Attributes:
        leaves: gold texts of the field, with a quantity or without.
        gold: gold texts with a quantity, over which the four rates are.
        predicted: predicted texts with a quantity.
        quantity: rate of equal quantities.
        unit: rate of equal units.
        name: rate of equal names.
        agreed: rate of texts that agree in all three.
        f1: texts that agree in all three, over ``gold`` and ``predicted``.
    """

    leaves: int
    gold: int
    predicted: int
    quantity: float
    unit: float
    name: float
    agreed: float
    f1: float


@dataclass(frozen=True)
class FieldSummary:
    """One field over all documents.

    Attributes:
        method: method of its scoring rule.
        score: mean of the documents' strict scores: for a scalar the rate of right values, for a
            list the macro F1.
        similarity: mean graded similarity.
        leaves: outcomes of its leaves.
        precision: micro precision of a list; None for a scalar.
        recall: micro recall of a list; None for a scalar.
        f1: micro F1 of a list; None for a scalar.
        strict: agreement of quantities, units and names; None where no text has a quantity.
    """

    method: str
    score: Interval
    similarity: float
    leaves: Leaves
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    strict: Strict | None = None

    @property
    def headline(self) -> float:
        """The number for a table: micro F1 of a list, else the rate of right values."""
        return self.score.mean if self.f1 is None else self.f1


@dataclass(frozen=True)
class Usage:
    """What a document cost.

    Attributes:
        seconds: wall time of the extraction.
        prompt_tokens: tokens of its prompt.
        completion_tokens: tokens generated.
    """

    seconds: float
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Summary:
    """All documents of one arm.

    Attributes:
        documents: how many were scored; failed ones are among them.
        l1: rate of answers that hold JSON.
        l1_strict: rate of answers that are nothing but JSON.
        l2: rate of answers that are valid against the schema.
        l3: rate of documents whose every field agrees with gold.
        score: mean of the documents' scores.
        exact: rate of documents that are right to the last field.
        fields: by path, top-level order first.
        leaves: outcomes of all leaves.
        statuses: how many documents have which status.
        seconds_mean: mean wall seconds per document; None when unknown.
        seconds_median: median of the same.
        prompt_tokens: tokens of all prompts.
        completion_tokens: tokens generated for all documents.
        tokens_per_second: generated tokens over all seconds; None when unknown.
        anls: mean ANLS*, the scalar to compare with other papers.
        calibration: what the confidences are worth; None where none were recorded.
        grounding: how many values were found in their documents; None where it is not known.
    """

    documents: int
    l1: Interval
    l1_strict: Interval
    l2: Interval
    l3: Interval
    score: Interval
    fields: dict[str, FieldSummary]
    leaves: Leaves
    statuses: dict[str, int]
    seconds_mean: float | None = None
    seconds_median: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_per_second: float | None = None
    anls: Interval | None = None
    calibration: Calibration | None = None
    grounding: GroundedLeaves | None = None
    exact: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """As nested plain dictionaries, ready for JSON."""
        return asdict(self)


def resamples(count: int, seed: int = SEED) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Draw documents with replacement, :data:`RESAMPLES` times.

    Args:
        count: how many documents there are.
        seed: of the drawing.

    Yields:
        Indices in blocks of rows, one row of ``count`` per resample.
    """
    generator = np.random.default_rng(seed)
    height = max(1, _BLOCK // count)
    for done in range(0, RESAMPLES, height):
        yield generator.integers(0, count, (min(height, RESAMPLES - done), count))


def bootstrap(values: Sequence[float]) -> Interval:
    """Mean of some values with its 95% percentile bootstrap interval.

    Args:
        values: one per document, at least one.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("There is no value to average.")
    sample = np.asarray(values, dtype=float)
    means = [sample[block].mean(axis=1) for block in resamples(len(sample), SEED)]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(sample.mean()), float(low), float(high))


def summarise(
    scores: Sequence[DocumentScore],
    usage: Sequence[Usage] = (),
    rows: Sequence[Mapping[str, Json]] = (),
) -> Summary:
    """Aggregate the scores of one arm.

    Args:
        scores: one per document, failed ones included.
        usage: one per document, or nothing when the outputs were made elsewhere.
        rows: the recorded outputs, one per document, for their ``confidence`` and ``spans``; or
            nothing.

    Raises:
        ValueError: there are no scores.
    """
    seconds = [one.seconds for one in usage]
    generated = sum(one.completion_tokens for one in usage)
    recorded = list(zip(rows, (one.outcomes for one in scores), strict=True)) if rows else []
    return Summary(
        documents=len(scores),
        l1=bootstrap([one.l1 for one in scores]),
        l1_strict=bootstrap([one.l1_strict for one in scores]),
        l2=bootstrap([one.l2 for one in scores]),
        l3=bootstrap([one.l3 for one in scores]),
        score=bootstrap([one.score for one in scores]),
        fields=_fields(scores),
        leaves=sum((one.leaves for one in scores), Leaves()),
        statuses=dict(Counter(one.status for one in scores).most_common()),
        seconds_mean=statistics.fmean(seconds) if seconds else None,
        seconds_median=statistics.median(seconds) if seconds else None,
        prompt_tokens=sum(one.prompt_tokens for one in usage),
        completion_tokens=generated,
        tokens_per_second=generated / sum(seconds) if sum(seconds) else None,
        anls=bootstrap([one.anls for one in scores]),
        calibration=calibrate([point for each in recorded for point in leaf_points(*each)]),
        grounding=ground_leaves(recorded),
        exact=bootstrap([one.exact for one in scores]),
    )


def _fields(scores: Sequence[DocumentScore]) -> dict[str, FieldSummary]:
    """Group the documents' fields by path; a field counts where gold or prediction has it."""
    groups: dict[str, list[FieldScore]] = {}
    for one in scores:
        for path, part in one.fields.items():
            groups.setdefault(path, []).append(part)
    return {path: _field(parts) for path, parts in groups.items()}


def _field(parts: list[FieldScore]) -> FieldSummary:
    items = [part.items for part in parts if part.items]
    total = sum(items, Items()) if items else None
    return FieldSummary(
        method=parts[0].method,
        score=bootstrap([part.score for part in parts]),
        similarity=statistics.fmean(part.similarity for part in parts),
        leaves=sum((part.leaves for part in parts), Leaves()),
        precision=total.precision if total else None,
        recall=total.recall if total else None,
        f1=total.f1 if total else None,
        strict=_strict([part.strict for part in parts if part.strict]),
    )


def _strict(parts: list[Measures]) -> Strict | None:
    total = sum(parts, Measures())
    if not total.gold and not total.predicted:
        return None
    over = max(total.gold, 1)
    rates = {name: getattr(total, name) / over for name in ("quantity", "unit", "name", "agreed")}
    return Strict(total.leaves, total.gold, total.predicted, **rates, f1=total.f1)
