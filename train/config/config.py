"""The training configuration: settings out of a file, a preset, flags, or several of these.

A configuration is read from YAML, from a bundled preset, or built in Python; values given on top
(the command line's flags) win. It is checked once, here; an error names the field and the fix.

    >>> from setaccio.train import load_config
    >>> load_config("phi-3-mini", {"pairs": "pairs.jsonl", "out": "runs/recipe"}).rank
    16
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from setaccio.data.errors import UsageError
from setaccio.train.config.presets import preset_names, preset_settings
from setaccio.train.config.settings import DEFAULT_EPOCHS, TrainConfig

__all__ = ["DEFAULT_EPOCHS", "TrainConfig", "load_config", "load_configs", "preset_names"]


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text. Save the file as UTF-8.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML. {' '.join(str(error).split())}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise UsageError(f"{path}: a configuration is a mapping such as `rank: 16`.")
    return raw


def _explain(error: ValidationError, source: str) -> str:
    parts = []
    for item in error.errors():
        field = ".".join(map(str, item["loc"])) or "configuration"
        if item["type"] == "extra_forbidden":
            parts.append(f"{field}: no such setting (see `setaccio train --list-settings`)")
        elif item["type"] == "missing":
            parts.append(f"{field}: is required; {TrainConfig.model_fields[field].description}")
        else:
            parts.append(f"{field}: {item['msg'].removeprefix('Value error, ')}")
    return f"{source}: {'; '.join(parts)}."


def _values(source: str | Path | None) -> dict[str, Any]:
    """What a file or a preset says, a file's own preset included."""
    if source is None:
        return {}
    if str(source) in preset_names():
        return preset_settings(str(source))
    values = _read_yaml(Path(source))
    if "preset" not in values:
        return values
    name = values.pop("preset")
    if name not in preset_names():
        raise UsageError(f"{source}: no preset {name!r}. Bundled: {', '.join(preset_names())}.")
    return {**preset_settings(name), **values}


def _validated(values: Mapping[str, Any], source: str) -> TrainConfig:
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(_explain(error, source)) from error


def load_config(
    source: str | Path | None = None, overrides: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Read a configuration, and put values on top.

    Args:
        source: a YAML file, or the name of a bundled preset. A file may start from a preset with
            a line such as ``preset: phi-3-mini``.
        overrides: field name to value; values of ``None`` count as not given.

    Raises:
        UsageError: the file can not be read, or a setting is missing, unknown or out of range;
            every one is named.
    """
    given = {k: v for k, v in (overrides or {}).items() if v is not None}
    return _validated({**_values(source), **given}, str(source or "training configuration"))


def load_configs(
    source: str | Path | None = None, overrides: Mapping[str, Any] | None = None
) -> list[TrainConfig]:
    """Read the configuration of one training, or of several over one base.

    Args:
        source: as for :func:`load_config`. A file may have a list ``runs``, each with the settings
            that are its own, such as ``task``, ``pairs`` and ``out``; all others hold for every
            run.
        overrides: settings that win over the file's; with several runs not those that a run sets.

    Raises:
        UsageError: as for :func:`load_config`, or two runs have the same folder.
    """
    values = _values(source)
    runs = values.pop("runs", None)
    if runs is None:
        return [load_config(source, overrides)]
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs) or not runs:
        raise UsageError(f"{source}: runs is a list of settings, such as `- task: a.yaml`.")
    given = {k: v for k, v in (overrides or {}).items() if v is not None}
    both = sorted(set(given) & {name for run in runs for name in run})
    if both:
        raise UsageError(f"{source}: each of the runs sets {', '.join(both)} itself; give no flag.")
    configs = [
        _validated({**values, **given, **run}, f"{source}: run {number}")
        for number, run in enumerate(runs, 1)
    ]
    if len({config.out.absolute() for config in configs}) < len(configs):
        raise UsageError(f"{source}: every one of the runs needs an `out` of its own.")
    return configs
