"""Where curves go besides the run folder: TensorBoard, W&B, MLflow, trackio.

The callbacks are transformers' own, chosen by ``report_to``. Everything stays in the run folder
unless the tracker's environment variables say otherwise (``WANDB_MODE=online``,
``MLFLOW_TRACKING_URI``, ``TRACKIO_SPACE_ID``): nothing is uploaded unless somebody asks for it.
"""

from __future__ import annotations

import os
from typing import Any

from setaccio.train.config.settings import TrainConfig


def keep_in_run_folder(config: TrainConfig) -> None:
    """Point the trackers of ``report_to`` to the run folder, through their own variables."""
    if "wandb" in config.report_to:
        os.environ.setdefault("WANDB_MODE", "offline")
        os.environ.setdefault("WANDB_PROJECT", "setaccio")
        os.environ["WANDB_DIR"] = str(config.out)
    if "mlflow" in config.report_to:
        folder = (config.out / "mlflow").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "setaccio")
    if "trackio" in config.report_to:
        os.environ.setdefault("TRACKIO_DIR", str((config.out / "trackio").absolute()))


def tensorboard(config: TrainConfig, step: int) -> list[Any]:
    """TensorBoard's callback, where it is asked for.

    By hand, because the one that ``report_to`` makes would show the steps after the checkpoint
    twice in a run that goes on.

    Args:
        config: the run's settings.
        step: the step that the run goes on from, 0 for a new one.
    """
    if "tensorboard" not in config.report_to:
        return []
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    folder = str(config.out / "tensorboard")
    return [TensorBoardCallback(SummaryWriter(folder, purge_step=step + 1 if step else None))]
