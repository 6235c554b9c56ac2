"""The report's tables as HTML, every word of the run in them escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from setaccio.data.task.task import Json, dump_compact
from setaccio.eval.report.canvas import arm_colour
from setaccio.eval.report.chart_parts import OUTCOME_WORDS, size_words
from setaccio.eval.report.data import LEVELS, OUTCOMES, ReportArm, Run, as_estimate
from setaccio.eval.stats.summary import Interval
from setaccio.eval.table import DIFFERENCE_LEGEND, percent

_RATES = (*LEVELS, ("score", "score"), ("anls", "ANLS*"))
_PARTS = (("quantity", "quantity"), ("unit", "unit"), ("name", "name"), ("agreed", "strict"))
_DETAILS = (
    "Strict L1: nothing but JSON. Quantity, unit, name: over gold texts that begin with a "
    "quantity; strict: all three agree. Failed documents disagree everywhere, and all their "
    "leaves are missing."
)
_DASH = "–"


class _Column(NamedTuple):
    """A column of the headline table: numbers to find the best one, and cells as HTML."""

    title: str
    values: list[float | None]
    cells: list[str]


def headline_table(run: Run) -> str:
    """One row per arm: rates with their intervals, the best of a column in bold, and costs."""
    columns = [_rate_column(run, key, title) for key, title in _RATES]
    columns += [_field_column(run, path) for path in run.shown_fields]
    columns += [_grounding_column(run), *_cost_columns(run)]
    return _table(run, columns)


def details_table(run: Run) -> str:
    """What the headline has no room for: strict agreement, leaves, machine, statuses."""
    columns = [_rate_column(run, "l1_strict", "strict L1")]
    for path in run.shown_fields:
        if any(_is_measured(arm, path) for arm in run.arms):
            columns += [_strict_column(run, path, key, title) for key, title in _PARTS]
    columns += [
        _text_column(
            f"{OUTCOME_WORDS.get(name, name)} leaves", [_leaves(a, name) for a in run.arms]
        )
        for name in OUTCOMES
    ]
    columns += _machine_columns(run)
    columns.append(_text_column("statuses", [_statuses(arm) for arm in run.arms]))
    return (
        '<h3 id="details">Details</h3>'
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="details">'
        f"{_table(run, columns)}</div>"
        f'<p class="quiet">{escape(_DETAILS)}</p>'
    )


def _table(run: Run, columns: list[_Column]) -> str:
    """Rows of arms under columns; columns that nothing fills are left out."""
    columns = [one for one in columns if any(cell != _DASH for cell in one.cells)]
    titles = ["model", "decoding", *(one.title for one in columns)]
    head = "".join(
        f'<th scope="col"{_word(at)}>{escape(title)}</th>' for at, title in enumerate(titles)
    )
    rows = "".join(_headline_row(run, at, columns) for at in range(len(run.arms)))
    return f'<table class="headline"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def differences_table(run: Run) -> str:
    """Paired differences: a row per pair of arms, a column per number; noise is said and pale."""
    found: list[dict[str, Any]] = run.comparison.get("differences") or []
    if not found:
        return ""
    pairs = dict.fromkeys((str(one["before"]), str(one["after"])) for one in found)
    metrics = list(dict.fromkeys(str(one["metric"]) for one in found))
    cells = {(one["before"], one["after"], one["metric"]): _difference(one) for one in found}
    head = "".join(f'<th scope="col">{escape(metric)}</th>' for metric in metrics)
    rows = "".join(
        f'<tr><th scope="row" class="word">{escape(before)} → {escape(after)}</th>'
        + "".join(cells.get((before, after, metric), f"<td>{_DASH}</td>") for metric in metrics)
        + "</tr>"
        for before, after in pairs
    )
    return (
        '<h3 id="differences">Differences</h3>'
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="differences">'
        '<table class="headline"><thead><tr><th scope="col" class="word">from → to</th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="quiet">{escape(DIFFERENCE_LEGEND)}</p>'
    )


def facts_table(run: Run) -> str:
    """What was measured with what: models, data, settings, versions."""
    facts: list[tuple[str, str]] = []
    for arm in run.arms:
        parts = [arm.model, size_words(arm.size_bytes), arm.sha256 and f"sha256 {arm.sha256}"]
        counts = arm.summary.get("statuses") or {}
        parts += [f"{name} {count}" for name, count in counts.items()]
        facts.append((arm.label, ", ".join(filter(None, parts))))
    for key, value in run.config.items():
        if key not in ("task", "arms"):
            facts.append((key.replace("_", " "), _fact(value)))
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in facts
    )
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def _fact(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_fact(part)}" for key, part in value.items())
    return value if isinstance(value, str) else _DASH if value is None else dump_compact(value)


def _word(at: int) -> str:
    return ' class="word"' if at < 2 else ""


def _headline_row(run: Run, at: int, columns: Sequence[_Column]) -> str:
    arm = run.arms[at]
    cells = []
    for _, values, texts in columns:
        known = [value for value in values if value is not None]
        best = len(known) > 1 and values[at] == max(known) > min(known)
        mark = ' class="best"' if best else ""
        cells.append(f"<td{mark}>{texts[at]}</td>")
    file = f"<small>{escape(arm.model)}</small>" if arm.model != arm.name else ""
    swatch = f'<i class="swatch b-{arm_colour(at)}"></i>'
    return (
        f'<tr><th scope="row" class="word">{swatch}{escape(arm.name)}{file}</th>'
        f'<td class="word">{escape(arm.decoding or _DASH)}</td>{"".join(cells)}</tr>'
    )


def _rate_column(run: Run, key: str, title: str) -> _Column:
    found = [arm.estimate(key) for arm in run.arms]
    values = [None if one is None else one.mean for one in found]
    return _Column(title, values, [_DASH if one is None else _rate(one) for one in found])


def _field_column(run: Run, path: str) -> _Column:
    listed = any(arm.field(path).get("f1") is not None for arm in run.arms)
    values = [arm.headline(path) for arm in run.arms]
    return _Column(
        f"{path} {'F1' if listed else 'right'}", values, [_field(arm, path) for arm in run.arms]
    )


def _text_column(title: str, cells: list[str]) -> _Column:
    """A column without a best."""
    return _Column(title, [None] * len(cells), cells)


def _is_measured(arm: ReportArm, path: str) -> bool:
    """Whether at least half of a field's gold texts begin with a quantity."""
    strict = arm.field(path).get("strict") or {"gold": 0, "leaves": 0}
    return bool(2 * strict["gold"] >= strict["leaves"] > 0)


def _strict_column(run: Run, path: str, key: str, title: str) -> _Column:
    found = [(arm.field(path).get("strict") or {}).get(key) for arm in run.arms]
    return _Column(f"{path} {title}", found, [_DASH if v is None else percent(v) for v in found])


def _leaves(arm: ReportArm, outcome: str) -> str:
    counts = arm.summary.get("leaves") or {}
    return f"{counts[outcome]:,}" if outcome in counts else _DASH


def _statuses(arm: ReportArm) -> str:
    counts = arm.summary.get("statuses") or {}
    return (
        "<br>".join(escape(f"{name or _DASH} {count}") for name, count in counts.items()) or _DASH
    )


def _grounding_column(run: Run) -> _Column:
    found = [arm.summary.get("grounding") for arm in run.arms]
    rates = [one["grounded"] / one["leaves"] if one else None for one in found]
    return _Column("grounded", rates, [_DASH if rate is None else percent(rate) for rate in rates])


def _cost_columns(run: Run) -> list[_Column]:
    """What an arm costs its user, where it is known; no column has a best."""
    return [
        _text_column("s/doc", _numbers(run, "seconds_mean", 2)),
        _text_column("size", [size_words(arm.size_bytes) or _DASH for arm in run.arms]),
        _text_column("docs", _numbers(run, "documents", 0)),
    ]


def _machine_columns(run: Run) -> list[_Column]:
    """What an arm cost the machine, where it was measured."""
    energy = [
        _DASH if arm.joules is None else f"{arm.joules / arm.summary['documents']:.1f}"
        for arm in run.arms
    ]
    return [
        _text_column("tok/s", _numbers(run, "tokens_per_second", 0)),
        _text_column("memory", [size_words(arm.peak_memory) or _DASH for arm in run.arms]),
        _text_column("J/doc", energy),
    ]


def _numbers(run: Run, key: str, digits: int) -> list[str]:
    values = [arm.summary.get(key) for arm in run.arms]
    return [_DASH if value is None else f"{value:,.{digits}f}" for value in values]


def _rate(found: Interval) -> str:
    return f"{percent(found.mean)}{_range(found)}"


def _field(arm: ReportArm, path: str) -> str:
    """Micro F1 of a list, with an interval where the summary has one; else the rate of right."""
    found, headline = arm.field(path), arm.headline(path)
    if headline is None:
        return _DASH
    if found.get("f1") is None:
        score = as_estimate(found.get("score"))
        return _rate(score) if score else percent(headline)
    f1 = as_estimate(found["f1"])
    return f"{headline:.3f}{_range(f1) if f1 else ''}"


def _range(found: Interval) -> str:
    if found.low == found.high:
        return "<small>&nbsp;</small>"
    return f"<small>{100 * found.low:.1f}–{100 * found.high:.1f}</small>"


def _difference(one: dict[str, Any]) -> str:
    if one["first"] == one["second"] and one["low"] == one["high"] == 0:
        return '<td class="noise">0<small>none</small></td>'
    low, high = (_points(one[edge]) for edge in ("low", "high"))
    mark, said = (' class="noise"', " noise") if one["is_noise"] else ("", "")
    p_value = one.get("p_value")
    hint = "" if p_value is None else f' title="McNemar, p = {p_value:.3g}"'
    return f"<td{mark}{hint}>{_points(one['difference'])}<small>{low} to {high}{said}</small></td>"


def _points(rate: float) -> str:
    return f"{100 * rate + 0:+.1f}".replace("-0.0", "+0.0").replace("-", "−")
