"""``setaccio train``: pairs and a base in, an adapter out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.terminal.console import output_console, program, tell_step
from setaccio.cli.terminal.flags import refuse_stray_flags
from setaccio.cli.train.options import (
    Base,
    Config,
    MaxMinutes,
    MaxSteps,
    Pairs,
    Settings,
    TaskName,
    Template,
    given,
    parse_settings,
)

if TYPE_CHECKING:
    from setaccio.train.config.settings import TrainConfig

EXAMPLE = "setaccio train --pairs pairs.jsonl --out runs/recipe --max-minutes 4"


def train_verb(
    context: typer.Context,
    config: Config = None,
    pairs: Pairs = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The run folder.")
    ] = None,
    base: Base = None,
    template: Template = None,
    task: TaskName = None,
    continue_from: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|GGUF", help="Go on from this run's adapter, or an adapter's GGUF."
        ),
    ] = None,
    eval_pairs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Pairs for the evaluation loss.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="lora|qlora|full", help="The method.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="auto|trl|unsloth", help="What trains.")
    ] = None,
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    epochs: Annotated[float | None, typer.Option(help="Limit in passes over the pairs.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    settings: Settings = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad lines out instead of refusing them.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete an earlier run in --out.")
    ] = False,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Let the base be fetched from the Hub.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check, estimate memory, time and disk, show rows, stop."),
    ] = False,
    export_adapters: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Afterwards: the base's GGUF and each run's adapter as a GGUF, into this folder.",
        ),
    ] = None,
    quant: Annotated[
        str, typer.Option("--quant", "-q", metavar="A,B,...", help="Types of that base.")
    ] = "q8_0",
    list_settings: Annotated[
        bool, typer.Option("--list-settings", help="Show every setting and its default.")
    ] = False,
) -> None:
    """Fine-tune an adapter on pairs; flags win over the settings of --config."""
    if context.invoked_subcommand is not None:
        refuse_stray_flags(context)
        return
    if list_settings:
        _show_settings()
        return
    from setaccio.train.config.config import load_configs

    flags: dict[str, Any] = {
        "pairs": pairs,
        "out": out,
        "base": base,
        "template": template,
        "task": task,
        "continue_from": continue_from,
        "eval_pairs": eval_pairs,
        "method": method,
        "backend": backend,
        "max_minutes": max_minutes,
        "max_steps": max_steps,
        "epochs": epochs,
        "seed": seed,
        "skip_bad": skip_bad or None,
        "resume": resume or None,
        "overwrite": overwrite or None,
        "allow_download": allow_download or None,
    }
    configs = load_configs(config, {**parse_settings(settings or []), **given(flags)})
    if export_adapters is not None:
        from setaccio.cli.train.adapters import check_adapters

        check_adapters(configs)
    for number, ready in enumerate(configs, 1):
        if len(configs) > 1:
            tell_step(f"Run {number} of {len(configs)}: task {ready.task}, into {ready.out}")
        if dry_run:
            _try(ready)
        else:
            _train(ready)
    if export_adapters is not None and not dry_run:
        from setaccio.cli.train.adapters import export_all

        export_all(configs, export_adapters, [kind.strip() for kind in quant.split(",")])


def _try(config: TrainConfig) -> None:
    from setaccio.train.dry_run import dry_run

    dry_run(config)
    tell_step("Nothing was written. The same command without --dry-run trains.")


def _train(config: TrainConfig) -> None:
    from setaccio.train import train as run_training
    from setaccio.train.inputs.parent import settle

    config = settle(config)
    if config.metric_for_best == "l3":
        from setaccio.cli.train.l3 import ExtractionScorer

        with ExtractionScorer(config) as scorer:
            result = run_training(config, scorer=scorer)
    else:
        result = run_training(config)
    place = result.run if result.adapter.name == "adapter" else result.adapter
    measured = "" if result.l3 is None else f", L3 {result.l3:.0%}"
    tell_step(
        f"{result.adapter.name.capitalize()} in {result.adapter} after {result.steps} steps"
        f"{measured}. Next: {program()} export {place}"
    )


def _show_settings() -> None:
    from rich.table import Table

    from setaccio.train.config.config import TrainConfig, preset_names

    table = Table(title=f"Training settings (presets: {', '.join(preset_names())})")
    for title in ("setting", "default", "meaning"):
        table.add_column(title, overflow="fold")
    for name, field in TrainConfig.model_fields.items():
        default = "required" if field.is_required() else str(field.default)
        table.add_row(name, default, field.description or "")
    output_console().print(table)
