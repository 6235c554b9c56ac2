"""``setaccio eval budget``: how much a person must still check, promised by a bound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from setaccio.cli.eval.options import (
    MaxTokens,
    OneAdapter,
    OneModel,
    SchemaFile,
    TaskName,
    Thinking,
    Threads,
    documents_option,
)
from setaccio.cli.terminal.console import program, tell_step, warn, warn_once
from setaccio.cli.terminal.tables import print_rows

if TYPE_CHECKING:
    from setaccio.data.task.task import Task

EXAMPLE = "setaccio eval budget --run runs/eval --max-error 0.01 --confidence 0.95"


def budget_verb(
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A folder that eval --out wrote, of held-out pairs."),
    ] = None,
    arm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Whose outputs, such as 'tuned schema'; default: the last of these.",
        ),
    ] = None,
    max_error: Annotated[
        float, typer.Option(help="Greatest share of errors among documents not sent.")
    ] = 0.01,
    confidence: Annotated[float, typer.Option(help="How surely the promise is kept.")] = 0.95,
    of: Annotated[
        Literal["values", "documents"],
        typer.Option(help="Wrong values, averaged over documents; or documents with any error."),
    ] = "values",
    learn_from: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Learn from this run, of other pairs, so that all of RUN can prove."
        ),
    ] = None,
    model: OneModel = None,
    adapter: OneAdapter = None,
    pairs: Annotated[
        Path | None, documents_option("--pairs", metavar="FILE", help="Held-out pairs.")
    ] = None,
    task: TaskName = None,
    schema: SchemaFile = None,
    max_tokens: MaxTokens = None,
    thinking: Thinking = None,
    threads: Threads = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Where the outputs of --pairs go."),
    ] = None,
) -> None:
    """Say which documents a person must look at, so that hardly anything wrong passes unseen.

    Writes budget.json and budget.svg into the run folder. Ends with 1 where the promise can not
    be kept with these pairs.
    """
    from setaccio.cli.choices.tasks import choose_task
    from setaccio.cli.terminal.exits import SOME_FAILED
    from setaccio.eval.report.data import read_run
    from setaccio.eval.trust.budget import make_budget
    from setaccio.eval.trust.risk import choose_arm, judged_rows
    from setaccio.eval.trust.written import (
        budget_of,
        curve_rows,
        describe_promise,
        field_rows,
        write_found,
    )

    folder = run
    if folder is None:
        folder = _decode(
            model,
            adapter,
            pairs,
            out,
            chosen=choose_task(task, schema),
            max_tokens=max_tokens,
            thinking=thinking,
            threads=threads,
        )
    elif any((model, adapter, pairs, out, task, schema, max_tokens, thinking, threads)):
        from setaccio.data.errors import UsageError

        raise UsageError(
            "--run: is decoded already. Leave out the model, --pairs, --out and --threads."
        )
    read = read_run(folder)
    chosen = choose_arm(read, arm)
    rows = judged_rows(read, chosen)
    taught_by = None
    if learn_from is not None:
        other = read_run(learn_from)
        taught_by = judged_rows(other, choose_arm(other, arm))
    found, *fields = (
        make_budget(
            rows,
            of=of,
            max_error=max_error,
            confidence=confidence,
            field=field,
            taught_by=taught_by,
        )
        for field in (None, *dict.fromkeys(name for row in rows for name in row.leaves if name))
    )
    tell_step(f"{chosen.label}: {chosen.model}, {len(rows)} documents")
    print_rows(curve_rows(found), 0)
    print_rows(field_rows(found, fields))
    for line in describe_promise(found):
        tell_step(line)
    budget = budget_of(read, chosen, found)
    written = write_found(folder, budget, found, fields)
    if not chosen.sha256:
        warn(f"{folder}: does not know the model's hash, so that extract can not use the budget.")
    tell_step(f"Wrote {written} and budget.svg")
    if not found.kept:
        raise typer.Exit(SOME_FAILED)
    tell_step(f"Next: {program()} extract notes.txt --budget {written} ...")


def _decode(
    model: Path | None,
    adapter: Path | None,
    pairs: Path | None,
    out: Path | None,
    *,
    chosen: Task | None,
    max_tokens: int | None,
    thinking: int | None,
    threads: int | None,
) -> Path:
    """Evaluate the model on the pairs first, constrained; gives the run folder."""
    from setaccio.cli.choices.model_choice import choose_model
    from setaccio.cli.eval.options import load_documents
    from setaccio.cli.terminal.arm_progress import show_progress
    from setaccio.data.errors import UsageError
    from setaccio.eval.evaluate import evaluate

    if pairs is None or out is None:
        raise UsageError("Give a run with --run RUN, or held-out pairs: --pairs FILE --out FOLDER.")
    using = choose_model(model, adapter, chosen)
    if using.warning:
        warn(using.warning)
    with show_progress() as progress:
        evaluate(
            using.model,
            load_documents(pairs),
            chosen,
            ("schema",),
            out=out,
            adapter=using.adapter,
            tuned_only=True,
            max_tokens=max_tokens,
            thinking=thinking,
            threads=threads,
            progress=progress,
            tell=warn_once,
        )
    return out
