"""The training configuration: every setting, its meaning and its only default.

A configuration is read from YAML, from a bundled preset, or built in Python; values given on top
(the command line's flags) win. It is checked once, here; an error names the field and the fix.

    >>> from setaccio.train import load_config
    >>> load_config("tiny", {"pairs": "pairs.jsonl", "out": "runs/recipe"}).rank
    32
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from setaccio.data.errors import UsageError

PRESET_FOLDER = Path(__file__).parent / "presets"
DEFAULT_EPOCHS = 3.0

# Settings that may change when a run is resumed: none of them changes what is learned, except the
# time budget, which measures the machine anyway.
FREE_ON_RESUME = frozenset(
    {
        "resume",
        "overwrite",
        "threads",
        "report_to",
        "max_minutes",
        "eval_steps",
        "save_steps",
        "keep_checkpoints",
    }
)


class TrainConfig(BaseModel):
    """Everything that :func:`setaccio.train.train` can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str = Field(
        "tiny",
        description="The base model: `tiny` (bundled), a local folder, or an id in the Hub cache.",
    )
    task: str = Field("recipe", description="The task: a bundled name, a file or a folder.")
    pairs: Path = Field(description="JSON Lines of {id, text, gold} to learn from.")
    eval_pairs: Path | None = Field(
        None, description="Pairs for the evaluation loss; by default a share of `pairs`."
    )
    validation_share: float = Field(
        0.05, ge=0, lt=1, description="Share of `pairs` held out where `eval_pairs` is not given."
    )
    max_eval_pairs: int = Field(
        200, ge=1, description="At most this many pairs enter each evaluation loss."
    )
    out: Path = Field(description="The run folder that is written.")

    backend: Literal["auto", "trl", "unsloth"] = Field(
        "auto", description="What trains: `auto` takes Unsloth where there is a GPU and Unsloth."
    )
    method: Literal["lora", "qlora"] = Field(
        "lora", description="LoRA on the 16-bit base, or QLoRA on the base in 4-bit NF4."
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="Arithmetic; `auto` takes bf16 where the processor or GPU has it."
    )
    rank: int = Field(16, ge=1, description="Rank of the adapter's two factors.")
    alpha: float = Field(32, gt=0, description="The adapter's delta is scaled by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on the adapter's input.")
    target_modules: str | list[str] = Field(
        "all-linear", description="Names of the layers that get an adapter, or `all-linear`."
    )

    train_embeddings: bool = Field(
        False,
        description="Train the token embeddings and the output layer whole, beside the adapter: "
        "for words that the base hardly knows. Such an adapter can be merged, not swapped.",
    )

    learning_rate: float = Field(2e-4, gt=0, description="Peak learning rate of AdamW.")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate falls after the warm-up."
    )
    warmup: float = Field(
        0.03, ge=0, lt=1, description="Share of the training over which the rate rises from 0."
    )
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled weight decay.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    epochs: float | None = Field(
        None,
        gt=0,
        description="Passes over the pairs. The first limit of the three ends the training; "
        f"with none given, {DEFAULT_EPOCHS:g} epochs.",
    )
    max_steps: int | None = Field(None, ge=1, description="Limit in optimiser steps.")
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="Limit in minutes of wall clock, loading and evaluation included; the "
        "learning rate reaches its end when the time does.",
    )
    batch_size: int = Field(4, ge=1, description="Pairs per forward pass.")
    gradient_accumulation: int = Field(1, ge=1, description="Forward passes per optimiser step.")
    max_length: int = Field(
        1024, ge=16, description="Longest allowed prompt + completion in tokens; never cut."
    )
    skip_bad: bool = Field(
        False, description="Leave out lines that are no pairs instead of refusing the file."
    )
    drop_long: bool = Field(
        False, description="Leave out pairs over `max_length` instead of refusing them."
    )
    drop_invalid: bool = Field(
        False, description="Leave out pairs whose gold breaks the schema instead of refusing them."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations in the backward pass: less memory, more time."
    )
    seed: int = Field(0, ge=0, description="Seed of split, adapter, order and dropout.")

    eval_steps: int = Field(
        100, ge=0, description="Steps between evaluations; 0 = only at the start and the end."
    )
    save_steps: int = Field(
        200, ge=0, description="Steps between checkpoints; 0 = only at the end."
    )
    keep_checkpoints: int = Field(2, ge=1, description="How many checkpoints are kept.")
    report_to: tuple[Literal["tensorboard"], ...] = Field(
        ("tensorboard",), description="Where curves go besides the run folder; or `none`."
    )
    threads: int | None = Field(
        None, ge=1, description="CPU threads; by default one per core, as torch chooses."
    )
    allow_download: bool = Field(
        False, description="Let the base be fetched from the Hub; otherwise no network is used."
    )
    resume: bool = Field(False, description="Go on from the last checkpoint in `out`.")
    overwrite: bool = Field(False, description="Delete an earlier run in `out` and start again.")

    @field_validator("base", "task", mode="before")
    @classmethod
    def _path_is_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    @field_validator("report_to", mode="before")
    @classmethod
    def _none_is_nothing(cls, value: Any) -> Any:
        if value in (None, "none"):
            return ()
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_two(self) -> TrainConfig:
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite exclude each other; give one of them")
        return self

    @property
    def epoch_limit(self) -> float | None:
        """Passes over the pairs after which training ends, with the default applied."""
        if self.epochs is None and self.max_steps is None and self.max_minutes is None:
            return DEFAULT_EPOCHS
        return self.epochs

    def differences(self, other: TrainConfig) -> list[str]:
        """Names of the settings that differ and that a resumed run may not change."""
        ours, theirs = self.model_dump(), other.model_dump()
        return [key for key in ours if key not in FREE_ON_RESUME and ours[key] != theirs[key]]

    def to_yaml(self) -> str:
        """The configuration as YAML that :func:`load_config` reads back."""
        values = self.model_dump(mode="json", exclude={"resume", "overwrite"}, exclude_none=True)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def preset_names() -> list[str]:
    """Names of the bundled presets."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.yaml"))


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


def _preset(name: Any, source: str) -> dict[str, Any]:
    if name not in preset_names():
        raise UsageError(f"{source}: no preset {name!r}. Bundled: {', '.join(preset_names())}.")
    return _read_yaml(PRESET_FOLDER / f"{name}.yaml")


def _explain(error: ValidationError, source: str) -> str:
    parts = []
    for item in error.errors():
        field = ".".join(map(str, item["loc"])) or "configuration"
        if item["type"] == "extra_forbidden":
            parts.append(f"{field}: no such setting (see `setaccio train --help`)")
        elif item["type"] == "missing":
            parts.append(f"{field}: is required; {TrainConfig.model_fields[field].description}")
        else:
            parts.append(f"{field}: {item['msg'].removeprefix('Value error, ')}")
    return f"{source}: {'; '.join(parts)}."


def load_config(
    source: str | Path | None = None, overrides: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Read a configuration, and put values on top.

    Args:
        source: a YAML file, or the name of a bundled preset. A file may start from a preset with
            a line such as ``preset: tiny``.
        overrides: field name to value; values of ``None`` count as not given.

    Raises:
        UsageError: the file can not be read, or a setting is missing, unknown or out of range;
            every one is named.
    """
    values: dict[str, Any] = {}
    if source is not None and str(source) in preset_names():
        values = _preset(str(source), str(source))
    elif source is not None:
        values = _read_yaml(Path(source))
        if "preset" in values:
            values = {**_preset(values.pop("preset"), str(source)), **values}
    values.update({k: v for k, v in (overrides or {}).items() if v is not None})
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(_explain(error, str(source or "training configuration"))) from error
