"""``setaccio eval reference``: base and tuned models in the reference experiment's table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from setaccio.cli.choices.endpoint import ENDPOINT, NO_ENDPOINT, EndpointFlags, with_endpoint
from setaccio.cli.eval.options import (
    Alias,
    Decoding,
    MaxTokens,
    Out,
    SchemaFile,
    TaskName,
    Threads,
    constraints_of,
    documents_option,
    models_option,
    parse_aliases,
)
from setaccio.cli.terminal.console import tell_step, warn_once
from setaccio.cli.terminal.flags import split_flag
from setaccio.cli.terminal.tables import print_rows

if TYPE_CHECKING:
    from setaccio.eval.studies.reference_table import ReferenceModel

EXAMPLE = (
    "setaccio eval reference --first first.jsonl --last last.jsonl "
    "--row 'Qwen 2.5=base.gguf,tuned.gguf' --out runs/reference"
)


@with_endpoint
def reference(
    first: Annotated[
        Path | None,
        documents_option(
            metavar="FILE",
            help="Pairs that base models run on; default: as outputs with gold have them.",
        ),
    ] = None,
    last: Annotated[
        Path | None,
        documents_option(metavar="FILE", help="Pairs that tuned models run on too."),
    ] = None,
    row: Annotated[
        list[str] | None,
        models_option(
            metavar="NAME=BASE[,TUNED]",
            help="A model: GGUFs, or .jsonl files of outputs. May be repeated.",
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        models_option(
            metavar="NAME=TEXT",
            help="A model's size, such as 'Qwen2.5=1.5 B'; default: counted in the GGUF.",
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
    from setaccio.cli.choices.tasks import choose_task
    from setaccio.cli.terminal.arm_progress import show_progress
    from setaccio.data.errors import UsageError
    from setaccio.data.records import load_pairs
    from setaccio.eval.studies.reference_table import ReferenceModel, own_parts, reference_table

    chosen = choose_task(task, schema)
    models = _with_parameters([_parse_row(text) for text in row or []], parameters or [])
    baseline = asked.arm()
    if baseline:
        models.append(ReferenceModel(baseline.name, baseline, None, endpoint_parameters or ""))
    if (first is None) != (last is None):
        raise UsageError("--first and --last: give both, or none where all outputs have gold.")
    parts = (load_pairs(first)[0], load_pairs(last)[0]) if first and last else own_parts(models)
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
            tell=warn_once,
        )
    print_rows(table.table(), 2)
    for note in table.notes():
        tell_step(note)
    if out:
        tell_step(f"reference.md, reference.json and the runs behind them: {out}")


def _parse_row(text: str) -> ReferenceModel:
    """``NAME=BASE[,TUNED]`` as a model of the table."""
    from setaccio.data.errors import UsageError
    from setaccio.eval.studies.reference_table import ReferenceModel
    from setaccio.models import gguf_path

    form = "NAME=BASE.gguf or NAME=BASE.gguf,TUNED.gguf"
    name, files = split_flag("--row", text, form)
    parts = [part.strip() for part in files.split(",")]
    if not files.strip() or len(parts) > 2:
        raise UsageError(f"--row {text}: write it as {form}.")
    paths = [gguf_path(Path(part)) for part in parts]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"--row {text}: {path}: no such file.")
    return ReferenceModel(name.strip(), paths[0], paths[1] if len(paths) == 2 else None)


def _with_parameters(models: list[ReferenceModel], given: list[str]) -> list[ReferenceModel]:
    """The models with the sizes that ``--parameters NAME=TEXT`` says."""
    from dataclasses import replace

    from setaccio.data.errors import UsageError

    sizes: dict[str, str] = {}
    for text in given:
        name, sign, size = (part.strip() for part in text.partition("="))
        if not (sign and size) or name not in {model.name for model in models}:
            raise UsageError(f"--parameters {text}: write NAME=TEXT with the NAME of a --row.")
        sizes[name] = size
    return [replace(model, parameters=sizes.get(model.name, model.parameters)) for model in models]
