"""A drawing surface for charts: drawn once, written as SVG (inline or a file) or as PNG.

Colours are names from :data:`PALETTE`, each a light and a dark value, so that a chart inside the
report follows the page's theme. ``templates/chart.svg`` makes the SVG,
:mod:`setaccio.eval.report.png` the PNG. Coordinates are pixels, y grows downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jinja2

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

ARM_COLOURS = 10
"""Colours for arms in the palette; arms beyond them start again."""

PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#16181b"),
    "ink": ("#1d2126", "#e6e8ea"),
    "muted": ("#656c75", "#98a0a9"),
    "grid": ("#e2e5e9", "#30353b"),
    "arm0": ("#8a929c", "#8f98a3"),
    "arm1": ("#2f6db5", "#6ea8e8"),
    "arm2": ("#c8782a", "#e5a561"),
    "arm3": ("#1f8a70", "#4fc3a1"),
    "arm4": ("#8b5fbf", "#b492e0"),
    "arm5": ("#b8475f", "#e5849a"),
    "arm6": ("#5f7d1e", "#a5c45c"),
    "arm7": ("#2b8a9e", "#66c2d4"),
    "arm8": ("#7a5a3a", "#c9a582"),
    "arm9": ("#c44fa5", "#ee9ad8"),
    "correct": ("#2f8f6b", "#4db38c"),
    "wrong": ("#d9962b", "#e0aa4e"),
    "omitted": ("#b9c0c9", "#4f5761"),
    "hallucinated": ("#c4475a", "#e07284"),
}
"""Name to the colour on light and on dark paper."""

SMALL = 11.0
"""Font size of axis labels, in pixels."""

_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Shape:
    """A path, a circle around its only point, or a text at its only point."""

    kind: Literal["path", "circle", "text"]
    points: tuple[Point, ...]
    fill: str = ""
    stroke: str = ""
    width: float = 1.0
    opacity: float = 1.0
    dashed: bool = False
    closed: bool = False
    radius: float = 0.0
    text: str = ""
    size: float = 12.0
    anchor: Anchor = "start"
    turned: bool = False
    tip: str = ""


@dataclass
class Canvas:
    """A chart that is being drawn.

    Attributes:
        name: file name without ending.
        title: what the chart shows, for screen readers.
        width: in pixels.
        height: in pixels.
        shapes: what was drawn, back to front.
    """

    name: str
    title: str
    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)

    def _add(self, kind: Any, points: Sequence[Point], **look: Any) -> None:
        self.shapes.append(Shape(kind, tuple(points), **look))

    def line(
        self, points: Sequence[Point], stroke: str, width: float = 1.0, dashed: bool = False
    ) -> None:
        """Draw an open line through points."""
        self._add("path", points, stroke=stroke, width=width, dashed=dashed)

    def polygon(self, points: Sequence[Point], fill: str, **look: Any) -> None:
        """Draw a closed shape; ``look`` may name ``stroke``, ``opacity`` (of the fill), ``tip``."""
        self._add("path", points, fill=fill, width=1.6, closed=True, **look)

    def rect(self, at: Point, width: float, height: float, fill: str, tip: str = "") -> None:
        """Draw a filled rectangle from its upper left corner; one without area is left out."""
        (x, y), (right, bottom) = at, (at[0] + width, at[1] + height)
        if width > 0 and height > 0:
            self.polygon(((x, y), (right, y), (right, bottom), (x, bottom)), fill, tip=tip)

    def circle(
        self, at: Point, radius: float, fill: str, opacity: float = 1.0, tip: str = ""
    ) -> None:
        """Draw a disc with an outline of the same colour."""
        self._add("circle", (at,), fill=fill, stroke=fill, opacity=opacity, radius=radius, tip=tip)

    def text(
        self,
        at: Point,
        text: str,
        colour: str = "ink",
        size: float = 12.0,
        anchor: Anchor = "start",
        *,
        turned: bool = False,
    ) -> None:
        """Write a text whose baseline starts, is centred or ends at a point."""
        self._add("text", (at,), fill=colour, text=text, size=size, anchor=anchor, turned=turned)

    def rate_axis(
        self, at: Point, right: float, height: float, most: float = 1.0, least: float = 0.0
    ) -> None:
        """Draw four even steps from ``least`` at the bottom to ``most`` at the top, as percent."""
        left, top = at
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = top + height * (1 - share)
            rate = f"{100 * (least + share * (most - least)):.3g}%"
            self.line([(left, y), (right, y)], "grid")
            self.text((left - 8, y + 4), rate, "muted", SMALL, "end")

    def to_svg(self, *, standalone: bool = False) -> str:
        """The chart as an ``<svg>`` element.

        Args:
            standalone: make it a file of its own, with colours, font and paper.
        """
        chart = TEMPLATES.get_template("chart.svg")
        return chart.render(canvas=self, standalone=standalone, font=_FONT)


def arm_colour(at: int) -> str:
    """Name of the colour of the arm at a position."""
    return f"arm{at % ARM_COLOURS}"


def _pixels(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
"""The report's templates: they escape what is put into them, and know the palette."""

TEMPLATES.filters["px"] = _pixels
TEMPLATES.globals.update(palette=PALETTE, arm_colour=arm_colour)
