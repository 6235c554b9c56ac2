"""``setaccio eval report``: the page of a run once more, and its charts as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from setaccio.cli.eval.options import documents_option
from setaccio.cli.terminal.console import tell_step

EXAMPLE = "setaccio eval report runs/eval --figures svg,png"


def report_verb(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that eval --out wrote.")],
    figures: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Write the charts too, as svg, png or both."),
    ] = None,
    pairs: Annotated[
        Path | None,
        documents_option(metavar="FILE", help="Texts and gold, for a run that kept none."),
    ] = None,
) -> None:
    """Write a run's report.html, which opens offline, and its charts."""
    from setaccio.data.records import load_pairs
    from setaccio.eval.report.write import write_report as write_report

    found = load_pairs(pairs)[0] if pairs else None
    tell_step(f"Report: {write_report(run, found)}")
    if figures:
        from setaccio.eval.figures import figures as write_figures

        files = write_figures(run, [kind.strip() for kind in figures.split(",")])
        tell_step(f"{len(files)} charts: {run / 'figures'}")
