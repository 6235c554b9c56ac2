"""Pieces that several charts share: axes, legends, small bars, words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from setaccio.eval.report.canvas import Canvas, Point, arm_colour
from setaccio.eval.report.data import LEVELS, OUTCOMES, ReportArm
from setaccio.eval.table import percent

BINS = 10
SMALL = 11.0
OUTCOME_WORDS = {"omitted": "missing"}
"""What a reader sees where the scores say otherwise."""


def clip(text: str, length: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def interval_mark(arm: ReportArm, key: str) -> str:
    """The 95% interval of a number, such as ``95% 12.1% to 14.0%``."""
    found = arm.estimate(key)
    return f"95% {percent(found.low)} to {percent(found.high)}" if found else ""


def size_words(size: int | None) -> str:
    """A file's size such as ``4.6 MB``; empty when unknown."""
    if not size:
        return ""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.3g} {unit}"
    return f"{size} B"


def axis_value(arm: ReportArm, axis: int, title: str) -> float | None:
    """A radar axis: the levels come first, then fields by their path."""
    if axis < len(LEVELS):
        found = arm.estimate(LEVELS[axis][0])
        return found.mean if found else None
    return arm.headline(title)


def rate_axis(
    canvas: Canvas,
    left: float,
    right: float,
    top: float,
    height: float,
    most: float = 1.0,
    least: float = 0.0,
) -> None:
    """Lines and labels from ``least`` at the bottom to ``most`` at the top."""
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = top + height * (1 - share)
        canvas.line([(left, y), (right, y)], "grid")
        canvas.text(
            (left - 8, y + 4),
            f"{100 * (least + share * (most - least)):.3g}%",
            "muted",
            SMALL,
            "end",
        )


def legend(canvas: Canvas, labels: Sequence[str], left: float, y: float) -> None:
    """A coloured square and a name per arm, four to a line."""
    column = (canvas.width - left) / 4
    for at, label in enumerate(labels):
        x, line = left + column * (at % 4), y + 20 * (at // 4)
        canvas.rect(x, line - 9, 10, 10, arm_colour(at))
        canvas.text((x + 16, line), clip(label, int((column - 20) / 6.4)), "ink", 12)


def outcome_bar(canvas: Canvas, arm: ReportArm, path: str, at: Point, width: float) -> None:
    """The shares of a field's leaves by outcome, side by side."""
    counts = arm.field(path).get("leaves", {})
    total = sum(counts.get(name, 0) for name in OUTCOMES)
    x, y = at
    for name in OUTCOMES:
        share = counts.get(name, 0) / total if total else 0.0
        word = OUTCOME_WORDS.get(name, name)
        tip = f"{arm.label}: {counts.get(name, 0)} of {total} leaves {word} ({percent(share)})"
        canvas.rect(x, y, width * share, 14, name, tip)
        x += width * share


def histogram(
    canvas: Canvas, values: Sequence[float], at: Point, width: float, height: float, colour: str
) -> None:
    """Ten bars from 0 to 1, as tall as the share of documents in them."""
    x, y = at
    canvas.line([(x, y + height + 0.5), (x + width, y + height + 0.5)], "grid")
    counts = [0] * BINS
    for value in values:
        counts[max(0, min(int(value * BINS), BINS - 1))] += 1
    step = width / BINS
    for number, count in enumerate(counts):
        if count:
            tall = max(1.0, height * count / len(values))
            edges = f"{number / BINS:g} to {(number + 1) / BINS:g}"
            tip = f"{count} of {len(values)} documents from {edges}"
            canvas.rect(x + step * number + 1, y + height - tall, step - 2, tall, colour, tip)


def round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 times a power of ten: an axis with four even steps."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if value <= power * step)
