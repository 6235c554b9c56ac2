"""Draws a :class:`setaccio.eval.report.canvas.Canvas` with matplotlib; imported only for PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from setaccio.eval.report.canvas import PALETTE, Canvas, Shape

_DOTS = 100  # pixels per inch of the figure; sizes below are in points, 72 to the inch
_SCALE = 2  # pixels of the file per pixel of the canvas
_POINTS = 72 / _DOTS
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def draw_png(canvas: Canvas, path: Path) -> None:
    """Write a canvas as PNG on light paper, whole or not at all.

    Args:
        canvas: what to draw.
        path: where to.
    """
    figure = Figure(figsize=(canvas.width / _DOTS, canvas.height / _DOTS), dpi=_DOTS * _SCALE)
    figure.patch.set_facecolor(_colour("paper"))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, canvas.width)
    axes.set_ylim(canvas.height, 0)
    axes.axis("off")
    for order, shape in enumerate(canvas.shapes):
        _add(axes, shape, order)
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as stream:
            FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _colour(name: str) -> str:
    return PALETTE[name][0] if name else "none"


def _add(axes: Any, shape: Shape, order: int) -> None:
    if shape.kind == "text":
        axes.text(
            *shape.points[0],
            shape.text,
            color=_colour(shape.fill),
            fontsize=shape.size * _POINTS,
            ha=_ANCHORS[shape.anchor],
            va="baseline",
            rotation=90 if shape.turned else 0,
            rotation_mode="anchor",
            zorder=order,
            parse_math=False,
        )
        return
    look = {
        "facecolor": (_colour(shape.fill), shape.opacity) if shape.fill else "none",
        "edgecolor": _colour(shape.stroke),
        "linewidth": shape.width * _POINTS if shape.stroke else 0,
        "linestyle": (0, (4, 4)) if shape.dashed else "solid",
        "joinstyle": "round",
        "zorder": order,
        "fill": bool(shape.fill),
    }
    if shape.kind == "circle":
        axes.add_patch(Circle(shape.points[0], shape.radius, **look))
    else:
        axes.add_patch(Polygon(shape.points, closed=shape.closed, **look))
