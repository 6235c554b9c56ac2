"""The picture of a search: every trial's score, the best so far, and the score over each setting.

By hand, because Optuna's own plots make a figure each and go through pyplot's global state.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna


def draw_search(folder: Path, study: optuna.Study, score: str) -> Path | None:
    """Draw the finished trials of a study.

    Returns:
        ``search.png``, or None where matplotlib is not installed or nothing was finished.
    """
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    done = study.get_trials(states=(TrialState.COMPLETE,))
    if importlib.util.find_spec("matplotlib") is None or not done:
        return None
    os.environ.setdefault("MPLBACKEND", "Agg")
    from matplotlib.figure import Figure

    names = sorted({name for trial in done for name in trial.params})
    figure = Figure(figsize=(4 * (len(names) + 1), 3.5), layout="constrained")
    axes = figure.subplots(1, len(names) + 1, sharey=True, squeeze=False)[0]
    scores = [float(trial.value or 0.0) for trial in done]
    better = max if study.direction == StudyDirection.MAXIMIZE else min
    best = [better(scores[: index + 1]) for index in range(len(scores))]
    axes[0].plot([trial.number for trial in done], scores, "o", color="#9bb8d3")
    axes[0].step([trial.number for trial in done], best, where="post", color="#1f5a8c")
    axes[0].set_xlabel("trial")
    axes[0].set_ylabel(score)
    for axis, name in zip(axes[1:], names, strict=True):
        values = [trial.params.get(name) for trial in done]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        shown: list[Any] = values if len(numbers) == len(values) else [str(v) for v in values]
        axis.plot(shown, scores, "o", color="#9bb8d3")
        if len(numbers) == len(values) and min(numbers) > 0 and max(numbers) > 20 * min(numbers):
            axis.set_xscale("log")
        axis.set_xlabel(name)
    part = folder / ".search.part.png"
    figure.savefig(part, dpi=120)
    return part.rename(folder / "search.png")
