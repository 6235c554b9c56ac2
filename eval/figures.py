"""Write the charts of a report as files, for a README or a paper.

    >>> from setaccio.eval.figures import figures
    >>> figures("runs/recipes")

Each chart is drawn once and written twice: SVG, which follows the viewer's light or dark theme, and
PNG at twice the size on light paper. PNG needs matplotlib, which the ``report`` extra brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from setaccio.data.errors import MissingExtraError, UsageError
from setaccio.data.records import atomic_write
from setaccio.eval.report.canvas import Canvas
from setaccio.eval.report.data import read_run
from setaccio.eval.report.write import charts

FORMATS = ("svg", "png")


def figures(folder: str | Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write the charts into ``figures/`` of a run folder.

    Args:
        folder: the folder that ``setaccio eval --out`` wrote.
        formats: ``svg``, ``png`` or both.

    Returns:
        The files, in the order of the report.

    Raises:
        UsageError: an unknown format, or a folder without a comparison.
        MissingExtraError: PNG without matplotlib.
        DataError: one of the folder's files can not be read.
    """
    if not formats or set(formats) - set(FORMATS):
        raise UsageError(f"formats is {list(formats)}. Choose from {', '.join(FORMATS)}.")
    run = read_run(folder)
    files = []
    for name, canvas in charts(run).items():
        for kind in formats:
            file = run.folder / "figures" / f"{name}.{kind}"
            file.parent.mkdir(exist_ok=True)
            if kind == "png":
                _write_png(canvas, file)
            else:
                with atomic_write(file) as stream:
                    stream.write(canvas.to_svg(standalone=True) + "\n")
            files.append(file)
    return files


def _write_png(canvas: Canvas, file: Path) -> None:
    try:
        from setaccio.eval.report.png import draw_png
    except ImportError as error:
        raise MissingExtraError("report", "matplotlib") from error
    draw_png(canvas, file)
