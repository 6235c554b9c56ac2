"""``setaccio export``: a training run in, proven GGUF files out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from setaccio.cli.console import output_console, step

EXAMPLE = "setaccio export runs/recipe --quant q8_0,q4_k_m --out models/"


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A training run, an adapter or a model folder.")
    ],
    quant: Annotated[
        str | None,
        typer.Option("--quant", "-q", metavar="A,B,...", help="Types such as q8_0,q4_k_m,f16."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Default: RUN/gguf.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The 16-bit base, if it has moved.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="The task; default: the run's.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Pairs whose texts serve for the proof.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="First part of the files' names.")] = None,
    source: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="llama-cpp-python's sdist, where there is no network."),
    ] = None,
    keep_merged: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the merged model here.")
    ] = None,
) -> None:
    """Merge, convert, quantise and prove: GGUF files that carry their task."""
    from setaccio.data.records import load_pairs
    from setaccio.data.task import load_task
    from setaccio.export.export import QUANTISATIONS
    from setaccio.export.export import export as run_export

    kinds = [kind.strip() for kind in quant.split(",") if kind.strip()] if quant else None
    report = run_export(
        run,
        out or run / "gguf",
        quantisations=QUANTISATIONS if kinds is None else kinds,
        base=base,
        task=load_task(task) if task else None,
        pairs=load_pairs(pairs)[0] if pairs else None,
        source=source,
        name=name,
        merged_dir=keep_merged,
        progress=step,
    )
    _show(report)


def _show(report: object) -> None:
    from rich.table import Table

    from setaccio.export.export import ExportReport

    if not isinstance(report, ExportReport):
        return
    table = Table(title=f"Exported (task: {report.task or 'none'}); proof in {report.report}")
    table.add_column("file", overflow="fold")
    table.add_column("type")
    table.add_column("MB", justify="right")
    for file in report.files:
        table.add_row(str(file.path), file.quantisation, f"{file.bytes / 1e6:.2f}")
    output_console().print(table)
    if report.files:
        step(f"Next: setaccio extract {report.files[0].path} notes.txt")
