"""The settings of a training: every one with its meaning, its limits and its only default.

:func:`setaccio.train.config.config.load_config` reads them from YAML, presets and flags.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from setaccio.models import default_base

DEFAULT_EPOCHS = 3.0

# Settings that may change when a run is resumed: none of them changes what is learned, except the
# time budget, which measures the machine anyway.
FREE_ON_RESUME = frozenset(
    {
        "resume",
        "overwrite",
        "threads",
        "memory_gib",
        "report_to",
        "max_minutes",
        "eval_steps",
        "save_steps",
        "keep_checkpoints",
    }
)


class TrainConfig(BaseModel):
    """Everything that :func:`setaccio.train.train` can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    base: str = Field(
        default_base().name,
        description="The base model: a GGUF, a known model's name such as `smollm2`, a local "
        "folder, or an id in the Hub cache.",
    )
    template: str | None = Field(
        None,
        description="A chat template in place of the base's own: `chatml`, `gemma`, `granite`, "
        "`lfm2`, `llama3`, `mistral`, `phi3`, `phi4-mini`, `qwen3`, `zephyr`, or a Jinja file. "
        "A base without one needs it.",
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
    continue_from: Path | None = Field(
        None,
        description="Go on from an adapter: a training run's folder, or a LoRA GGUF that `export "
        "--adapter-only` wrote. What makes an adapter what it is (rank, alpha, targets, ...), base "
        "and task are the adapter's where they are not given.",
    )
    replay_share: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="With `continue_from`: share of the training pairs that are drawn from those "
        "that the adapter has learned from, so that it does not forget them.",
    )
    replay_pairs: Path | None = Field(
        None,
        description="Draw them from this file; a run knows its own pairs, a GGUF does not.",
    )

    backend: Literal["auto", "trl", "unsloth"] = Field(
        "auto", description="What trains: `auto` takes Unsloth where there is a GPU and Unsloth."
    )
    method: Literal["lora", "qlora", "full"] = Field(
        "lora",
        description="LoRA on the 16-bit base, QLoRA on the base in 4-bit NF4, or full: every "
        "weight of a small base is trained.",
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

    rslora: bool = Field(
        False, description="Scale the delta by alpha / sqrt(rank), which suits large ranks."
    )
    dora: bool = Field(
        False,
        description="Learn the lengths of the weights' columns apart from their directions (DoRA). "
        "Such an adapter can be merged, not swapped.",
    )
    quantisation_aware: Literal["int4", "int8", "int8-int4", "fp8-int4", "fp8-fp8"] | None = Field(
        None, description="Train with the rounding of this type in place; GPU with Unsloth only."
    )
    train_embeddings: bool = Field(
        False,
        description="Train the token embeddings and the output layer whole, beside the adapter: "
        "for words that the base hardly knows. Such an adapter can be merged, not swapped.",
    )

    learning_rate: float = Field(2e-4, gt=0, description="Peak learning rate.")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate falls after the warm-up."
    )
    warmup: float = Field(
        0.03, ge=0, lt=1, description="Share of the training over which the rate rises from 0."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay.")
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
    packing: bool = Field(
        False,
        description="Fill rows up to `max_length` with several pairs, which can not see each "
        "other; refused for a model in which they could.",
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations in the backward pass: less memory, more time."
    )
    memory_gib: float = Field(
        2.75,
        gt=0,
        description="On a CPU: GiB of memory that the training tries to stay within, by computing "
        "batches in parts, or with recomputed activations where one row alone needs more. What is "
        "learned is the same.",
    )
    adapter_layers: int | None = Field(
        None,
        ge=1,
        description="Put the adapter on so many of the topmost layers only; those below are "
        "computed forwards only, which saves time and memory. By default on all.",
    )
    seed: int = Field(0, ge=0, description="Seed of split, adapter, order and dropout.")

    eval_steps: int = Field(
        100, ge=0, description="Steps between evaluations; 0 = only at the start and the end."
    )
    patience: int = Field(
        0,
        ge=0,
        description="Stop after this many evaluations in a row that were not better than the best "
        "one; 0 = never.",
    )
    metric_for_best: Literal["eval_loss", "l3"] = Field(
        "eval_loss",
        description="What makes one evaluation better than another, for `patience` and "
        "`keep_best`: the evaluation loss, or L3 of constrained extraction (the share of held-out "
        "documents that come out right; with the same share the loss decides).",
    )
    l3_documents: int = Field(
        20, ge=1, description="With `l3`, extract at most this many held-out documents each time."
    )
    keep_best: bool = Field(
        True,
        description="Keep the weights of the best evaluation and make them the result, instead of "
        "the last ones.",
    )
    save_steps: int = Field(
        200, ge=0, description="Steps between checkpoints; 0 = only at the end."
    )
    keep_checkpoints: int = Field(2, ge=1, description="How many checkpoints are kept.")
    report_to: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...] = Field(
        ("tensorboard",),
        description="Where curves go besides the run folder: tensorboard, wandb, mlflow, trackio "
        "(kept on this machine unless their own settings say otherwise), or `none`.",
    )
    threads: int | None = Field(
        None, ge=1, description="CPU threads; by default one per core, as torch chooses."
    )
    allow_download: bool = Field(
        False, description="Let the base be fetched from the Hub; otherwise no network is used."
    )
    resume: bool = Field(False, description="Go on from the last checkpoint in `out`.")
    overwrite: bool = Field(False, description="Delete an earlier run in `out` and start again.")

    @field_validator("base", "task", "template", mode="before")
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
    def _fits_together(self) -> TrainConfig:
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite exclude each other; give one of them")
        if self.method == "full" and (self.rslora or self.dora):
            raise ValueError("method: full trains no adapter; rslora and dora are about one")
        if self.method == "full" and self.adapter_layers:
            raise ValueError("adapter_layers needs an adapter; use method: lora")
        if self.method == "full" and self.quantisation_aware:
            raise ValueError("quantisation_aware needs an adapter; use method: lora")
        if self.method == "full" and self.continue_from:
            raise ValueError(
                "continue_from goes on with an adapter; use method: lora, or train on "
                "with base: RUN/model"
            )
        if self.replay_pairs and not self.continue_from:
            raise ValueError("replay_pairs goes with continue_from; give both, or mix the files")
        if self.patience and not self.eval_steps:
            raise ValueError("patience counts evaluations, and eval_steps is 0; set eval_steps")
        if self.patience and not self.validation_share and self.eval_pairs is None:
            raise ValueError("patience needs eval_pairs or a validation_share")
        if self.metric_for_best == "l3" and not self.validation_share and self.eval_pairs is None:
            raise ValueError("metric_for_best: l3 needs eval_pairs or a validation_share")
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
