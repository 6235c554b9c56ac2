"""``setaccio eval reference``: base and tuned models in the reference experiment's table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from setaccio.cli.console import step
from setaccio.cli.eval_endpoint import ENDPOINT, NO_ENDPOINT, EndpointFlags, with_endpoint
from setaccio.cli.eval_options import (
    DOCUMENTS,
    MODELS,
    Alias,
    Decoding,
    MaxTokens,
    Out,
    SchemaFile,
    TaskName,
    Threads,
    constraints_of,
    parse_aliases,
    print_rows,
)

if TYPE_CHECKING:
    from setaccio.eval.reference_table import ReferenceModel

EXAMPLE = (
    "setaccio eval reference --first first.jsonl --last last.jsonl "
    "--row 'Qwen 2.5=base.gguf,tuned.gguf' --out runs/reference"
)


@with_endpoint
def reference(
    first: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Pairs that base models run on.", rich_help_panel=DOCUMENTS
        ),
    ],
    last: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Pairs that tuned models run on too.", rich_help_panel=DOCUMENTS
        ),
    ],
    row: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=BASE[,TUNED]",
            help="A model: GGUFs, or .jsonl files of outputs. May be repeated.",
            rich_help_panel=MODELS,
        ),
    ] = None,
    constraint: Decoding = "both",
    max_tokens: MaxTokens = None,
    threads: Threads = None,
    task: TaskName = None,
    schema: SchemaFile = None,
    alias: Alias = None,
    endpoint_parameters: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Its size, such as '70 B'.", rich_help_panel=ENDPOINT),
    ] = None,
    asked: EndpointFlags = NO_ENDPOINT,
    out: Out = None,
) -> None:
    """Lay out base and tuned models as the reference experiment did: parameters, L1, L2, L3.

    Base models run on the first part of the documents, tuned ones on both parts.
    """
    from setaccio.cli.tasks import choose_task
    from setaccio.data.records import load_pairs
    from setaccio.eval.progress import show_progress
    from setaccio.eval.reference_table import ReferenceModel, reference_table

    chosen = choose_task(task, schema)
    models = [parse_row(text) for text in row or []]
    baseline = asked.arm()
    if baseline:
        models.append(ReferenceModel(baseline.name, baseline, None, endpoint_parameters or ""))
    parts = [load_pairs(file)[0] for file in (first, last)]
    with show_progress() as progress:
        table = reference_table(
            models,
            parts[0],
            parts[1],
            chosen,
            constraints=constraints_of(constraint),
            aliases=parse_aliases(alias),
            out=out,
            max_tokens=max_tokens,
            threads=threads,
            progress=progress,
        )
    print_rows(table.table(), 2)
    for note in table.notes():
        step(note)
    if out:
        step(f"reference.md, reference.json and the runs behind them: {out}")


def parse_row(text: str) -> ReferenceModel:
    """``NAME=BASE[,TUNED]`` as a model of the table.

    Raises:
        UsageError: it is written otherwise, or a file is not there.
    """
    from setaccio.data.errors import UsageError
    from setaccio.eval.reference_table import ReferenceModel

    name, sign, files = text.partition("=")
    paths = [Path(part.strip()) for part in files.split(",")]
    if not (sign and name.strip() and files.strip()) or len(paths) > 2:
        raise UsageError(f"--row {text}: write it as NAME=BASE.gguf or NAME=BASE.gguf,TUNED.gguf.")
    for path in paths:
        if not path.is_file():
            raise UsageError(f"--row {text}: {path}: no such file.")
    return ReferenceModel(name.strip(), paths[0], paths[1] if len(paths) == 2 else None)
