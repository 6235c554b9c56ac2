"""``setaccio train --export-adapters``: adapters of several tasks, exported with their base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from setaccio.cli.terminal.console import program, tell_step

if TYPE_CHECKING:
    from setaccio.train.config.settings import TrainConfig


def check_adapters(configs: Sequence[TrainConfig]) -> None:
    """Refuse, before anything is trained, what could not be exported together afterwards.

    Raises:
        UsageError: different bases, the same folder name twice, or more than plain LoRA.
    """
    from setaccio.data.errors import UsageError

    if len({config.base for config in configs}) > 1:
        raise UsageError("--export-adapters: all runs need the same base.")
    if len({config.out.name for config in configs}) < len(configs):
        raise UsageError(
            "--export-adapters: the last parts of `out` name the files; make them differ."
        )
    for config in configs:
        wrong = [
            name
            for name, found in (
                ("method: full", config.method == "full"),
                ("dora", config.dora),
                ("train_embeddings", config.train_embeddings),
            )
            if found
        ]
        if wrong:
            raise UsageError(
                f"{config.out}: {', '.join(wrong)} can not be an adapter beside a base. Leave it "
                "out, or train without "
                "--export-adapters."
            )


def export_all(configs: Sequence[TrainConfig], folder: Path, quantisations: list[str]) -> None:
    """Export what was trained, proven on each run's held-out pairs, and say how to use it."""
    from setaccio.export.shared_base import export_shared_base
    from setaccio.train.inputs.pairs import training_pairs

    made = export_shared_base(
        [config.out for config in configs],
        folder,
        quantisations=quantisations,
        pairs={config.out: training_pairs(config)[1] for config in configs},
        progress=tell_step,
    )
    base = made.base[0]
    for adapter in made.adapters:
        tell_step(f"Next: {program()} extract notes.txt --model {base} --adapter {adapter}")
