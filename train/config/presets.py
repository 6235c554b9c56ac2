"""The presets: which there are, and what each becomes on a GPU of so many gigabytes.

Contract: ``settings_for("phi-3-mini", 8)`` gives the preset's settings with the method, the batch
and the length that fit into 8 GB. Batch x accumulation is 16 in every row. The numbers are
:func:`setaccio.train.inputs.preflight.estimate` at rows of the greatest length, half of it
completion, with gradient checkpointing; a row is the largest batch that leaves ``RESERVED_GIB`` of
the card free. The tables also stand as comments in the presets' files; a test holds them together
and against the estimate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from setaccio.data.errors import UsageError

PRESET_FOLDER = Path(__file__).parents[1] / "presets"
SIZES = (6, 8, 12, 16, 24)
"""Memory of usual cards, in GiB."""
RESERVED_GIB = 0.75
"""What the driver, CUDA's own code and a desktop take of a card."""


class Fit(NamedTuple):
    """What a card of a size can train.

    Attributes:
        gigabytes: the card's memory, in GiB.
        method: ``lora`` on 16-bit weights, or ``qlora`` where those would not fit.
        batch: rows per forward pass.
        accumulation: forward passes per step.
        length: greatest length of a row, in tokens.
        needs: estimated memory, in GiB.
    """

    gigabytes: int
    method: str
    batch: int
    accumulation: int
    length: int
    needs: float

    @property
    def settings(self) -> dict[str, Any]:
        """These values under the names of the training configuration."""
        return {
            "method": self.method,
            "batch_size": self.batch,
            "gradient_accumulation": self.accumulation,
            "max_length": self.length,
        }


VRAM: dict[str, tuple[Fit, ...]] = {
    "qwen2.5-1.5b": (
        Fit(6, "lora", 1, 16, 2048, 5.13),
        Fit(8, "lora", 2, 8, 2048, 6.74),
        Fit(12, "lora", 4, 4, 2048, 9.96),
        Fit(16, "lora", 4, 4, 2048, 9.96),
        Fit(24, "lora", 8, 2, 2048, 16.42),
    ),
    "phi-3-mini": (
        Fit(6, "qlora", 2, 8, 2048, 4.08),
        Fit(8, "qlora", 4, 4, 2048, 5.44),
        Fit(12, "lora", 4, 4, 2048, 10.6),
        Fit(16, "lora", 8, 2, 2048, 13.33),
        Fit(24, "lora", 16, 1, 2048, 18.68),
    ),
    "mistral-7b": (
        Fit(6, "qlora", 1, 16, 1024, 5.19),
        Fit(8, "qlora", 2, 8, 2048, 6.39),
        Fit(12, "qlora", 8, 2, 2048, 11.23),
        Fit(16, "qlora", 8, 2, 2048, 11.23),
        Fit(24, "lora", 8, 2, 2048, 21.0),
    ),
    "llama-3.2-1b": (
        Fit(6, "lora", 1, 16, 2048, 4.15),
        Fit(8, "lora", 2, 8, 2048, 5.5),
        Fit(12, "lora", 4, 4, 2048, 8.2),
        Fit(16, "lora", 8, 2, 2048, 13.59),
        Fit(24, "lora", 8, 2, 2048, 13.59),
    ),
    "llama-3.1-8b": (
        Fit(8, "qlora", 1, 16, 2048, 6.91),
        Fit(12, "qlora", 2, 8, 2048, 8.63),
        Fit(16, "qlora", 4, 4, 2048, 12.08),
        Fit(24, "lora", 4, 4, 2048, 22.92),
    ),
    "qwen3-0.6b": (
        Fit(6, "lora", 2, 8, 2048, 4.71),
        Fit(8, "lora", 2, 8, 2048, 4.71),
        Fit(12, "lora", 4, 4, 2048, 7.82),
        Fit(16, "lora", 8, 2, 2048, 14.06),
        Fit(24, "lora", 8, 2, 2048, 14.06),
    ),
    "qwen3-1.7b": (
        Fit(6, "qlora", 2, 8, 2048, 4.83),
        Fit(8, "lora", 2, 8, 2048, 7.16),
        Fit(12, "lora", 4, 4, 2048, 10.49),
        Fit(16, "lora", 4, 4, 2048, 10.49),
        Fit(24, "lora", 8, 2, 2048, 17.16),
    ),
    "qwen3-4b": (
        Fit(6, "qlora", 1, 16, 2048, 4.77),
        Fit(8, "qlora", 2, 8, 2048, 6.57),
        Fit(12, "lora", 1, 16, 2048, 10.2),
        Fit(16, "lora", 2, 8, 2048, 12.0),
        Fit(24, "lora", 8, 2, 2048, 22.8),
    ),
    "gemma-3-270m": (
        Fit(6, "lora", 1, 16, 2048, 3.41),
        Fit(8, "lora", 2, 8, 2048, 5.95),
        Fit(12, "lora", 4, 4, 2048, 11.04),
        Fit(16, "lora", 4, 4, 2048, 11.04),
        Fit(24, "lora", 8, 2, 2048, 21.21),
    ),
    "gemma-3-1b": (
        Fit(6, "lora", 1, 16, 2048, 5.01),
        Fit(8, "lora", 1, 16, 2048, 5.01),
        Fit(12, "lora", 2, 8, 2048, 7.63),
        Fit(16, "lora", 4, 4, 2048, 12.86),
        Fit(24, "lora", 4, 4, 2048, 12.86),
    ),
    "smollm2-360m": (
        Fit(6, "lora", 4, 4, 2048, 3.47),
        Fit(8, "lora", 8, 2, 2048, 5.82),
        Fit(12, "lora", 16, 1, 2048, 10.47),
        Fit(16, "lora", 16, 1, 2048, 10.47),
        Fit(24, "lora", 16, 1, 2048, 10.47),
    ),
    "smollm2-1.7b": (
        Fit(6, "lora", 2, 8, 2048, 5.13),
        Fit(8, "lora", 4, 4, 2048, 6.44),
        Fit(12, "lora", 8, 2, 2048, 9.07),
        Fit(16, "lora", 16, 1, 2048, 14.25),
        Fit(24, "lora", 16, 1, 2048, 14.25),
    ),
    "smollm3-3b": (
        Fit(6, "qlora", 1, 16, 2048, 3.94),
        Fit(8, "qlora", 2, 8, 2048, 5.44),
        Fit(12, "lora", 2, 8, 2048, 9.59),
        Fit(16, "lora", 4, 4, 2048, 12.6),
        Fit(24, "lora", 8, 2, 2048, 18.62),
    ),
    "llama-3.2-3b": (
        Fit(6, "qlora", 1, 16, 2048, 3.94),
        Fit(8, "qlora", 2, 8, 2048, 5.49),
        Fit(12, "lora", 2, 8, 2048, 9.83),
        Fit(16, "lora", 4, 4, 2048, 12.94),
        Fit(24, "lora", 8, 2, 2048, 19.14),
    ),
    "phi-4-mini": (
        Fit(6, "qlora", 1, 16, 2048, 4.97),
        Fit(8, "qlora", 1, 16, 2048, 4.97),
        Fit(12, "lora", 1, 16, 2048, 10.15),
        Fit(16, "lora", 2, 8, 2048, 12.43),
        Fit(24, "lora", 4, 4, 2048, 17.0),
    ),
    "lfm2-350m": (
        Fit(6, "lora", 4, 4, 2048, 3.81),
        Fit(8, "lora", 8, 2, 2048, 6.56),
        Fit(12, "lora", 8, 2, 2048, 6.56),
        Fit(16, "lora", 16, 1, 2048, 12.04),
        Fit(24, "lora", 16, 1, 2048, 12.04),
    ),
    "lfm2-1.2b": (
        Fit(6, "lora", 2, 8, 2048, 4.18),
        Fit(8, "lora", 4, 4, 2048, 5.68),
        Fit(12, "lora", 8, 2, 2048, 8.68),
        Fit(16, "lora", 16, 1, 2048, 14.64),
        Fit(24, "lora", 16, 1, 2048, 14.64),
    ),
    "granite-4-micro": (
        Fit(6, "qlora", 1, 16, 2048, 3.93),
        Fit(8, "qlora", 2, 8, 2048, 5.28),
        Fit(12, "lora", 2, 8, 2048, 9.88),
        Fit(16, "lora", 4, 4, 2048, 12.57),
        Fit(24, "lora", 8, 2, 2048, 17.96),
    ),
    "granite-4-h-micro": (
        Fit(6, "qlora", 2, 8, 2048, 4.94),
        Fit(8, "qlora", 2, 8, 2048, 4.94),
        Fit(12, "lora", 2, 8, 2048, 9.25),
        Fit(16, "lora", 4, 4, 2048, 11.79),
        Fit(24, "lora", 8, 2, 2048, 16.86),
    ),
}


def preset_names() -> list[str]:
    """Names of the bundled presets."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.yaml"))


def preset_settings(name: str) -> dict[str, Any]:
    """The settings of a preset as its file has them.

    Raises:
        UsageError: there is no such preset.
    """
    if name not in preset_names():
        raise UsageError(f"{name}: no such preset. Bundled: {', '.join(preset_names())}.")
    settings: dict[str, Any] = yaml.safe_load((PRESET_FOLDER / f"{name}.yaml").read_text("utf-8"))
    return settings


def settings_for(name: str, gigabytes: float) -> dict[str, Any]:
    """The settings of a preset for a GPU.

    Args:
        name: the preset.
        gigabytes: memory of the GPU, in GiB; the next smaller row of the table is taken.

    Raises:
        UsageError: there is no such preset, or the base does not fit into so little.
    """
    settings = preset_settings(name)
    rows = VRAM.get(name)
    if rows is None:  # a small base fits anywhere
        return settings
    fitting = [row for row in rows if row.gigabytes <= gigabytes]
    if not fitting:
        raise UsageError(
            f"{name}: {gigabytes:g} GB are too little, at least {rows[0].gigabytes} GB are "
            "needed. Take a smaller base, or train on the CPU."
        )
    return {**settings, **fitting[-1].settings}
