"""``setaccio eval``: what the constraint, fine-tuning and quantisation buy, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from setaccio.cli.console import output_console, step

if TYPE_CHECKING:
    from setaccio.data.records import Pair
    from setaccio.data.task import Task
    from setaccio.eval import Comparison

EXAMPLE = "setaccio eval --model tuned.gguf --base base.gguf --pairs test.jsonl --out runs/eval"
GENERATED = 20
GENERATED_SEED = 2
"""Held-out recipes that are generated when no pairs are named; no training uses this seed."""


def evaluate(
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="GGUF", help="The model; default: the bundled one."),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Pairs; default: {GENERATED} generated recipes."),
    ] = None,
    base: Annotated[
        Path | None, typer.Option(metavar="GGUF", help="The model before fine-tuning.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="The task; default: the GGUF's.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A bare JSON Schema instead of a task.")
    ] = None,
    constraint: Annotated[
        Literal["both", "schema", "none"],
        typer.Option(help="Constrained decoding, free decoding, or both beside each other."),
    ] = "both",
    limit: Annotated[int | None, typer.Option(min=1, help="Use only so many pairs.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of an answer; default: by its document.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Score outputs made elsewhere: {id, raw} or {id, data}."),
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(metavar="THEIRS=OURS", help="A key that the outputs name otherwise."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Keep outputs; a stopped run goes on."),
    ] = None,
) -> None:
    """Compare constrained with free decoding, and a tuned model with its base.

    L1: valid JSON. L2: valid against the schema. L3: every field agrees with gold.
    """
    from setaccio.cli.tasks import choose_task
    from setaccio.data.recipes import generate_pairs
    from setaccio.data.records import load_pairs

    chosen = choose_task(task, schema)
    if predictions is not None:
        gold = load_pairs(pairs)[0] if pairs else None
        show(_score(predictions, gold, chosen, alias or []))
        return
    if pairs is None:
        found = list(generate_pairs(limit or GENERATED, GENERATED_SEED, held_out=True))
        step(f"No --pairs: {len(found)} generated held-out recipes are used.")
    else:
        found = load_pairs(pairs)[0]
    from setaccio.eval.evaluate import evaluate as run_evaluation
    from setaccio.eval.progress import show_progress
    from setaccio.runtime import TINY_GGUF

    with show_progress() as progress:
        comparison = run_evaluation(
            model or TINY_GGUF,
            found,
            chosen,
            ("none", "schema") if constraint == "both" else (constraint,),
            out,
            limit,
            base,
            max_tokens=max_tokens,
            progress=progress,
        )
    show(comparison)


def show(comparison: Comparison) -> None:
    """Print a comparison as a table and say where its files are."""
    from setaccio.eval import rich_table

    output_console().print(rich_table(comparison))
    if comparison.folder:
        step(f"Outputs, scores and the table as JSON and Markdown: {comparison.folder}")


def _score(
    file: Path, pairs: list[Pair] | None, task: Task | None, aliases: list[str]
) -> Comparison:
    from setaccio.data.errors import UsageError
    from setaccio.eval.predictions import score_predictions

    if task is None:
        raise UsageError("--predictions: say with --task or --schema what the outputs should be.")
    names: dict[str, str] = {}
    for alias in aliases:
        theirs, sign, ours = alias.partition("=")
        if not (sign and theirs and ours):
            raise UsageError(f"--alias {alias}: write it as THEIRS=OURS, such as steps=directions.")
        names[theirs] = ours
    return score_predictions(file, pairs, task, names)
