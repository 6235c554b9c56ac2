"""Fine-tuning: pairs and a base in, an adapter out. Nothing heavy is imported until it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.train.config.config import TrainConfig as TrainConfig
    from setaccio.train.config.config import load_config as load_config
    from setaccio.train.config.config import load_configs as load_configs
    from setaccio.train.record.run_folder import TrainResult as TrainResult
    from setaccio.train.run import train as train

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "config.config": ["TrainConfig", "load_config", "load_configs"],
        "record.run_folder": ["TrainResult"],
        "run": ["train"],
    },
)
