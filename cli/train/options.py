"""The options that ``train`` and ``train search`` have in common, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from setaccio.cli.terminal.flags import split_flag

Config = Annotated[
    str | None,
    typer.Option("--config", "-c", metavar="YAML|PRESET", help="Settings to start from."),
]
Pairs = Annotated[Path | None, typer.Option(metavar="FILE", help="JSON Lines of {id, text, gold}.")]
Base = Annotated[
    str | None,
    typer.Option(metavar="NAME|GGUF|FOLDER|ID", help="The base model; see setaccio models."),
]
Template = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="A chat template, for a base without one: chatml, ..."),
]
TaskName = Annotated[str | None, typer.Option(metavar="NAME|FILE", help="The task.")]
MaxMinutes = Annotated[float | None, typer.Option(help="Limit of a training in minutes.")]
MaxSteps = Annotated[int | None, typer.Option(help="Limit of a training in optimiser steps.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated."),
]


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """Read ``name=value`` flags; a value is written as in YAML.

    Raises:
        UsageError: a flag has no name or no sign, or its value is not YAML.
    """
    import yaml

    from setaccio.data.errors import UsageError

    values: dict[str, Any] = {}
    for text in texts:
        name, value = split_flag("--set", text, "NAME=VALUE, such as rank=16")
        try:
            values[name.strip().replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {text}: the value is not YAML.") from error
    return values
