"""Flags that the evaluation's commands share, and what is made of them.

Each flag is said once, with its help and the panel that it stands in.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from setaccio.cli.terminal.console import tell_step
from setaccio.cli.terminal.flags import split_flag

if TYPE_CHECKING:
    from setaccio.data.records import Pair
    from setaccio.runtime.grammar.constraint import Constraint

DOCUMENTS = "Documents and task"
MODELS = "Models"
OUTPUTS = "Outputs made elsewhere"
GATE = "Against an earlier run"
GENERATED = 20
GENERATED_SEED = 2
"""Held-out recipes that are generated when no pairs are named; no training uses this seed."""

documents_option = partial(typer.Option, rich_help_panel=DOCUMENTS)
models_option = partial(typer.Option, rich_help_panel=MODELS)

PairsFile = Annotated[
    Path | None,
    documents_option(
        "--pairs", metavar="FILE", help=f"Pairs; default: {GENERATED} generated recipes."
    ),
]
OneModel = Annotated[
    Path | None,
    models_option(
        "--model",
        "-m",
        metavar="GGUF|NAME",
        help="The model, or a known one's name; default: the default base and shipped adapter.",
    ),
]
OneAdapter = Annotated[
    Path | None,
    models_option("--adapter", metavar="GGUF", help="A LoRA adapter that works beside the model."),
]
Limit = Annotated[int | None, documents_option(min=1, help="Use only the first so many pairs.")]
Sample = Annotated[int | None, documents_option(min=1, help="Use only so many pairs, drawn.")]
Seed = Annotated[int, documents_option(help="Of what is drawn.")]
TaskName = Annotated[
    str | None,
    documents_option("--task", metavar="NAME|FILE", help="The task; default: the GGUF's."),
]
SchemaFile = Annotated[
    Path | None,
    documents_option("--schema", metavar="FILE", help="A bare JSON Schema instead of a task."),
]
Decoding = Annotated[
    Literal["both", "schema", "none"],
    models_option("--constraint", help="Constrained decoding, free decoding, or both."),
]
MaxTokens = Annotated[
    int | None,
    models_option(min=1, help="Most tokens of an answer; default: by its document."),
]
Thinking = Annotated[
    int | None,
    models_option(
        "--thinking",
        min=1,
        metavar="N",
        help="Let GGUFs think for at most N tokens before each answer.",
    ),
]
Threads = Annotated[
    int | None,
    models_option("--threads", min=1, help="Threads; default: one per physical core."),
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

    form = "THEIRS=OURS, such as steps=directions"
    names = dict(split_flag("--alias", alias, form) for alias in given or [])
    for theirs, ours in names.items():
        if not ours:
            raise UsageError(f"--alias {theirs}=: write it as {form}.")
    return names
