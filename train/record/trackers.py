"""Where curves go besides the run folder: TensorBoard, W&B, MLflow, trackio.

The callbacks are transformers' own. Everything stays in the run folder unless the tracker's own
environment variables say otherwise (``WANDB_MODE=online``, ``MLFLOW_TRACKING_URI``,
``TRACKIO_SPACE_ID``): nothing is uploaded unless somebody asks for it.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from setaccio.data.errors import MissingExtraError, UsageError
from setaccio.train.config.settings import TrainConfig


def check_trackers(config: TrainConfig) -> None:
    """Check that the packages behind ``report_to`` are installed.

    Raises:
        MissingExtraError: TensorBoard is absent.
        UsageError: another package is absent; names it.
    """
    for name in config.report_to:
        if importlib.util.find_spec(name) is not None:
            continue
        if name == "tensorboard":
            raise MissingExtraError("train", name)
        raise UsageError(
            f"report_to: {name} is not installed. Run: pip install {name}; or leave it out of "
            "report_to."
        )


def trackers(config: TrainConfig, step: int) -> list[Any]:
    """The callbacks for ``report_to``.

    Args:
        config: the run's settings.
        step: the step that the run goes on from, 0 for a new one.
    """
    check_trackers(config)
    return [_MAKERS[name](config, step) for name in config.report_to]


def _tensorboard(config: TrainConfig, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    folder = str(config.out / "tensorboard")
    return TensorBoardCallback(SummaryWriter(folder, purge_step=step + 1 if step else None))


def _wandb(config: TrainConfig, step: int) -> Any:
    from transformers.integrations import WandbCallback

    os.environ.setdefault("WANDB_MODE", "offline")
    os.environ.setdefault("WANDB_PROJECT", "setaccio")
    os.environ["WANDB_DIR"] = str(config.out)
    return WandbCallback()


def _mlflow(config: TrainConfig, step: int) -> Any:
    from transformers.integrations import MLflowCallback

    folder = (config.out / "mlflow").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "setaccio")
    return MLflowCallback()


def _trackio(config: TrainConfig, step: int) -> Any:
    os.environ.setdefault("TRACKIO_DIR", str((config.out / "trackio").absolute()))
    from transformers.integrations import TrackioCallback

    return TrackioCallback()


_MAKERS = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
    "trackio": _trackio,
}
