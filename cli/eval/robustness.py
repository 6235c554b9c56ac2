"""``setaccio eval robustness``: the same documents, not as clean."""

from __future__ import annotations

from typing import Annotated

import typer

from setaccio.cli.eval.options import (
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
    documents_option,
    load_documents,
)
from setaccio.cli.terminal.console import fail, tell_step, warn_once
from setaccio.cli.terminal.exits import SOME_FAILED
from setaccio.cli.terminal.tables import print_rows

EXAMPLE = "setaccio eval robustness --model tuned.gguf --pairs test.jsonl --perturb typos,upper"


def robustness_verb(
    model: OneModel = None,
    adapter: OneAdapter = None,
    constraint: Decoding = "schema",
    max_tokens: MaxTokens = None,
    thinking: Thinking = None,
    threads: Threads = None,
    perturb: Annotated[
        str | None,
        documents_option(
            metavar="A,B,...", help="Of typos, upper, letters, injection, shuffled; default: all."
        ),
    ] = None,
    pairs: PairsFile = None,
    limit: Limit = None,
    sample: Sample = None,
    seed: Seed = 0,
    task: TaskName = None,
    schema: SchemaFile = None,
    out: Out = None,
) -> None:
    """Evaluate on the documents with typos, capitals, other letters, orders, shuffled sentences.

    Ends with exit code 1 where a constrained answer is no JSON or does not fit the schema.
    """
    from setaccio.cli.choices.model_choice import choose_model
    from setaccio.cli.choices.tasks import choose_task
    from setaccio.cli.terminal.arm_progress import show_progress
    from setaccio.eval.arms.arms import Arm
    from setaccio.eval.studies.robustness import PERTURBATIONS, broken_promises, check_names
    from setaccio.eval.studies.robustness import robustness as run_robustness

    chosen = choose_task(task, schema)
    names = [name.strip() for name in perturb.split(",")] if perturb else list(PERTURBATIONS)
    check_names(names)
    found = load_documents(pairs, limit, sample, seed)
    using = choose_model(model, adapter, chosen)
    if using.warning:
        warn_once(using.warning)
    arms = [Arm("model", using.model, one, using.adapter) for one in constraints_of(constraint)]
    with show_progress() as progress:
        result = run_robustness(
            arms,
            found,
            chosen,
            names=names,
            seed=seed,
            out=out,
            max_tokens=max_tokens,
            thinking=thinking,
            threads=threads,
            progress=progress,
            tell=warn_once,
        )
    print_rows(result.rows(), 3)
    if result.folder:
        tell_step(f"robustness.md and a run folder for each perturbation: {result.folder}")
    broken = broken_promises(result)
    for sentence in broken:
        fail(sentence)
    if broken:
        raise typer.Exit(SOME_FAILED)
