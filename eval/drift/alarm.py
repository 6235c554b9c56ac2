"""Compare two files of results: two-sample tests, corrected for their number, and an alarm.

    >>> found = compare_profiles(reference, new, alpha=0.05)
    >>> found.alarm, [check.name for check in found.checks if check.alarm]

===================  ===============================================================================
numbers              Kolmogorov and Smirnov's test (1933, 1939); ties make it careful
null or not          Fisher's exact test (1922)
statuses, kinds and  Pearson's chi-square test (1900) where at least five are expected in each cell,
values of texts      else the same statistic over 9,999 random tables of the same margins
===================  ===============================================================================

p-values are corrected by Holm's method (1979): the chance of any false alarm is at most ``alpha``,
however the measurements hang together. The population stability index (of credit scoring; the sum
of (new - old) * ln(new / old) over ten bins or over categories) says how large a shift is: 0.1 is
usually called small and 0.25 large. It raises no alarm: where rows are few, chance makes it large.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp, random_table

from setaccio.data.errors import UsageError
from setaccio.eval.drift.profile import MOST_CATEGORIES, DriftProfile
from setaccio.eval.formats import percent

FEW_ROWS = 30
"""Rows below which only gross changes can show."""
MOST_SHOWN = 20
"""Categories of a field; rarer ones are counted together."""

_LEAST_EXPECTED = 5
_TABLES = 9999
_EXACT = 100  # rows of the smaller file from which the asymptotic distribution serves
_TOO_MANY = 10_000  # rows of the larger one from which the exact distribution takes long
_FEWEST = 5  # rows of a kind below which no test can tell anything after the correction
_REST = "(others)"
# Share of rows that frequent values have in an enumeration. It is small, as a new file that is some
# times as long as the reference and has free text instead would else make the field none.
_LEAST_OFTEN = 0.1

Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class DriftCheck:
    """One measurement in both files.

    Attributes:
        name: what was measured.
        test: the test's name.
        before: mean, share, or greatest category of the reference, for people.
        after: the same of the new file.
        psi: population stability index.
        p: p-value of the test.
        adjusted: the same after Holm's correction.
        alarm: whether that is at most ``alpha``.
        old: numbers of the reference, or counts by category.
        new: the same of the new file.
    """

    name: str
    test: str
    before: str
    after: str
    psi: float
    p: float
    old: Sequence[float] | Mapping[str, int]
    new: Sequence[float] | Mapping[str, int]
    adjusted: float = 1.0
    alarm: bool = False


@dataclass(frozen=True)
class DriftReport:
    """What changed between two files.

    Attributes:
        alpha: greatest chance of a false alarm.
        rows: documents of the reference and of the new file.
        checks: measurements, those with the least p-value first; what never or hardly ever varies
            in the two files together is left out.
        notes: what else the user should know.
    """

    alpha: float
    rows: tuple[int, int]
    checks: tuple[DriftCheck, ...]
    notes: tuple[str, ...]

    @property
    def alarm(self) -> bool:
        """Whether anything changed that chance does not explain."""
        return any(check.alarm for check in self.checks)

    def describe(self) -> str:
        """The verdict as one sentence."""
        named = [check.name for check in self.checks if check.alarm]
        among = f"{self.rows[1]} new rows against {self.rows[0]}"
        if not named:
            return f"No drift: {among}, {len(self.checks)} measurements, none beyond chance."
        return f"Drift: {among}, {len(named)} of {len(self.checks)} changed: {', '.join(named)}."

    def table(self) -> list[list[str]]:
        """One row per measurement, header first."""
        rows = [["measured", "test", "reference", "new", "PSI", "p", "p, corrected", ""]]
        for check in self.checks:
            chances = [format_p(check.p), format_p(check.adjusted)]
            drift = "DRIFT" if check.alarm else ""
            cells = [check.name, check.test, check.before, check.after, f"{check.psi:.2f}"]
            rows.append([*cells, *chances, drift])
        return rows


def format_p(value: float) -> str:
    """A p-value for a table."""
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def compare_profiles(
    reference: DriftProfile, new: DriftProfile, *, alpha: float = 0.05
) -> DriftReport:
    """Test every measurement that both files have, and correct for their number.

    Args:
        reference: what results looked like when all was well.
        new: what they look like now.
        alpha: greatest chance of a false alarm, above 0 and below 1.

    Raises:
        UsageError: alpha is out of range.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha:g}. Choose a number above 0 and below 1.")
    checks = [_check_counts("status", reference.statuses, new.statuses)]
    checks += [
        _check_numbers(name, reference.numbers[name], new.numbers[name])
        for name in _both(reference.numbers, new.numbers)
    ]
    if reference.answered and new.answered:
        checks += [
            _check_null(path, reference, new) for path in {**reference.present, **new.present}
        ]
    checks += [
        _check_counts(f"{path}: kind", reference.kinds[path], new.kinds[path])
        for path in _both(reference.kinds, new.kinds)
        if _varies(reference.kinds[path] + new.kinds[path])
    ]
    checks += [
        _check_counts(f"{path}: value", old, now)
        for path in _both(reference.categories, new.categories)
        for old, now in (_values(path, reference, new),)
        if _is_enumeration(old + now)
    ]
    known = sorted((one for one in checks if one is not None), key=lambda check: check.p)
    adjusted = holm([check.p for check in known])
    return DriftReport(
        alpha=alpha,
        rows=(reference.rows, new.rows),
        checks=tuple(
            replace(check, adjusted=value, alarm=value <= alpha)
            for check, value in zip(known, adjusted, strict=True)
        ),
        notes=tuple(_notes(reference, new)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of p-values that are sorted, the least first."""
    count, found, most = len(p_values), list[float](), 0.0
    for at, p in enumerate(p_values):
        most = max(most, min(1.0, p * (count - at)))
        found.append(most)
    return found


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [name for name in one if name in other]


def _values(path: str, *profiles: DriftProfile) -> list[Counter[str]]:
    """Counts of both files, by groups where the values of the two are too many."""
    different = set[str]().union(*(one.categories[path] for one in profiles))
    grouped = len(different) > MOST_CATEGORIES or any(path in one.grouped for one in profiles)
    return [one.values(path, grouped=grouped) for one in profiles]


# What is tested is decided on the rows of both files together, which say nothing about which file
# a row is from: a choice that looked at one of them would make false alarms likelier.


def _varies(pooled: Counter[str]) -> bool:
    return pooled.total() - max(pooled.values()) >= _FEWEST


def _is_enumeration(pooled: Counter[str]) -> bool:
    often = sum(count for _, count in pooled.most_common(MOST_SHOWN) if count >= _FEWEST)
    return _varies(pooled) and often >= _LEAST_OFTEN * pooled.total()


def _notes(reference: DriftProfile, new: DriftProfile) -> list[str]:
    notes = []
    for what, one, other in (
        ("model", reference.models, new.models),
        ("task", reference.tasks, new.tasks),
    ):
        if set(one) != set(other):
            names = f"{', '.join(sorted(one))} and {', '.join(sorted(other))}"
            notes.append(f"The rows are not of the same {what} ({names}): that alone is a change.")
    if min(reference.rows, new.rows) < FEW_ROWS:
        notes.append(f"With fewer than {FEW_ROWS} rows in a file only gross changes show.")
    return notes


def _check_numbers(name: str, old: Sequence[float], new: Sequence[float]) -> DriftCheck | None:
    before, after = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
    fewest, most = sorted((len(before), len(after)))
    if fewest < _FEWEST or len(np.unique(np.concatenate([before, after]))) < 2:
        return None
    method = "exact" if fewest < _EXACT and most < _TOO_MANY else "asymp"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it falls back on the asymptotic one
        p = ks_2samp(before, after, method=method).pvalue
    edges = np.unique(np.quantile(before, np.linspace(0.1, 0.9, 9)))
    # Of few values, such as counts, each is a bin: else all that is less would be as the least.
    tied = len(edges) < 9
    places = [
        np.searchsorted(edges, part) + tied * np.searchsorted(edges, part, "right")
        for part in (before, after)
    ]
    used = np.unique(np.concatenate(places))  # half a row in an empty bin would be a shift
    counts = [np.bincount(part, minlength=used[-1] + 1)[used] for part in places]
    psi = stability_index(counts[0], counts[1])
    said = f"{before.mean():.3g}", f"{after.mean():.3g}"
    return DriftCheck(name, "Kolmogorov-Smirnov", said[0], said[1], psi, float(p), old, new)


def _check_null(path: str, reference: DriftProfile, new: DriftProfile) -> DriftCheck | None:
    counts = [
        {"null": one.answered - one.present[path], "given": one.present[path]}
        for one in (reference, new)
    ]
    table = np.array([[*one.values()] for one in counts])
    if (table.sum(axis=0) < _FEWEST).any():
        return None
    before, after = (percent(one["null"] / sum(one.values())) for one in counts)
    p, psi = float(fisher_exact(table).pvalue), stability_index(table[0], table[1])
    return DriftCheck(f"{path}: null", "Fisher", before, after, psi, p, counts[0], counts[1])


def _check_counts(name: str, old: Mapping[str, int], new: Mapping[str, int]) -> DriftCheck | None:
    pooled = {key: old.get(key, 0) + new.get(key, 0) for key in {**old, **new}}
    names = sorted(pooled, key=lambda key: (-pooled[key], key))
    kept = names[:MOST_SHOWN]
    counts = []
    for one in (old, new):
        shown = {key: one.get(key, 0) for key in kept}
        if len(names) > len(kept):
            shown[_REST] = sum(one.values()) - sum(shown.values())
        counts.append(shown)
    table = np.array([[*one.values()] for one in counts])
    if table.shape[1] < 2:
        return None
    test, p = _independence(table)
    before, after = map(_commonest, counts)
    psi = stability_index(table[0], table[1])
    return DriftCheck(name, test, before, after, psi, p, counts[0], counts[1])


def _commonest(counts: Mapping[str, int]) -> str:
    name = max(counts, key=lambda key: counts[key])
    return f"{name[:24]} {percent(counts[name] / max(sum(counts.values()), 1))}"


def _independence(table: Numbers) -> tuple[str, float]:
    """Name and p-value of the test whether the rows of a table of counts are alike."""
    found = chi2_contingency(table, correction=False)
    if found.expected_freq.min() >= _LEAST_EXPECTED:
        return "chi-square", float(found.pvalue)
    dice = np.random.default_rng(0)
    made = random_table(table.sum(axis=1), table.sum(axis=0)).rvs(_TABLES, random_state=dice)
    drawn = ((made - found.expected_freq) ** 2 / found.expected_freq).sum(axis=(1, 2))
    beyond = int((drawn >= found.statistic * (1 - 1e-9)).sum())
    return "permutation", (1 + beyond) / (1 + _TABLES)


def stability_index(old: Numbers, new: Numbers) -> float:
    """Population stability index of counts in the same bins; half a row is added to each bin."""
    before, after = np.asarray(old, dtype=float) + 0.5, np.asarray(new, dtype=float) + 0.5
    before, after = before / before.sum(), after / after.sum()
    return float(math.fsum((after - before) * np.log(after / before)))
