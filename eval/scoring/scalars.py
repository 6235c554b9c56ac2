"""Two values that are neither absent nor compared part by part: how alike, and whether right."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

from setaccio.data.files.decimals import as_integers, decimal_of
from setaccio.data.task.task import Json, ScoringRule
from setaccio.eval.scoring.align import text_similarity
from setaccio.eval.scoring.dates import same_date
from setaccio.eval.scoring.measures import compare_measures
from setaccio.eval.scoring.normalise import normalise, parse_number

_NOISE = Fraction(1, 10**9)  # of a number's size
_UNLIKE = 0.8  # what a measure that does not agree keeps of its similarity, below any match


def compare_scalars(rule: ScoringRule, gold: Json, prediction: Json) -> tuple[float, bool]:
    """Compare by a rule that is not for lists.

    Args:
        rule: ``exact``, ``text``, ``number``, ``date``, ``fuzzy`` or ``measure``.
        gold: what should be there; not null.
        prediction: what is; not null.

    Returns:
        Similarity, 0 to 1, and whether the rule calls the two equal. Numbers and dates are
        alike or not, nothing between; a text that is neither is compared as text.
    """
    if rule.method == "exact":
        right = canonical(gold) == canonical(prediction)
        return float(right), right
    if rule.method == "number":
        wanted, found = parse_number(gold), parse_number(prediction)
        if wanted is not None and found is not None:
            if math.isfinite(wanted) and math.isfinite(found):
                right = _is_close(rule, _exact(gold, wanted), _exact(prediction, found))
            else:  # no JSON, but a program may ask
                right = wanted == found
            return float(right), right
    left, other = as_text(gold), as_text(prediction)
    if rule.method == "date":
        same = same_date(left, other, rule.day_first)
        if same is not None:
            return float(same), same
    similarity = text_similarity(left, other)
    if rule.method == "fuzzy":
        return similarity, similarity >= rule.threshold
    if rule.method == "measure":
        if compare_measures(left, other, rule.threshold).all:
            return max(similarity, rule.threshold), True
        return similarity * rule.threshold * _UNLIKE, False
    return similarity, normalise(left) == normalise(other)


def _exact(value: Json, number: float) -> Fraction:
    """A number by its decimal digits: the JSON number itself, or what was read from a text."""
    is_number = isinstance(value, int | float)
    return Fraction(decimal_of(value if is_number else number))


def _is_close(rule: ScoringRule, wanted: Fraction, found: Fraction) -> bool:
    """Whether two numbers differ by no more than the rule allows."""
    allowed = max(
        Fraction(decimal_of(rule.tolerance)),
        Fraction(decimal_of(rule.relative_tolerance)) * abs(wanted),
    )
    if wanted.denominator > 1 or found.denominator > 1:
        # A third has no end in decimals; whole numbers are the same or are not.
        allowed = max(allowed, _NOISE * max(abs(wanted), abs(found)))
    return abs(wanted - found) <= allowed


def canonical(value: Any) -> str:
    """JSON text by which values are equal exactly when JSON says so: 1 is 1.0, but not true."""
    return json.dumps(as_integers(value), sort_keys=True, ensure_ascii=False)


def as_text(value: Json) -> str:
    """A text as it is, anything else as its canonical JSON."""
    return value if isinstance(value, str) else canonical(value)
