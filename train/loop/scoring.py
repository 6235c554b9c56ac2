"""L3 during a training: the present model, written out and scored by what the caller brings in.

How a state is made into a GGUF and what extracts with it is not this package's business, so the
caller brings a ``Scorer``; ``setaccio train`` brings ``setaccio.cli.train.l3.ExtractionScorer``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from setaccio.data.errors import TrainError, UsageError
from setaccio.train.backend.device import world_size
from setaccio.train.config.settings import TrainConfig

# Takes a folder with `adapter/` or `model/` in it, as a run folder has them, and gives L3: the
# share of held-out documents, 0 to 1, that come out right.
Scorer = Callable[[Path], float]


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
