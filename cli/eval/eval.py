"""``setaccio eval``: what the constraint, fine-tuning and quantisation buy, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.choices.endpoint import NO_ENDPOINT, EndpointFlags, with_endpoint
from setaccio.cli.eval.options import (
    GATE,
    MODELS,
    OUTPUTS,
    Alias,
    Decoding,
    Limit,
    MaxTokens,
    OneAdapter,
    OneModel,
    Out,
    PairsFile,
    Sample,
    SchemaFile,
    Seed,
    TaskName,
    Thinking,
    Threads,
    constraints_of,
    load_documents,
    parse_aliases,
)
from setaccio.cli.terminal.console import (
    fail,
    install_hint,
    output_console,
    tell_step,
    warn,
    warn_once,
)
from setaccio.cli.terminal.flags import refuse_stray_flags
from setaccio.cli.terminal.tables import print_rows

if TYPE_CHECKING:
    from setaccio.data.records import Pair
    from setaccio.data.task.task import Task
    from setaccio.eval import Comparison
    from setaccio.eval.arms.arms import AnyArm
    from setaccio.eval.studies.regression import EarlierRun

EXAMPLE = "setaccio eval --model tuned.gguf --base base.gguf --pairs test.jsonl --out runs/eval"


@with_endpoint
def eval_verb(
    context: typer.Context,
    model: OneModel = None,
    base: Annotated[
        Path | None,
        typer.Option(
            metavar="GGUF|NAME",
            help="The model before it; default: with an adapter, the model without it.",
            rich_help_panel=MODELS,
        ),
    ] = None,
    adapter: OneAdapter = None,
    tuned_only: Annotated[
        bool,
        typer.Option(
            "--tuned-only",
            help="Leave the model without its adapter out.",
            rich_help_panel=MODELS,
        ),
    ] = False,
    constraint: Decoding = "both",
    max_tokens: MaxTokens = None,
    thinking: Thinking = None,
    threads: Threads = None,
    pairs: PairsFile = None,
    limit: Limit = None,
    sample: Sample = None,
    seed: Seed = 0,
    task: TaskName = None,
    schema: SchemaFile = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Lines of {id, raw} or {id, data}; with human_semantic_ok in them, the agreement "
            "of L3 with people is shown.",
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    alias: Alias = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="A run folder; exit code 8 if worse.", rich_help_panel=GATE
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Greatest loss that passes; default: 0.02.", rich_help_panel=GATE
        ),
    ] = None,
    asked: EndpointFlags = NO_ENDPOINT,
    out: Out = None,
) -> None:
    """Compare constrained with free decoding, a tuned model with its base, and others with both.

    L1: valid JSON. L2: valid against the schema. L3: the document as a whole is right.
    """
    if context.invoked_subcommand:
        refuse_stray_flags(context)
        return
    from setaccio.cli.choices.tasks import choose_task
    from setaccio.data.errors import UsageError

    chosen = choose_task(task, schema)
    earlier = _earlier(against, out, tolerance)
    baseline = asked.arm()
    others: list[AnyArm] = [baseline] if baseline else []
    if predictions is not None and not (model or base or others or pairs):
        if limit or sample:
            raise UsageError("--limit and --sample choose from --pairs, which is missing.")
        comparison = _score(predictions, chosen, parse_aliases(alias), out)
    else:
        found = _documents(pairs, predictions, limit, sample)
        if predictions is not None:
            others = [*_recorded(predictions, found, alias), *others]
        from setaccio.cli.choices.model_choice import choose_model

        if model or adapter or base or not others:
            using = choose_model(model, adapter, chosen)
            model, adapter = using.model, using.adapter
            if using.warning:
                warn(using.warning)
        comparison = run_evaluation(
            model,
            found,
            task=chosen,
            constraints=constraints_of(constraint),
            out=out,
            limit=limit,
            base=base,
            adapter=adapter,
            tuned_only=tuned_only,
            sample=sample,
            seed=seed,
            others=others,
            max_tokens=max_tokens,
            thinking=thinking,
            threads=threads,
        )
    show(comparison)
    if predictions is not None:
        _show_agreement(predictions, comparison)
    if earlier is not None:
        _say_verdict(earlier, comparison, tolerance)


def run_evaluation(model: Path | str | None, pairs: list[Pair], **settings: Any) -> Comparison:
    """Evaluate with progress and warnings on standard error.

    Args:
        model: a GGUF or the name of a known model.
        pairs: documents and gold.
        settings: further arguments of :func:`setaccio.eval.evaluate.evaluate`.
    """
    from setaccio.cli.terminal.arm_progress import show_progress
    from setaccio.eval.evaluate import evaluate

    with show_progress() as progress:
        return evaluate(model, pairs, progress=progress, tell=warn_once, **settings)


def _earlier(against: Path | None, out: Path | None, tolerance: float | None) -> EarlierRun | None:
    """The run to hold the new one against, read before anything is written."""
    from setaccio.data.errors import UsageError

    if against is None:
        if tolerance is not None:
            raise UsageError("--tolerance: goes with --against RUN, which is missing.")
        return None
    if out is not None and out.resolve() == against.resolve():
        raise UsageError(f"--out {out}: is the earlier run itself. Choose another folder.")
    from setaccio.eval.studies.regression import read_earlier

    return read_earlier(against)


def _documents(
    pairs: Path | None, predictions: Path | None, limit: int | None, sample: int | None
) -> list[Pair]:
    """All pairs of the file, or generated ones."""
    from setaccio.data.errors import UsageError

    if pairs is None and predictions is not None:
        raise UsageError("--predictions beside another model: give the documents with --pairs.")
    return load_documents(pairs) if pairs else load_documents(None, limit, sample)


def _recorded(file: Path, pairs: list[Pair], alias: list[str] | None) -> list[AnyArm]:
    from setaccio.eval.arms.predictions import check_ids, read_predictions

    arms = read_predictions(file, parse_aliases(alias))
    check_ids(arms, pairs)
    return [*arms]


def _score(file: Path, task: Task | None, aliases: dict[str, str], out: Path | None) -> Comparison:
    """Score a file that brings its own gold."""
    from setaccio.data.errors import UsageError
    from setaccio.eval.evaluate import score_predictions

    if task is None:
        raise UsageError("--predictions: say with --task or --schema what the outputs should be.")
    return score_predictions(file, None, task, aliases, out=out, tell=warn_once)


def show(comparison: Comparison) -> None:
    """Print a comparison as a table, write its report, and say where its files are."""
    from setaccio.eval import rich_table

    output_console().print(rich_table(comparison))
    if comparison.folder:
        from setaccio.eval.parquet import is_available
        from setaccio.eval.report.write import write_report

        tell_step(f"Outputs, scores and tables: {comparison.folder}")
        if not is_available():
            tell_step(
                f"scores.parquet is left out: pyarrow is not installed. {install_hint('report')}"
            )
        tell_step(f"Report: {write_report(comparison.folder)}")


def _show_agreement(file: Path, comparison: Comparison) -> None:
    """Print how far L3 agrees with people, where the file says what they found."""
    from setaccio.eval.studies.human_agreement import (
        agreements,
        read_verdicts,
        verdict_rows,
        write_agreement,
    )

    found = agreements(comparison, read_verdicts(file))
    if not found:
        return
    print_rows(verdict_rows(found))
    if comparison.folder:
        write_agreement(comparison.folder, found)
        tell_step(f"Agreement with people: {comparison.folder / 'agreement.md'}")


def _say_verdict(earlier: EarlierRun, comparison: Comparison, tolerance: float | None) -> None:
    """Print what became worse; ends with exit code 8 where it is too much."""
    from setaccio.cli.terminal.exits import REGRESSED
    from setaccio.eval.studies.regression import TOLERANCE, regression

    found = regression(earlier, comparison, tolerance=TOLERANCE if tolerance is None else tolerance)
    print_rows(found.rows(), 3)
    for note in found.notes:
        warn(note)
    if found.failed:
        fail(found.describe())
        raise typer.Exit(REGRESSED)
    tell_step(found.describe())
