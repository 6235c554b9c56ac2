"""The report's tables as columns of cells; ``templates/tables.html`` makes HTML of them.

Made of ``comparison.json``, so that an old run can be shown; :mod:`setaccio.eval.table` lies below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from setaccio.data.task.task import Json, dump_compact
from setaccio.eval.formats import file_size, percent, points
from setaccio.eval.report.data import LEVELS, OUTCOME_WORDS, ReportArm, Run, as_estimate
from setaccio.eval.stats.summary import Interval
from setaccio.eval.table import PARTS, field_title, has_quantities

_RATES = (*LEVELS, ("exact", "exact"), ("score", "score"), ("anls", "ANLS*"))
DASH = "–"


class Cell(NamedTuple):
    """One cell.

    Attributes:
        text: what it says; line breaks stay.
        small: a smaller line below it.
        value: the number by which the best arm of a column is found; None takes no part.
        is_noise: whether it is a difference that chance alone may have made.
        hint: tooltip.
    """

    text: str = DASH
    small: str = ""
    value: float | None = None
    is_noise: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Column:
    """A column with one cell per arm."""

    title: str
    cells: list[Cell]

    def is_best(self, row: int) -> bool:
        """Whether an arm has the greatest number, others having less."""
        known = [cell.value for cell in self.cells if cell.value is not None]
        return len(known) > 1 and self.cells[row].value == max(known) > min(known)


def headline_columns(run: Run) -> list[Column]:
    """Rates with their intervals and what an arm costs its user."""
    arms = run.arms
    columns = [_rate_column(run, key, title) for key, title in _RATES]
    for path in run.shown_fields:
        listed = any(arm.field(path).get("f1") is not None for arm in arms)
        cells = [_field(arm, path) for arm in arms]
        columns.append(Column(field_title(path, listed), cells))
    columns += [
        Column("grounded", [_grounding(arm) for arm in arms]),
        Column("s/doc", [_number(arm, "seconds_mean", 2) for arm in arms]),
        Column("size", [Cell(file_size(arm.size_bytes) or DASH) for arm in arms]),
        Column("docs", [_number(arm, "documents", 0) for arm in arms]),
    ]
    return _filled(columns)


def details_columns(run: Run) -> list[Column]:
    """What the headline has no room for: strict agreement, leaves, machine, statuses."""
    arms = run.arms
    columns = [_rate_column(run, "l1_strict", "strict L1")]
    for path in run.shown_fields:
        if any(_is_measured(arm, path) for arm in arms):
            columns += [
                Column(f"{path} {title}", [_part(arm, path, key) for arm in arms])
                for key, title in PARTS.items()
            ]
    for outcome, word in OUTCOME_WORDS.items():
        columns.append(Column(f"{word} leaves", [_leaves(arm, outcome) for arm in arms]))
    columns += [
        Column("tok/s", [_number(arm, "tokens_per_second", 0) for arm in arms]),
        Column("memory", [Cell(file_size(arm.peak_memory) or DASH) for arm in arms]),
        Column("J/doc", [_energy(arm) for arm in arms]),
        Column("statuses", [_statuses(arm) for arm in arms]),
    ]
    return _filled(columns)


def _filled(columns: list[Column]) -> list[Column]:
    """The columns that some arm fills."""
    return [one for one in columns if any(cell.text != DASH for cell in one.cells)]


class Differences(NamedTuple):
    """Paired differences: a row per pair of arms, a column per metric."""

    metrics: list[str]
    rows: list[tuple[str, str, list[Cell]]]


def difference_cells(run: Run) -> Differences:
    """The paired differences of ``comparison.json``."""
    found: list[dict[str, Any]] = run.comparison.get("differences") or []
    pairs = dict.fromkeys((str(one["before"]), str(one["after"])) for one in found)
    metrics = list(dict.fromkeys(str(one["metric"]) for one in found))
    cells = {(one["before"], one["after"], one["metric"]): _difference(one) for one in found}
    rows = [(*pair, [cells.get((*pair, one), Cell()) for one in metrics]) for pair in pairs]
    return Differences(metrics, rows)


def run_facts(run: Run) -> list[tuple[str, str]]:
    """What was measured with what: models, data, settings, versions."""
    facts: list[tuple[str, str]] = []
    for arm in run.arms:
        parts = [arm.model, file_size(arm.size_bytes), arm.sha256 and f"sha256 {arm.sha256}"]
        counts = arm.summary.get("statuses") or {}
        parts += [f"{name} {count}" for name, count in counts.items()]
        facts.append((arm.label, ", ".join(filter(None, parts))))
    settings = {key: value for key, value in run.config.items() if key not in ("task", "arms")}
    return facts + [(key.replace("_", " "), _fact(value)) for key, value in settings.items()]


def _fact(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_fact(part)}" for key, part in value.items())
    return value if isinstance(value, str) else DASH if value is None else dump_compact(value)


def _rate_column(run: Run, key: str, title: str) -> Column:
    return Column(title, [_rate(arm.estimate(key)) for arm in run.arms])


def _rate(found: Interval | None) -> Cell:
    return Cell(percent(found.mean), _range(found), found.mean) if found else Cell()


def _range(found: Interval) -> str:
    """An interval in percent; a blank where there is none, so that rows are equally high."""
    if found.low == found.high:
        return "\xa0"
    return f"{100 * found.low:.1f}–{100 * found.high:.1f}"


def _field(arm: ReportArm, path: str) -> Cell:
    """Micro F1 of a list, with an interval where the summary has one; else the rate of right."""
    found, headline = arm.field(path), arm.headline(path)
    if headline is None:
        return Cell()
    if found.get("f1") is None:
        score = as_estimate(found.get("score"))
        return _rate(score) if score else Cell(percent(headline), value=headline)
    f1 = as_estimate(found["f1"])
    return Cell(f"{headline:.3f}", _range(f1) if f1 else "", headline)


def _is_measured(arm: ReportArm, path: str) -> bool:
    strict = arm.field(path).get("strict")
    return strict is not None and has_quantities(strict["gold"], strict["leaves"])


def _part(arm: ReportArm, path: str, key: str) -> Cell:
    rate = (arm.field(path).get("strict") or {}).get(key)
    return Cell() if rate is None else Cell(percent(rate), value=rate)


def _leaves(arm: ReportArm, outcome: str) -> Cell:
    counts = arm.summary.get("leaves") or {}
    return Cell(f"{counts[outcome]:,}") if outcome in counts else Cell()


def _statuses(arm: ReportArm) -> Cell:
    counts = arm.summary.get("statuses") or {}
    return Cell("\n".join(f"{name or DASH} {count}" for name, count in counts.items()) or DASH)


def _grounding(arm: ReportArm) -> Cell:
    found = arm.summary.get("grounding")
    rate = found["grounded"] / found["leaves"] if found else None
    return Cell() if rate is None else Cell(percent(rate), value=rate)


def _energy(arm: ReportArm) -> Cell:
    return Cell() if arm.joules is None else Cell(f"{arm.joules / arm.summary['documents']:.1f}")


def _number(arm: ReportArm, key: str, digits: int) -> Cell:
    value = arm.summary.get(key)
    return Cell() if value is None else Cell(f"{value:,.{digits}f}")


def _difference(one: dict[str, Any]) -> Cell:
    if one["first"] == one["second"] and one["low"] == one["high"] == 0:
        return Cell("0", "none", is_noise=True)
    said, low, high = (points(one[key]).replace("-", "−") for key in ("difference", "low", "high"))
    noise, p_value = bool(one["is_noise"]), one.get("p_value")
    hint = "" if p_value is None else f"McNemar, p = {p_value:.3g}"
    return Cell(said, f"{low} to {high}{' noise' if noise else ''}", None, noise, hint)
