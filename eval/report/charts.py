"""The charts of a run, each drawn once on a :class:`setaccio.eval.report.canvas.Canvas`.

``levels``       L1, L2, L3 and the mean score of every arm, with 95% intervals
``radar``        the same numbers and the fields, one outline per arm
``field_<path>`` outcomes of a field's leaves, and how its similarity is distributed over documents

What a run costs, and what its confidences are worth, is drawn in
:mod:`setaccio.eval.report.cost_charts`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from setaccio.eval.formats import percent
from setaccio.eval.report.canvas import SMALL, Anchor, Canvas, Point, arm_colour
from setaccio.eval.report.data import LEVELS, OUTCOME_WORDS, ReportArm, Run
from setaccio.eval.scoring.counts import OUTCOMES

GREATEST_AXES = 10
BINS = 10
_WIDE = 720.0
_RATES = (*LEVELS, ("score", "score"))


def levels_chart(run: Run) -> Canvas:
    """Bars of the levels and the mean score, one colour per arm."""
    rows = math.ceil(len(run.arms) / 4)
    top, height, left = 18.0 + 20 * rows, 220.0, 44.0
    canvas = Canvas("levels", "L1, L2, L3 and score of every arm", _WIDE, top + height + 34)
    _legend(canvas, [arm.label for arm in run.arms], (left, 14))
    canvas.rate_axis((left, top), _WIDE - 8, height)
    group = (_WIDE - left - 8) / len(_RATES)
    step = min(40.0, (group - 28) / len(run.arms))
    for at, (key, title) in enumerate(_RATES):
        middle = left + group * (at + 0.5)
        canvas.text((middle, top + height + 20), title, anchor="middle", size=13)
        start = middle - step * len(run.arms) / 2
        for number, arm in enumerate(run.arms):
            found = arm.estimate(key)
            if found is None:
                continue
            x, tall = start + step * number, height * found.mean
            colour, interval = arm_colour(number), f"{percent(found.low)} to {percent(found.high)}"
            tip = f"{arm.label}: {title} {percent(found.mean)} (95% {interval})"
            canvas.rect((x + 2, top + height - tall), step - 4, tall, colour, tip)
            canvas.rect((x + 2, top + height - 1.5), step - 4, 1.5, colour)
            if found.low < found.high:
                low, high = (top + height * (1 - edge) for edge in (found.low, found.high))
                canvas.line([(x + step / 2, low), (x + step / 2, high)], "ink", 1.2)
            if step >= 24:
                y = top + height * (1 - max(found.mean, found.high)) - 5
                canvas.text((x + step / 2, y), f"{100 * found.mean:.0f}", "muted", 11, "middle")
    return canvas


def radar_chart(run: Run) -> Canvas:
    """One axis per level and field, one outline per arm."""
    axes = [title for _, title in LEVELS] + run.shown_fields
    axes = axes[:GREATEST_AXES]
    size, radius = 460.0, 150.0
    canvas = Canvas("radar", "Levels and fields of every arm as a radar chart", size, 380)
    centre = (size / 2, 190.0)

    def place(axis: int, share: float) -> Point:
        angle = 2 * math.pi * axis / len(axes) - math.pi / 2
        return (
            centre[0] + radius * share * math.cos(angle),
            centre[1] + radius * share * math.sin(angle),
        )

    for share in (0.25, 0.5, 0.75, 1.0):
        canvas.line([place(axis, share) for axis in (*range(len(axes)), 0)], "grid")
    for axis, title in enumerate(axes):
        canvas.line([centre, place(axis, 1)], "grid")
        x, y = place(axis, 1.12)
        side: Anchor = "middle"
        if abs(x - centre[0]) > 8:
            side = "start" if x > centre[0] else "end"
        canvas.text((x, y + 4), _clip(title, 18), "ink", 12, side)
    for share in (0.5, 1.0):
        x, y = place(0, share)
        canvas.text((x - 4, y + 11), f"{share:.0%}", "muted", 10, "end")
    for number, arm in enumerate(run.arms):
        values = [_axis_value(arm, axis, title) for axis, title in enumerate(axes)]
        points = [place(axis, value or 0.0) for axis, value in enumerate(values)]
        colour = arm_colour(number)
        canvas.polygon(points, fill=colour, stroke=colour, opacity=0.08, tip=arm.label)
        for title, value, point in zip(axes, values, points, strict=True):
            if value is not None:
                canvas.circle(point, 2.6, colour, tip=f"{arm.label}: {title} {percent(value)}")
    return canvas


def field_chart(run: Run, path: str) -> Canvas:
    """Outcomes of one field's leaves, and a histogram of its similarity over the documents."""
    label, bar, gap, right = 106.0, 126.0, 22.0, 108.0
    line, top = 34.0, 24.0
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", path) or "value"
    width = label + bar + gap + right + 10
    canvas = Canvas(f"field_{name}", f"Field {path}", width, top + line * len(run.arms) + 18)
    canvas.text((label, 12), "leaves", "muted", SMALL)
    canvas.text((label + bar + gap, 12), "similarity", "muted", SMALL)
    for number, arm in enumerate(run.arms):
        y = top + line * number
        canvas.text((0, y + 15), _clip(arm.label, 14), "ink", 12)
        _outcome_bar(canvas, arm, path, (label, y + 3), bar)
        values = [
            float(score["fields"][path]["similarity"])
            for score in arm.scores.values()
            if path in score.get("fields", {})
        ]
        _histogram(canvas, values, (label + bar + gap, y), right, line - 10, arm_colour(number))
    bottom = top + line * len(run.arms) + 8
    for share in (0.0, 0.5, 1.0):
        x = label + bar + gap + right * share
        canvas.text((x, bottom), f"{share:g}", "muted", 10, "middle")
        canvas.text((label + bar * share, bottom), f"{share:.0%}", "muted", 10, "middle")
    return canvas


def _clip(text: str, length: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _axis_value(arm: ReportArm, axis: int, title: str) -> float | None:
    """A radar axis: the levels come first, then fields by their path."""
    if axis < len(LEVELS):
        found = arm.estimate(LEVELS[axis][0])
        return found.mean if found else None
    return arm.headline(title)


def _legend(canvas: Canvas, labels: Sequence[str], at: Point) -> None:
    """A coloured square and a name per arm, four to a line."""
    left, top = at
    column = (canvas.width - left) / 4
    for number, label in enumerate(labels):
        x, y = left + column * (number % 4), top + 20 * (number // 4)
        canvas.rect((x, y - 9), 10, 10, arm_colour(number))
        canvas.text((x + 16, y), _clip(label, int((column - 20) / 6.4)))


def _outcome_bar(canvas: Canvas, arm: ReportArm, path: str, at: Point, width: float) -> None:
    """The shares of a field's leaves by outcome, side by side."""
    counts = arm.field(path).get("leaves", {})
    total = sum(counts.get(name, 0) for name in OUTCOMES)
    x, y = at
    for name in OUTCOMES:
        share = counts.get(name, 0) / total if total else 0.0
        word = OUTCOME_WORDS[name]
        tip = f"{arm.label}: {counts.get(name, 0)} of {total} leaves {word} ({percent(share)})"
        canvas.rect((x, y), width * share, 14, name, tip)
        x += width * share


def _histogram(
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
            corner = (x + step * number + 1, y + height - tall)
            canvas.rect(corner, step - 2, tall, colour, tip)
