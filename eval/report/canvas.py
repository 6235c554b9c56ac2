"""A drawing surface for charts: drawn once, written as SVG (inline or a file) or as PNG.

Colours are names from :data:`PALETTE`, each a light and a dark value, so that a chart inside the
report follows the page's theme: its shapes carry classes (``f-arm0`` fills, ``s-ink`` strokes) and
:func:`palette_css` gives the classes their colours. No shape carries a ``style`` attribute, which
the report's content security policy would refuse. Coordinates are pixels, y grows downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Literal

from setaccio.data.errors import MissingExtraError

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

ARM_COLOURS = 10
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
"""Name to the colour on light and on dark paper; arms beyond the eighth start again."""

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


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
    bold: bool = False
    turned: bool = False
    tip: str = ""


@dataclass
class Canvas:
    """A chart that is being drawn.

    Attributes:
        name: file name without ending, and prefix of the ids inside the page.
        title: what the chart shows, for screen readers and as tooltip.
        width: in pixels.
        height: in pixels.
        shapes: what was drawn, back to front.
    """

    name: str
    title: str
    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)

    def line(
        self, points: Sequence[Point], stroke: str, width: float = 1.0, dashed: bool = False
    ) -> None:
        """Draw an open line through points."""
        self.shapes.append(Shape("path", tuple(points), stroke=stroke, width=width, dashed=dashed))

    def polygon(
        self,
        points: Sequence[Point],
        fill: str = "",
        stroke: str = "",
        opacity: float = 1.0,
        tip: str = "",
    ) -> None:
        """Draw a closed shape; the opacity is that of its filling."""
        self.shapes.append(
            Shape(
                "path",
                tuple(points),
                fill=fill,
                stroke=stroke,
                width=1.6,
                opacity=opacity,
                closed=True,
                tip=tip,
            )
        )

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, tip: str = ""
    ) -> None:
        """Draw a filled rectangle; one without area is left out."""
        if width > 0 and height > 0:
            corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
            self.polygon(corners, fill=fill, tip=tip)

    def circle(
        self, at: Point, radius: float, fill: str, opacity: float = 1.0, tip: str = ""
    ) -> None:
        """Draw a disc with an outline of the same colour."""
        self.shapes.append(
            Shape("circle", (at,), fill=fill, stroke=fill, opacity=opacity, radius=radius, tip=tip)
        )

    def text(
        self,
        at: Point,
        text: str,
        colour: str = "ink",
        size: float = 12.0,
        anchor: Anchor = "start",
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """Write a text whose baseline starts, is centred or ends at a point."""
        self.shapes.append(
            Shape(
                "text",
                (at,),
                fill=colour,
                text=text,
                size=size,
                anchor=anchor,
                bold=bold,
                turned=turned,
            )
        )

    def to_svg(self, *, standalone: bool = False) -> str:
        """The chart as an ``<svg>`` element.

        Args:
            standalone: make it a file of its own, with colours, font and paper.
        """
        size = f'viewBox="0 0 {_number(self.width)} {_number(self.height)}"'
        fixed = f'width="{_number(self.width)}" height="{_number(self.height)}"'
        space = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
        label = escape(self.title)
        head = f'<svg{space} class="chart" role="img" aria-label="{label}" {size} {fixed}>'
        body = "".join(map(_svg, self.shapes))
        if standalone:
            font = f"text{{font-family:{FONT}}}"
            paper = '<rect class="f-paper" width="100%" height="100%"/>'
            return f"{head}<style>{font}{palette_css(media=True)}</style>{paper}{body}</svg>\n"
        return f"{head}{body}</svg>"

    def to_png(self, path: Path, scale: float = 2.0) -> None:
        """Write the chart as PNG on light paper, by matplotlib's Agg.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        try:
            from setaccio.eval.report.png import draw
        except ImportError as error:
            raise MissingExtraError("report", "matplotlib") from error
        draw(self, path, scale)


def arm_colour(at: int) -> str:
    """Name of the colour of the arm at a position."""
    return f"arm{at % ARM_COLOURS}"


def palette_css(*, media: bool = False) -> str:
    """CSS rules for the classes of the shapes.

    Args:
        media: ask the viewer for the theme, for a file of its own; by default the colours are CSS
            variables that follow the ``color-scheme`` of the page (``light-dark``).
    """
    if not media:
        variables = "".join(
            f"--{name}:light-dark({light},{dark});" for name, (light, dark) in PALETTE.items()
        )
        rules = "".join(
            f".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}" for name in PALETTE
        )
        return f":root{{{variables}}}{rules}"
    light, dark = (
        "".join(
            f".f-{name}{{fill:{pair[at]}}}.s-{name}{{stroke:{pair[at]}}}"
            for name, pair in PALETTE.items()
        )
        for at in (0, 1)
    )
    return f"{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _svg(shape: Shape) -> str:
    classes = [f"f-{shape.fill}" if shape.fill else "", f"s-{shape.stroke}" if shape.stroke else ""]
    attributes = f' class="{" ".join(filter(None, classes))}"'
    if not shape.fill:
        attributes += ' fill="none"'
    if shape.stroke:
        attributes += f' stroke-width="{_number(shape.width)}" stroke-linejoin="round"'
    if shape.dashed:
        attributes += ' stroke-dasharray="4 4"'
    if shape.opacity < 1:
        attributes += f' fill-opacity="{_number(shape.opacity)}"'
    tip = f"<title>{escape(shape.tip)}</title>" if shape.tip else ""
    x, y = (_number(value) for value in shape.points[0])
    if shape.kind == "circle":
        return f'<circle cx="{x}" cy="{y}" r="{_number(shape.radius)}"{attributes}>{tip}</circle>'
    if shape.kind == "text":
        weight = ' font-weight="600"' if shape.bold else ""
        turn = f' transform="rotate(-90 {x} {y})"' if shape.turned else ""
        anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
        return (
            f'<text x="{x}" y="{y}" font-size="{_number(shape.size)}"{anchor}{weight}{turn}'
            f"{attributes}>{escape(shape.text)}</text>"
        )
    path = "L".join(f"{_number(a)} {_number(b)}" for a, b in shape.points)
    return f'<path d="M{path}{"Z" if shape.closed else ""}"{attributes}>{tip}</path>'
