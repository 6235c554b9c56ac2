"""Two more charts of a run, which there are only where the outputs have the numbers for them.

``cost``         score against seconds per document, the disc's area by the model's size
``reliability``  how often leaves of a confidence are right
"""

from __future__ import annotations

import math
from typing import Any

from setaccio.eval.formats import file_size, percent
from setaccio.eval.report.canvas import SMALL, Anchor, Canvas, Point, arm_colour
from setaccio.eval.report.data import ReportArm, Run

_WIDE = 720.0
_LEFT, _TOP, _RIGHT = 64.0, 16.0, 16.0
_FLOORS = (0.9, 0.8, 0.6, 0.0)  # where the axis of scores may begin
_LETTER = 6.7  # mean width of a letter of the labels, in pixels
_LINE = 15.0  # height of a line of them


def cost_chart(run: Run) -> Canvas | None:
    """Score against seconds per document; None when no arm was timed."""
    timed = [
        (at, arm, score)
        for at, arm in enumerate(run.arms)
        if arm.summary.get("seconds_mean") and (score := arm.estimate("score"))
    ]
    if not timed:
        return None
    height, span = 260.0, _WIDE - _LEFT - _RIGHT
    canvas = Canvas("cost", "Score, seconds per document and model size", _WIDE, _TOP + height + 48)
    best = max(max(score.mean, score.high) for _, _, score in timed)
    most = 1.0 if best > 0.4 else _round_up(max(best, 0.01))
    worst = min(min(score.mean, score.low) for _, _, score in timed)
    least = next(floor for floor in _FLOORS if floor <= worst or not floor)

    def up(value: float) -> float:
        return _TOP + height * (1 - (value - least) / (most - least))

    slowest = _round_up(1.2 * max(float(arm.summary["seconds_mean"]) for _, arm, _ in timed))
    canvas.rate_axis((_LEFT, _TOP), _WIDE - _RIGHT, height, most, least)
    for tick in range(5):
        x = _LEFT + span * tick / 4
        canvas.text((x, _TOP + height + 18), f"{slowest * tick / 4:.3g}", "muted", SMALL, "middle")
    middle = (_LEFT + span / 2, _TOP + height + 38)
    canvas.text(middle, "seconds per document", "muted", 12, "middle")
    canvas.text((16, _TOP + height / 2), "score", "muted", 12, "middle", turned=True)
    largest = max(arm.size_bytes or 0 for _, arm, _ in timed)
    sized = len({file_size(arm.size_bytes) for _, arm, _ in timed}) > 1
    labels = _Labels(canvas)
    discs = []
    for at, arm, score in timed:
        seconds = float(arm.summary["seconds_mean"])
        x, y = _LEFT + span * seconds / slowest, up(score.mean)
        if score.low < score.high:
            low, high = up(score.low), up(score.high)
            canvas.line([(x, low), (x, high)], arm_colour(at), 1.4)
            labels.keep_clear(x - 1, high, x + 1, low)
        radius = _radius(arm, largest)
        tip = f"{arm.label}: score {percent(score.mean)}, {seconds:.2f} s, "
        canvas.circle((x, y), radius, arm_colour(at), 0.55, tip + (file_size(arm.size_bytes) or ""))
        labels.keep_clear(x - radius, y - radius, x + radius, y + radius)
        words = arm.label
        words += f", {file_size(arm.size_bytes)}" if sized and arm.size_bytes else ""
        words += " (knee)" if run.knee and run.knee == arm.name else ""
        discs.append(((x, y), radius, words))
    for place, radius, words in discs:
        labels.add(place, radius, words)
    return canvas


def reliability_chart(run: Run) -> Canvas | None:
    """Accuracy of leaves against their confidence; None where no confidences were recorded.

    Bins hold equally many leaves; see :mod:`setaccio.eval.stats.calibration`, whose numbers these
    are.
    """
    known = [
        (at, arm, calibration)
        for at, arm in enumerate(run.arms)
        if (calibration := arm.summary.get("calibration"))
    ]
    if not known:
        return None
    side, row_height = 300.0, 66.0
    tall = _TOP + max(side + 48, row_height * len(known))
    canvas = Canvas("reliability", "Accuracy of leaves by confidence", _WIDE, tall)
    canvas.rate_axis((_LEFT, _TOP), _LEFT + side, side)
    canvas.line([(_LEFT, _TOP + side), (_LEFT + side, _TOP)], "muted", 1.0, dashed=True)
    for tick in range(5):
        x = _LEFT + side * tick / 4
        canvas.text((x, _TOP + side + 18), f"{tick / 4:.0%}", "muted", SMALL, "middle")
    below = (_LEFT + side / 2, _TOP + side + 38)
    canvas.text(below, "confidence", "muted", 12, "middle")
    canvas.text((16, _TOP + side / 2), "right", "muted", 12, "middle", turned=True)
    for row, (at, arm, calibration) in enumerate(known):
        _curve(canvas, arm, arm_colour(at), calibration["equal_mass"], side)
        y = _TOP + 12 + row_height * row
        canvas.rect((_LEFT + side + 36, y - 9), 10, 10, arm_colour(at))
        canvas.text((_LEFT + side + 52, y), arm.label, "ink", 12)
        error = f"calibration error {calibration['ece_equal_mass']:.3f}"
        words = f"{error}, Brier {calibration['brier']:.3f}, {calibration['leaves']:,} leaves"
        canvas.text((_LEFT + side + 52, y + 16), words, "muted", SMALL)
        means = f"mean confidence {percent(calibration['confidence'])}, "
        means += f"right {percent(calibration['accuracy'])}"
        ranked = calibration.get("auroc")
        canvas.text((_LEFT + side + 52, y + 31), means, "muted", SMALL)
        if ranked is not None:
            words = f"right before wrong {percent(ranked)}"
            canvas.text((_LEFT + side + 52, y + 46), words, "muted", SMALL)
    return canvas


def _curve(
    canvas: Canvas, arm: ReportArm, colour: str, bins: list[dict[str, Any]], side: float
) -> None:
    places = [
        (_LEFT + side * one["confidence"], _TOP + side * (1 - one["accuracy"])) for one in bins
    ]
    canvas.line(places, colour, 1.8)
    for place, one in zip(places, bins, strict=True):
        said = f"{one['count']} leaves at {one['confidence']:.0%}"
        canvas.circle(
            place, 3.5, colour, 0.8, f"{arm.label}: {said}, {percent(one['accuracy'])} right"
        )


def _radius(arm: ReportArm, largest: int) -> float:
    return 5 + 8 * math.sqrt((arm.size_bytes or 0) / largest) if largest else 6.0


class _Labels:
    """Puts labels beside discs where nothing stands yet."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._taken: list[tuple[float, float, float, float]] = []

    def keep_clear(self, left: float, top: float, right: float, bottom: float) -> None:
        """Let no label come here."""
        self._taken.append((left, top, right, bottom))

    def add(self, place: Point, radius: float, words: str) -> None:
        """Write a label at the first free of several places around a disc."""
        x, y = place
        width, gap = _LETTER * len(words), radius + 6
        choices: list[tuple[float, float, Anchor]] = [
            (x + gap, y + 4, "start"),
            (x - gap, y + 4, "end"),
            (x, y - gap, "middle"),
            (x, y + gap + 9, "middle"),
        ]
        for far in (_LINE * step * side for step in range(1, 14) for side in (-1, 1)):
            choices += [
                (x + gap, y + 4 + far, "start"),
                (x - gap, y + 4 + far, "end"),
                (x, y + far, "middle"),
            ]
        left, baseline, anchor = next(
            (one for one in choices if self._is_free(*self._box(one, width))), choices[0]
        )
        self.keep_clear(*self._box((left, baseline, anchor), width))
        if abs(baseline - y) > gap + _LINE:  # a line leads back to the disc
            end = (left, baseline + (4 if baseline < y else -12))
            self.canvas.line([place, end], "muted", 0.7)
        self.canvas.text((left, baseline), words, "ink", 12, anchor)

    @staticmethod
    def _box(
        choice: tuple[float, float, Anchor], width: float
    ) -> tuple[float, float, float, float]:
        x, y, anchor = choice
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        return left, y - 11, left + width, y + 3

    def _is_free(self, left: float, top: float, right: float, bottom: float) -> bool:
        inside = (
            left > _LEFT
            and right < self.canvas.width
            and top > 0
            and bottom < self.canvas.height - 36
        )
        return inside and not any(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
            for other in self._taken
        )


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 times a power of ten: an axis with four even steps."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if value <= power * step)
