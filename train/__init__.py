"""Fine-tuning: pairs and a base in, an adapter out. Nothing heavy is imported until it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.train.config.config import TrainConfig, load_config, load_configs
    from setaccio.train.record.run_folder import TrainResult
    from setaccio.train.run import train

__all__ = ["TrainConfig", "TrainResult", "load_config", "load_configs", "train"]

_HOMES = {
    "TrainConfig": "config.config",
    "TrainResult": "record.run_folder",
    "load_config": "config.config",
    "load_configs": "config.config",
    "train": "run",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
