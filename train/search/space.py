"""The space of a hyper-parameter search, read from YAML: any setting, a list or a range of values.

    learning_rate: {low: 1e-4, high: 1e-2, log: true}
    rank: [8, 16, 32]
    dropout: {low: 0, high: 0.2}
    batch_size: {low: 4, high: 16, step: 4}

A range whose ends are whole numbers for a setting that is one draws whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from pydantic import ValidationError

from setaccio.data.errors import UsageError
from setaccio.train.config.settings import FREE_ON_RESUME, TrainConfig

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

RANGE = {"low", "high", "log", "step"}
FIXED = (FREE_ON_RESUME | {"out", "pairs", "eval_pairs", "validation_share", "task"}) - {
    "eval_steps",
    "max_minutes",
}
WHOLE = (int, int | None)


Space: TypeAlias = "dict[str, BaseDistribution]"


def read_space(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings and their values.

    Raises:
        UsageError: it can not be read, or is no mapping.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path}: can not be read as YAML ({reason}).") from error
    if not isinstance(raw, dict) or not raw:
        raise UsageError(f"{path}: name settings and their values, such as `rank: [8, 16]`.")
    return raw


def parse_space(raw: Mapping[str, Any], config: TrainConfig) -> Space:
    """Check a space against the settings, and make Optuna's distributions of it.

    Values that Optuna can not store, such as lists, are chosen by their place.

    Args:
        raw: setting to list or range, as in the module's docstring.
        config: the settings that are not searched.

    Raises:
        UsageError: a setting is unknown or can not be searched, or a value is out of its range.
    """
    space: Space = {}
    for name, wanted in raw.items():
        if name not in TrainConfig.model_fields:
            raise UsageError(
                f"space: {name}: no such setting (see `setaccio train --list-settings`)."
            )
        if name in FIXED or (name == "seed" and config.eval_pairs is None):
            raise UsageError(f"space: {name}: must be the same in all trials.")
        space[name] = _parse(name, wanted, config)
    return space


def _parse(name: str, wanted: Any, config: TrainConfig) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(wanted, list) and wanted:
        for value in wanted:
            with_values(config, {name: value})
        plain = all(isinstance(value, str | int | float | bool | None) for value in wanted)
        return CategoricalDistribution(wanted if plain else range(len(wanted)))
    if not isinstance(wanted, dict) or not {"low", "high"} <= set(wanted) <= RANGE:
        raise UsageError(
            f"space: {name}: write a list of values, or a range such as {{low: 1e-4, high: 1e-2, "
            "log: true}."
        )
    whole = TrainConfig.model_fields[name].annotation in WHOLE
    try:
        low, high = float(wanted["low"]), float(wanted["high"])
        step = float(wanted["step"]) if "step" in wanted else None
    except (TypeError, ValueError) as error:
        raise UsageError(f"space: {name}: low, high and step are numbers.") from error
    log = bool(wanted.get("log", False))
    if low >= high or (log and (low <= 0 or step is not None)):
        raise UsageError(
            f"space: {name}: low must be less than high; with log both are above 0, without a step."
        )
    for value in (low, high):
        with_values(config, {name: value})
    if whole:
        return IntDistribution(int(low), int(high), log, int(step or 1))
    return FloatDistribution(low, high, log, step)


def with_values(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """A configuration with other values.

    Raises:
        UsageError: they are out of range, or do not go together.
    """
    try:
        return TrainConfig.model_validate({**config.model_dump(), **values})
    except ValidationError as error:
        reasons = "; ".join(str(item["msg"]) for item in error.errors())
        raise UsageError(f"space: {', '.join(values)}: {reasons}.") from error


def draw_values(trial: Trial, space: Space, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Let an Optuna trial choose a value for each setting.

    Args:
        trial: the trial.
        space: from :func:`parse_space`.
        raw: what it was made of.
    """
    from optuna.distributions import CategoricalDistribution, IntDistribution

    values: dict[str, Any] = {}
    for name, part in space.items():
        if isinstance(part, CategoricalDistribution):
            chosen = trial.suggest_categorical(name, part.choices)
            values[name] = raw[name][part.choices.index(chosen)]
        else:
            drawn: Any = part
            whole = isinstance(part, IntDistribution)
            suggest: Any = trial.suggest_int if whole else trial.suggest_float
            values[name] = suggest(name, drawn.low, drawn.high, log=drawn.log, step=drawn.step)
    return values
