"""``setaccio train search``: many short trainings with other settings, and the best of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.console import output_console, program, step
from setaccio.cli.train import given, parse_settings

if TYPE_CHECKING:
    from setaccio.train.run_folder import TrainResult
    from setaccio.train.search import Score, SearchResult
    from setaccio.train.settings import TrainConfig

EXAMPLE = (
    "setaccio train search --config tiny --pairs pairs.jsonl --space space.yaml --trials 20 "
    "--max-steps 100 --out runs/search"
)
SHOWN = 15


def search(
    space: Annotated[
        Path, typer.Option(metavar="FILE", help="YAML: setting to list or range of values.")
    ],
    config: Annotated[
        str | None,
        typer.Option("--config", "-c", metavar="YAML|PRESET", help="Settings to start from."),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON Lines of {id, text, gold}.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The search's folder.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(metavar="tiny|FOLDER|ID", help="The base model.")
    ] = None,
    task: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="The task.")] = None,
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
    max_minutes: Annotated[float | None, typer.Option(help="Limit of a trial in minutes.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Limit of a trial in steps.")] = None,
    documents: Annotated[
        int, typer.Option(min=1, help="With --score l3: most documents to extract per trial.")
    ] = 50,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete an earlier search in --out.")
    ] = False,
) -> None:
    """Search for better training settings; the same command goes on with a search."""
    from setaccio.train.config import load_config
    from setaccio.train.search import VALIDATION_LOSS
    from setaccio.train.search import search as run_search
    from setaccio.train.search_space import read_space

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
    ready = load_config(config, {**parse_settings(settings or []), **given(flags)})
    result = run_search(
        ready,
        read_space(space),
        trials,
        score=VALIDATION_LOSS if score == "loss" else extraction_score(ready, documents),
        sampler="tpe" if sampler == "tpe" else "random",
        pruning="median" if pruning == "median" else "none",
        tell=step,
    )
    _show(result, downwards=score == "loss")


def _check(flag: str, value: str, known: tuple[str, ...]) -> None:
    from setaccio.data.errors import UsageError

    if value not in known:
        raise UsageError(f"--{flag} {value}: choose {' or '.join(known)}.")


def extraction_score(config: TrainConfig, documents: int) -> Score:
    """L3 of constrained extraction on the pairs that the evaluation loss is measured on.

    Args:
        config: names pairs and seed; the held-out part is the same in every trial.
        documents: at most so many of them are extracted.
    """
    from setaccio.data.errors import ExportError, TrainError
    from setaccio.train.pairs import read_pairs
    from setaccio.train.search import Score

    held_out = read_pairs(config)[1][:documents]

    def measure(result: TrainResult) -> float:
        from setaccio.eval.evaluate import evaluate
        from setaccio.export import export

        folder = result.run / "gguf"
        place = result.run if result.adapter.name == "adapter" else result.adapter
        try:
            report = export(place, folder, quantisations=("q8_0",), name="trial")
            comparison = evaluate(report.files[0].path, held_out, constraints=("schema",))
        except ExportError as error:
            raise TrainError(f"{result.run}: can not be scored: {error}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return float(comparison.arms[0].summary.l3.mean)

    return Score("L3", measure, higher_is_better=True)


def _show(result: SearchResult, downwards: bool) -> None:
    from rich.table import Table

    names = sorted({name for trial in result.trials for name in trial.values})
    table = Table(title="Trials, the best first")
    for title in ("trial", "state", result.score, *names):
        table.add_column(title)
    sign = 1 if downwards else -1
    ranked = sorted(
        result.trials, key=lambda t: (t.state != "complete", sign * (t.score or 0.0), t.number)
    )
    for trial in ranked[:SHOWN]:
        values = [trial.values.get(name) for name in names]
        done = trial.state == "complete" and trial.score is not None
        table.add_row(
            str(trial.number),
            trial.state,
            f"{trial.score:.4f}" if done else "",
            *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values),
        )
    output_console().print(table)
    if result.config is not None:
        step(f"Next: {program()} train --config {result.config} --out runs/best")
