"""``setaccio merge``: the parts of a job become one file, complete and in the input's order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from setaccio.cli.terminal.console import tell_step, warn
from setaccio.cli.terminal.exits import SOME_FAILED

EXAMPLE = "setaccio merge part-1.jsonl part-2.jsonl --out all.jsonl"


def merge_verb(
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PART...", help="Results of extract --shard, one file a shard."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The new file; here once complete.")
    ],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--sources",
            metavar="FILE|FOLDER",
            help="The input, as it was given to extract, where the shards' records are lost.",
        ),
    ] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read every source as JSON Lines, as extract did.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing --out file.")
    ] = False,
) -> None:
    """Put the results of all shards into one file, in the order of the input.

    Nothing is written unless every shard is there and finished, each document of the input has one
    row, and all rows were made with one model, task and options. The exit code is 1 where rows are
    of documents that failed.
    """
    from setaccio.data.errors import UsageError
    from setaccio.runtime.batch.merge_parts import merge_parts
    from setaccio.runtime.batch.sources import find_sources, read_sources

    if out.exists() and not out.is_dir() and not overwrite:
        raise UsageError(f"{out}: exists. Pass --overwrite to replace it, or name another file.")
    items = read_sources(find_sources(sources), jsonl) if sources else None
    merged = merge_parts(parts, out, items=items, jsonl=jsonl)
    if merged.left_out:
        warn(
            f"{merged.left_out} rows are left out: of documents or former texts that the shards' "
            "last runs did not find in the input, or failed ones that others replace."
        )
    tell_step(f"{out}: {merged.rows} rows, {merged.rows - merged.failed} of them ok.")
    if merged.marked:
        tell_step(f"{merged.to_review} of {merged.marked} to review.")
    if 0 < merged.marked < merged.rows:
        warn(
            f"{merged.rows - merged.marked} rows were made without a review budget and do not say "
            "whether they must be reviewed. Treat them as if they must."
        )
    if merged.failed:
        raise typer.Exit(SOME_FAILED)
