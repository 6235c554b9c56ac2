"""``setaccio train search``: many short trainings with other settings, and the best of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.terminal.console import output_console, program, tell_step
from setaccio.cli.train.options import (
    Base,
    Config,
    MaxMinutes,
    MaxSteps,
    Pairs,
    Settings,
    TaskName,
    given,
    parse_settings,
)

if TYPE_CHECKING:
    from setaccio.train.search.search import SearchResult

EXAMPLE = (
    "setaccio train search --pairs pairs.jsonl --space space.yaml --trials 20 "
    "--max-steps 100 --out runs/search"
)
SHOWN = 15


def search_verb(
    space: Annotated[
        Path, typer.Option(metavar="FILE", help="YAML: setting to list or range of values.")
    ],
    config: Config = None,
    pairs: Pairs = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The search's folder.")
    ] = None,
    base: Base = None,
    task: TaskName = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials in all, those made before included.")
    ] = 20,
    score: Annotated[
        str,
        typer.Option(
            metavar="loss|l3",
            help="Validation loss, or L3 of constrained extraction by each trial's GGUF.",
        ),
    ] = "loss",
    sampler: Annotated[
        str, typer.Option(metavar="tpe|random", help="How values are chosen.")
    ] = "tpe",
    pruning: Annotated[
        str, typer.Option(metavar="median|none", help="Whether trials that lag behind are ended.")
    ] = "median",
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    documents: Annotated[
        int, typer.Option(min=1, help="With --score l3: most documents to extract per trial.")
    ] = 50,
    settings: Settings = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete an earlier search in --out.")
    ] = False,
) -> None:
    """Search for better training settings; the same command goes on with a search."""
    from setaccio.cli.train.l3 import ExtractionScorer
    from setaccio.train.config.config import load_config
    from setaccio.train.inputs.parent import settle
    from setaccio.train.search.search import VALIDATION_LOSS, Score
    from setaccio.train.search.search import search as run_search
    from setaccio.train.search.space import read_space

    _check("score", score, ("loss", "l3"))
    _check("sampler", sampler, ("tpe", "random"))
    _check("pruning", pruning, ("median", "none"))
    flags: dict[str, Any] = {
        "pairs": pairs,
        "out": out,
        "base": base,
        "task": task,
        "max_minutes": max_minutes,
        "max_steps": max_steps,
        "overwrite": overwrite or None,
    }
    ready = settle(load_config(config, {**parse_settings(settings or []), **given(flags)}))
    by_loss = score == "loss"
    with ExtractionScorer(ready) as judge, ExtractionScorer(ready, documents) as scorer:
        result = run_search(
            ready,
            read_space(space),
            trials,
            score=VALIDATION_LOSS if by_loss else Score("L3", lambda r: scorer(r.run), True),
            sampler="tpe" if sampler == "tpe" else "random",
            pruning="median" if pruning == "median" else "none",
            scorer=judge,
            tell=tell_step,
        )
    _show(result, downwards=by_loss)


def _check(flag: str, value: str, known: tuple[str, ...]) -> None:
    from setaccio.data.errors import UsageError

    if value not in known:
        raise UsageError(f"--{flag} {value}: choose {' or '.join(known)}.")


def _show(result: SearchResult, downwards: bool) -> None:
    from rich.table import Table

    from setaccio.train.search.search import state_of

    names = sorted({name for trial in result.trials for name in trial.params})
    table = Table(title="Trials, the best first")
    for title in ("trial", "state", result.score, *names):
        table.add_column(title)
    sign = 1 if downwards else -1
    ranked = sorted(
        result.trials,
        key=lambda t: (state_of(t) != "complete", sign * (t.value or 0.0), t.number),
    )
    for trial in ranked[:SHOWN]:
        values = [trial.params.get(name) for name in names]
        table.add_row(
            str(trial.number),
            state_of(trial),
            f"{trial.value:.4f}" if state_of(trial) == "complete" else "",
            *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values),
        )
    output_console().print(table)
    if result.config is not None:
        tell_step(f"Next: {program()} train --config {result.config} --out runs/best")
