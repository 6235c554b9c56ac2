"""The page of a comparison: one HTML file without a script, everything from results escaped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from setaccio.data.records import atomic_write
from setaccio.eval.drift.alarm import DriftCheck, DriftReport, Numbers, format_p
from setaccio.eval.report.canvas import SMALL, TEMPLATES, Canvas
from setaccio.eval.report.write import STYLES

_LEFT, _TOP, _SPAN, _TALL = 44.0, 12.0, 260.0, 120.0
_POINTS = 101  # of each curve
_LONGEST = 16  # letters of a category's name


def write_drift_page(path: Path, found: DriftReport, names: tuple[str, str]) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the file.
        found: what was compared.
        names: of the reference and of the new file.
    """
    page = TEMPLATES.get_template("drift.html").render(
        found=found,
        names=names,
        styles=STYLES[:1],
        charts=[(check, drift_chart(check)) for check in found.checks],
        format_p=format_p,
    )
    with atomic_write(path) as stream:
        stream.write(page.encode("utf-8", "backslashreplace").decode())


def drift_chart(check: DriftCheck) -> Canvas:
    """Both distributions of one measurement: cumulative shares of numbers, bars of categories."""
    canvas = Canvas("drift", f"{check.name} in both files", _LEFT + _SPAN + 16, _TOP + _TALL + 30)
    canvas.rate_axis((_LEFT, _TOP), _LEFT + _SPAN, _TALL)
    if isinstance(check.old, Mapping) and isinstance(check.new, Mapping):
        _bars(canvas, check.old, check.new)
    else:
        _curves(canvas, np.array(check.old, dtype=float), np.array(check.new, dtype=float))
    return canvas


def _curves(canvas: Canvas, old: Numbers, new: Numbers) -> None:
    low, high = float(min(old.min(), new.min())), float(max(old.max(), new.max()))
    at = np.linspace(low, high, _POINTS)
    for values, colour in ((old, "arm0"), (new, "arm1")):
        shares = np.searchsorted(np.sort(values), at, side="right") / len(values)
        places = [
            (_LEFT + _SPAN * float(place - low) / (high - low), _TOP + _TALL * (1 - float(share)))
            for place, share in zip(at, shares, strict=True)
        ]
        canvas.line(places, colour, 1.8)
    canvas.text((_LEFT, _TOP + _TALL + 18), f"{low:.3g}", "muted", SMALL)
    canvas.text((_LEFT + _SPAN, _TOP + _TALL + 18), f"{high:.3g}", "muted", SMALL, "end")


def _bars(canvas: Canvas, old: Mapping[str, int], new: Mapping[str, int]) -> None:
    step = _SPAN / len(old)
    totals = max(sum(old.values()), 1), max(sum(new.values()), 1)
    for place, name in enumerate(old):
        x = _LEFT + step * place
        for side, (counts, total) in enumerate(zip((old, new), totals, strict=True)):
            tall = _TALL * counts[name] / total
            tip = f"{name}: {counts[name]} of {total}"
            corner = (x + step * (0.1 + 0.4 * side), _TOP + _TALL - tall)
            canvas.rect(corner, step * 0.4, tall, f"arm{side}", tip)
        if len(old) <= 4:
            said = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
            canvas.text((x + step / 2, _TOP + _TALL + 18), said, "muted", SMALL, "middle")
