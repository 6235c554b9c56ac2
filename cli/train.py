"""``setaccio train``: pairs and a base in, an adapter out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.console import output_console, program, step

if TYPE_CHECKING:
    from setaccio.train.settings import TrainConfig

EXAMPLE = "setaccio train --config tiny --pairs pairs.jsonl --out runs/recipe --max-minutes 4"


def train(
    context: typer.Context,
    config: Annotated[
        str | None,
        typer.Option("--config", "-c", metavar="YAML|PRESET", help="Settings to start from."),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON Lines of {id, text, gold}.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The run folder.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(metavar="tiny|FOLDER|ID", help="The base model.")
    ] = None,
    task: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="The task.")] = None,
    eval_pairs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Pairs for the evaluation loss.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="lora|qlora|full", help="The method.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="auto|trl|unsloth", help="What trains.")
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Limit in minutes.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Limit in optimiser steps.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Limit in passes over the pairs.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated."),
    ] = None,
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
    list_settings: Annotated[
        bool, typer.Option("--list-settings", help="Show every setting and its default.")
    ] = False,
) -> None:
    """Fine-tune an adapter on pairs; flags win over the settings of --config."""
    from setaccio.train.config import load_configs

    if context.invoked_subcommand is not None:
        _refuse_stray_flags(context)
        return
    if list_settings:
        _show_settings()
        return
    flags: dict[str, Any] = {
        "pairs": pairs,
        "out": out,
        "base": base,
        "task": task,
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
    for number, ready in enumerate(configs, 1):
        if len(configs) > 1:
            step(f"Run {number} of {len(configs)}: task {ready.task}, into {ready.out}")
        if dry_run:
            _try(ready)
        else:
            _train(ready)


def _try(config: TrainConfig) -> None:
    from setaccio.train.dry_run import dry_run

    dry_run(config)
    step("Nothing was written. The same command without --dry-run trains.")


def _train(config: TrainConfig) -> None:
    from setaccio.train import train as run_training

    result = run_training(config)
    place = result.run if result.adapter.name == "adapter" else result.adapter
    step(
        f"{result.adapter.name.capitalize()} in {result.adapter} after {result.steps} steps. "
        f"Next: {program()} export {place}"
    )


def _refuse_stray_flags(context: typer.Context) -> None:
    """A flag between ``train`` and ``search`` would be lost."""
    from setaccio.data.errors import UsageError

    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        if value is not None and source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.replace('_', '-')}: goes behind the name: "
                f"setaccio train {context.invoked_subcommand} ..."
            )


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """Read ``name=value`` flags; a value is written as in YAML."""
    import yaml

    from setaccio.data.errors import UsageError

    values: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (sign and name):
            raise UsageError(f"--set {text}: write it as NAME=VALUE, such as rank=16.")
        try:
            values[name.strip().replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {text}: the value is not YAML.") from error
    return values


def _show_settings() -> None:
    from rich.table import Table

    from setaccio.train.config import TrainConfig, preset_names

    table = Table(title=f"Training settings (presets: {', '.join(preset_names())})")
    for title in ("setting", "default", "meaning"):
        table.add_column(title, overflow="fold")
    for name, field in TrainConfig.model_fields.items():
        default = "required" if field.is_required() else str(field.default)
        table.add_row(name, default, field.description or "")
    output_console().print(table)
