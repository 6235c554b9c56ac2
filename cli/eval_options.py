"""Flags that the evaluation's commands share, and what is made of them.

Each flag is said once, with its help and the panel that it stands in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from setaccio.cli.console import output_console, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setaccio.data.records import Pair
    from setaccio.eval.baseline import EndpointArm
    from setaccio.runtime.constraint import Constraint

DOCUMENTS = "Documents and task"
MODELS = "Models"
OUTPUTS = "Outputs made elsewhere"
ENDPOINT = "A model behind an OpenAI-compatible endpoint (uses the network)"
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
        metavar="GGUF",
        help="The model; default: the bundled one.",
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
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="URL",
        help="Base URL, such as http://localhost:8000/v1.",
        rich_help_panel=ENDPOINT,
    ),
]
EndpointModel = Annotated[
    str | None,
    typer.Option(
        "--endpoint-model",
        metavar="NAME",
        help="The model's name there.",
        rich_help_panel=ENDPOINT,
    ),
]
KeyVariable = Annotated[
    str | None,
    typer.Option(
        "--key-env",
        metavar="VARIABLE",
        help="Environment variable with the key; default: SETACCIO_API_KEY.",
        rich_help_panel=ENDPOINT,
    ),
]
AnswerFormat = Annotated[
    Literal["schema", "object", "text"],
    typer.Option(
        "--answer-format",
        help="Send the schema as json_schema, as json_object, or not at all.",
        rich_help_panel=ENDPOINT,
    ),
]
RequestField = Annotated[
    list[str] | None,
    typer.Option(
        "--request",
        metavar="NAME=JSON",
        help="A further field of each request; null takes one out.",
        rich_help_panel=ENDPOINT,
    ),
]
Rpm = Annotated[
    float | None,
    typer.Option("--rpm", help="Most requests per minute.", rich_help_panel=ENDPOINT),
]
Price = Annotated[
    str | None,
    typer.Option(
        "--price",
        metavar="IN,OUT",
        help="Price of a million tokens in and out.",
        rich_help_panel=ENDPOINT,
    ),
]
CostCap = Annotated[
    float | None,
    typer.Option(
        "--cost-cap",
        help="Most that this run may spend, in the currency of --price.",
        rich_help_panel=ENDPOINT,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FOLDER",
        help="Where answers are kept; default: the user's cache.",
        rich_help_panel=ENDPOINT,
    ),
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
    from setaccio.data.recipes import generate_pairs
    from setaccio.data.records import load_pairs
    from setaccio.eval.evaluate import choose_pairs

    if file is not None:
        return choose_pairs(load_pairs(file)[0], limit=limit, sample=sample, seed=seed)
    count = min([one for one in (limit, sample) if one] or [GENERATED])
    found = list(generate_pairs(count, GENERATED_SEED, held_out=True))
    step(f"No --pairs: {len(found)} generated held-out recipes are used.")
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


def endpoint_arm(
    url: str | None,
    model: str | None,
    *,
    key_variable: str | None = None,
    answer_format: Literal["schema", "object", "text"] = "schema",
    request: list[str] | None = None,
    rpm: float | None = None,
    price: str | None = None,
    cost_cap: float | None = None,
    cache: Path | None = None,
) -> EndpointArm | None:
    """The arm that the endpoint's flags describe; None where there is no ``--endpoint``.

    Raises:
        UsageError: a flag is wrong, or goes with an ``--endpoint`` that is not there.
    """
    from setaccio.data.errors import UsageError

    if url is None:
        given = {"--endpoint-model": model, "--cost-cap": cost_cap, "--price": price, "--rpm": rpm}
        for flag, value in given.items():
            if value is not None:
                raise UsageError(f"{flag}: goes with --endpoint URL, which is missing.")
        return None
    if not model:
        raise UsageError(f"--endpoint {url}: say with --endpoint-model which model to ask.")
    from setaccio.eval.baseline import Endpoint, EndpointArm
    from setaccio.eval.endpoint import KEY_VARIABLE

    paid = _parse_price(price)
    endpoint = Endpoint(
        url=url,
        model=model,
        key_variable=key_variable or KEY_VARIABLE,
        answer_format=answer_format,
        request=_parse_request(request or []),
        requests_per_minute=rpm,
        input_price=paid[0],
        output_price=paid[1],
        cost_cap=cost_cap,
    )
    return EndpointArm(model, endpoint, cache)


def _parse_price(price: str | None) -> tuple[float, float]:
    from setaccio.data.errors import UsageError

    if price is None:
        return 0.0, 0.0
    try:
        first, second = map(float, price.split(","))
    except ValueError as error:
        raise UsageError(f"--price {price}: write it as IN,OUT, such as 0.6,0.8.") from error
    return first, second


def _parse_request(fields: list[str]) -> dict[str, object]:
    import json

    from setaccio.data.errors import UsageError

    found: dict[str, object] = {}
    for field in fields:
        name, sign, value = field.partition("=")
        if not (name and sign):
            raise UsageError(f"--request {field}: write it as NAME=JSON, such as seed=1.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


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
