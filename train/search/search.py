"""Look for better settings: many short trainings, each with other values, and the best one at last.

    from setaccio.train import load_config
    from setaccio.train.search.search import search
    search(load_config(None, {"pairs": "pairs.jsonl", "out": "runs/search", "max_steps": 100}),
           {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "rank": [8, 16, 32]}, 20)

Every trial is an ordinary run in ``OUT/trials``. Optuna chooses the values and ends trials that
lag behind the others; what it knows lies in ``OUT/study.db`` (SQLite), so a search that was stopped
goes on with the same call. ``OUT/best.yaml`` is a configuration to train with.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import yaml

from setaccio.data.errors import MissingExtraError, TrainError, UsageError
from setaccio.data.records import atomic_write
from setaccio.train.config.settings import TrainConfig
from setaccio.train.loop.scoring import Scorer
from setaccio.train.record.run_folder import TrainResult
from setaccio.train.search.picture import draw_search
from setaccio.train.search.space import draw_values, parse_space, with_values

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial
    from transformers import TrainerCallback

STUDY = "setaccio"
SETTINGS = "search.yaml"
Sampler = Literal["tpe", "random"]
Pruning = Literal["median", "none"]


class Score(NamedTuple):
    """What makes one trial better than another.

    Attributes:
        name: for the table.
        measure: the number, out of a finished trial.
        higher_is_better: whether a greater number is the better one.
    """

    name: str
    measure: Callable[[TrainResult], float]
    higher_is_better: bool = False


class SearchResult(NamedTuple):
    """What a search gave.

    Attributes:
        trials: Optuna's, in the order in which they were made.
        best: the best of them, or None.
        score: name of the score.
        config: file with the best configuration, or None.
        plot: picture of the scores, or None where matplotlib is absent.
    """

    trials: tuple[FrozenTrial, ...]
    best: FrozenTrial | None
    score: str
    config: Path | None
    plot: Path | None


def _validation_loss(result: TrainResult) -> float:
    if result.eval_loss is None:
        raise TrainError("search: no evaluation loss; give eval_pairs or a validation_share.")
    return result.eval_loss


VALIDATION_LOSS = Score("validation loss", _validation_loss)


def search(
    config: TrainConfig,
    space: Mapping[str, Any],
    trials: int,
    *,
    score: Score = VALIDATION_LOSS,
    sampler: Sampler = "tpe",
    pruning: Pruning = "median",
    scorer: Scorer | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> SearchResult:
    """Train with many values of some settings and rank them.

    Args:
        config: all other settings; ``out`` is the folder of the search.
        space: setting to list or range; see :mod:`setaccio.train.search.space`.
        trials: how many there shall be in all, earlier ones in the folder included.
        score: what is minimised or maximised.
        sampler: ``tpe`` learns from earlier trials, ``random`` does not.
        pruning: ``median`` ends a trial whose evaluation loss is above the median of the others
            at the same step.
        scorer: for trials with ``metric_for_best: l3``; see :mod:`setaccio.train.loop.scoring`.
        tell: called with a line after each trial.

    Raises:
        MissingExtraError: Optuna is not installed.
        UsageError: the space is wrong, nothing is held out to evaluate on, or the folder holds
            another search.
    """
    if importlib.util.find_spec("optuna") is None:
        raise MissingExtraError("search", "optuna")
    import optuna

    parsed = parse_space(space, config)
    if not config.validation_share and config.eval_pairs is None:
        raise UsageError("search: nothing to compare on; give eval_pairs or a validation_share.")
    _open_folder(config, space, score)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lagging = optuna.pruners.MedianPruner(n_startup_trials=3)
    storage = optuna.storages.RDBStorage(f"sqlite:///{config.out / 'study.db'}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=STUDY,
            load_if_exists=True,
            direction="maximize" if score.higher_is_better else "minimize",
            pruner=optuna.pruners.NopPruner() if pruning == "none" else lagging,
        )
        _close_stale(study)
        # Another seed after a restart, or the same values would be drawn again.
        samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
        study.sampler = samplers[sampler](seed=config.seed + len(study.trials))

        def objective(trial: optuna.Trial) -> float:
            values = draw_values(trial, parsed, space)
            return _train_once(trial, config, values, score, scorer)

        study.optimize(
            objective,
            n_trials=max(0, trials - len(_counted(study))),
            catch=(TrainError,),
            callbacks=[lambda _, trial: tell(_line(trial, score))],
        )
        return _finish(config, study, score)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _open_folder(config: TrainConfig, space: Mapping[str, Any], score: Score) -> None:
    """Make the folder, or check that the search in it is this one."""
    free = {"resume", "overwrite", "threads", "report_to"}
    settings = config.model_dump(mode="json", exclude=free)
    text = yaml.safe_dump({"settings": settings, "space": dict(space), "score": score.name})
    path = config.out / SETTINGS
    if config.overwrite and path.is_file():
        shutil.rmtree(config.out)
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise UsageError(
                f"{config.out}: another search is there (settings, space or score differ). Choose "
                "another --out, or start again with --overwrite."
            )
        return
    if config.out.exists() and (not config.out.is_dir() or any(config.out.iterdir())):
        raise UsageError(f"{config.out}: holds something that is no search. Choose another --out.")
    with atomic_write(path) as stream:
        stream.write(text)


def _close_stale(study: optuna.Study) -> None:
    """Trials that a killed process left behind are made again, with the same values.

    By hand, because Optuna's retry waits for a heartbeat that has been silent long enough.
    """
    from optuna.trial import TrialState

    again = [trial for trial in study.trials if trial.state == TrialState.RUNNING]
    for trial in again:
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)


def _train_once(
    trial: optuna.Trial,
    config: TrainConfig,
    values: Mapping[str, Any],
    score: Score,
    scorer: Scorer | None,
) -> float:
    """One training, reported to Optuna at every evaluation."""
    from setaccio.train.run import train

    out = config.out / "trials" / f"{trial.number:04}"
    settings = with_values(config, {**values, "out": out, "overwrite": False, "resume": False})
    shutil.rmtree(out, ignore_errors=True)
    try:
        return score.measure(train(settings, [_pruning(trial, score)], scorer=scorer))
    except TrainError as error:
        trial.set_user_attr("error", str(error))
        raise
    finally:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)


def _pruning(trial: optuna.Trial, score: Score) -> TrainerCallback:
    """A callback that reports every evaluation loss, and ends a trial that lags behind."""
    import optuna
    from transformers import TrainerCallback

    sign = -1 if score.higher_is_better else 1  # the study maximises then

    class Pruning(TrainerCallback):  # type: ignore[misc]  # transformers is not typed for mypy here
        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
            if not state.global_step or "eval_loss" not in metrics:
                return
            trial.report(sign * metrics["eval_loss"], state.global_step)
            if trial.should_prune():
                raise optuna.TrialPruned(f"step {state.global_step}")

    return Pruning()


def _counted(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that came to an end by themselves; those that were interrupted did not."""
    from optuna.trial import TrialState

    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    return [trial for trial in study.trials if trial.state in ended or "error" in trial.user_attrs]


def state_of(trial: FrozenTrial) -> str:
    """``complete``, ``pruned`` or ``fail``."""
    return str(trial.state.name.lower())


def _line(trial: FrozenTrial, score: Score) -> str:
    shown = {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in trial.params.items()}
    values = ", ".join(f"{name} {value}" for name, value in shown.items())
    if state_of(trial) == "complete":
        return f"trial {trial.number}: {score.name} {trial.value:.4f} ({values})"
    return f"trial {trial.number}: {state_of(trial)} ({values})"


def _finish(config: TrainConfig, study: optuna.Study, score: Score) -> SearchResult:
    """Rank the trials, and write table, picture and the best configuration."""
    trials = _counted(study)
    rows = [
        {"number": t.number, "state": state_of(t), "score": t.value, "values": t.params}
        for t in trials
    ]
    with atomic_write(config.out / "trials.json") as stream:
        json.dump(rows, stream, indent=2)
        stream.write("\n")
    best = study.best_trial if any(row["state"] == "complete" for row in rows) else None
    file = None
    if best is not None:
        file = config.out / "best.yaml"
        chosen = config.out / "trials" / f"{best.number:04}" / "config.yaml"
        values = yaml.safe_load(chosen.read_text(encoding="utf-8"))
        del values["out"]  # the trial's folder is there already
        with atomic_write(file) as stream:
            yaml.safe_dump(values, stream, sort_keys=False, allow_unicode=True)
    return SearchResult(
        tuple(trials), best, score.name, file, draw_search(config.out, study, score.name)
    )
