"""Flags that the evaluation's commands share, and what is made of them.

Each flag is said once, with its help and the panel that it stands in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from setaccio.cli.terminal.console import output_console, tell_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setaccio.data.records import Pair
    from setaccio.runtime.grammar.constraint import Constraint

DOCUMENTS = "Documents and task"
MODELS = "Models"
OUTPUTS = "Outputs made elsewhere"
GATE = "Against an earlier run"
GENERATED = 20
GENERATED_SEED = 2
"""Held-out recipes that are generated when no pairs are named; no training uses this seed."""

PairsFile = Annotated[
    Path | None,
    typer.Option(
        "--pairs",
        metavar="FILE",
        help=f"Pairs; default: {GENERATED} generated recipes.",
        rich_help_panel=DOCUMENTS,
    ),
]
OneModel = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="GGUF|NAME",
        help="The model, or a known one's name; default: the default base and shipped adapter.",
        rich_help_panel=MODELS,
    ),
]
OneAdapter = Annotated[
    Path | None,
    typer.Option(
        "--adapter",
        metavar="GGUF",
        help="A LoRA adapter that works beside the model.",
        rich_help_panel=MODELS,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Use only the first so many pairs.", rich_help_panel=DOCUMENTS),
]
Sample = Annotated[
    int | None,
    typer.Option(min=1, help="Use only so many pairs, drawn.", rich_help_panel=DOCUMENTS),
]
Seed = Annotated[int, typer.Option(help="Of what is drawn.", rich_help_panel=DOCUMENTS)]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="NAME|FILE",
        help="The task; default: the GGUF's.",
        rich_help_panel=DOCUMENTS,
    ),
]
SchemaFile = Annotated[
    Path | None,
    typer.Option(
        "--schema",
        metavar="FILE",
        help="A bare JSON Schema instead of a task.",
        rich_help_panel=DOCUMENTS,
    ),
]
Decoding = Annotated[
    Literal["both", "schema", "none"],
    typer.Option(
        "--constraint",
        help="Constrained decoding, free decoding, or both.",
        rich_help_panel=MODELS,
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        min=1, help="Most tokens of an answer; default: by its document.", rich_help_panel=MODELS
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Threads; default: one per physical core.",
        rich_help_panel=MODELS,
    ),
]
Alias = Annotated[
    list[str] | None,
    typer.Option(
        "--alias",
        metavar="THEIRS=OURS",
        help="A key that the outputs name otherwise.",
        rich_help_panel=OUTPUTS,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", help="Keep everything; a stopped run goes on."),
]


def constraints_of(decoding: str) -> tuple[Constraint, ...]:
    """``both`` as the two constraints that it stands for."""
    if decoding == "both":
        return ("none", "schema")
    return ("schema",) if decoding == "schema" else ("none",)


def load_documents(
    file: Path | None, limit: int | None = None, sample: int | None = None, seed: int = 0
) -> list[Pair]:
    """The chosen pairs of a file, or generated ones where no file is named.

    Raises:
        UsageError: there is no such file.
        DataError: it holds lines that can not be used.
    """
    from setaccio.data.recipes.generate import generate_pairs
    from setaccio.data.records import load_pairs
    from setaccio.eval.evaluate import choose_pairs

    if file is not None:
        return choose_pairs(load_pairs(file)[0], limit=limit, sample=sample, seed=seed)
    count = min([one for one in (limit, sample) if one] or [GENERATED])
    found = list(generate_pairs(count, GENERATED_SEED, held_out=True))
    tell_step(f"No --pairs: {len(found)} generated held-out recipes are used.")
    return found


def parse_aliases(given: list[str] | None) -> dict[str, str]:
    """``--alias THEIRS=OURS`` as a mapping.

    Raises:
        UsageError: one is written otherwise.
    """
    from setaccio.data.errors import UsageError

    names: dict[str, str] = {}
    for alias in given or []:
        theirs, sign, ours = alias.partition("=")
        if not (sign and theirs and ours):
            raise UsageError(f"--alias {alias}: write it as THEIRS=OURS, such as steps=directions.")
        names[theirs] = ours
    return names


def print_rows(rows: Sequence[Sequence[str]], text_columns: int = 1) -> None:
    """Print a table on standard output.

    Args:
        rows: cells, header first.
        text_columns: how many columns from the left are words.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    head, *body = rows
    for at, title in enumerate(head):
        table.add_column(title, justify="left" if at < text_columns else "right")
    for row in body:
        table.add_row(*map(Text, row))  # as text: square brackets are no markup here
    output_console().print(table)
