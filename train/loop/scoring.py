"""L3 in the midst of a training: what the model has come to, written out and scored from outside.

How a state is made into a GGUF and what extracts with it is not this package's business, so the
caller brings a ``Scorer``; ``setaccio train`` brings ``setaccio.cli.train.l3.ExtractionScorer``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from setaccio.data.errors import TrainError, UsageError
from setaccio.train.backend.ranks import world_size
from setaccio.train.config.settings import TrainConfig
from setaccio.train.loop.saving import save_present

# Takes a folder with `adapter/` or `model/` in it, as a run folder has them, and gives L3: the
# share of held-out documents, 0 to 1, that come out right.
Scorer = Callable[[Path], float]

PRESENT = "present"


def check_scorer(config: TrainConfig, scorer: Scorer | None) -> Scorer | None:
    """The scorer that a run needs; None where it is judged by its loss.

    Raises:
        UsageError: L3 is asked for, and the caller brings no scorer.
        TrainError: L3 is asked for with several processes.
    """
    if config.metric_for_best != "l3":
        return None
    if scorer is None:
        raise UsageError(
            "metric_for_best: l3 is measured by extraction. `setaccio train` does that; in Python "
            "pass train(config, scorer=setaccio.cli.train.l3.ExtractionScorer(config))."
        )
    if world_size() > 1:
        raise TrainError("metric_for_best: l3 needs a single process. Leave it at eval_loss.")
    return scorer


def score_present(trainer: Any, config: TrainConfig, scorer: Scorer) -> float:
    """Score the model as it is now; its weights and all random numbers stay as they are.

    Args:
        trainer: holds model and tokenizer.
        config: the run's settings.
        scorer: what scores.

    Returns:
        Share of documents, 0 to 1.
    """
    import torch

    folder = config.out / "checkpoints" / PRESENT
    model = trainer.accelerator.unwrap_model(trainer.model)
    try:
        with torch.random.fork_rng():
            save_present(model, trainer.processing_class, folder, whole=config.method == "full")
            return scorer(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
