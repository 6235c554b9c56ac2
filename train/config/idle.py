"""Settings that can do nothing in a run, because of its pairs or of another setting.

Contract: what a run was asked for and can not give is refused before it begins (``patience`` and
``metric_for_best: l3`` where nothing is evaluated); what merely has no effect is said, and kept in
the run's record.
"""

from __future__ import annotations

from setaccio.data.errors import TrainError
from setaccio.train.config.settings import TrainConfig


def refuse_without_evaluation(config: TrainConfig, learned: int, evaluated: int) -> None:
    """Refuse settings that judge evaluations, where there will be none.

    Args:
        config: the run's settings.
        learned: number of pairs to learn from.
        evaluated: number of pairs for the evaluation loss.

    Raises:
        TrainError: names the settings.
    """
    asked = [f"patience: {config.patience}"] if config.patience else []
    asked += ["metric_for_best: l3"] if config.metric_for_best == "l3" else []
    if asked and not evaluated:
        raise TrainError(
            f"{_evaluated_on(config)}: {_why(config, learned)}, so {' and '.join(asked)} would do "
            f"nothing. Give {'other' if config.eval_pairs else 'more pairs, or'} eval_pairs, or "
            f"leave {'them' if len(asked) > 1 else 'it'} out."
        )


def idle_settings(config: TrainConfig, learned: int, evaluated: int) -> list[str]:
    """A sentence for each setting that has no effect; arguments as above."""
    fields = type(config).model_fields
    said = []
    if not evaluated and (config.eval_pairs is not None or config.validation_share):
        idle = "" if config.eval_pairs else f"validation_share: {config.validation_share:g} and "
        said.append(
            f"{_evaluated_on(config)}: {_why(config, learned)}. There is no evaluation loss; "
            f"{idle}keep_best can do nothing, and the last weights are the result."
        )
    usual = (0, fields["validation_share"].default)
    if config.eval_pairs is not None and config.validation_share not in usual:
        said.append(
            f"validation_share: {config.validation_share:g} does nothing beside eval_pairs."
        )
    if config.continue_from is None and config.replay_share != fields["replay_share"].default:
        said.append(f"replay_share: {config.replay_share:g} does nothing without continue_from.")
    if config.metric_for_best != "l3" and config.l3_documents != fields["l3_documents"].default:
        said.append(
            f"l3_documents: {config.l3_documents} does nothing without metric_for_best: l3."
        )
    return said


def _evaluated_on(config: TrainConfig) -> str:
    return str(config.eval_pairs or config.pairs)


def _why(config: TrainConfig, learned: int) -> str:
    if config.eval_pairs is not None:
        return "none of its pairs can be evaluated on"
    if learned == 1:
        return "nothing is held out of one pair"
    return f"no pair is left to evaluate on beside {learned} to learn from"


def unreachable_patience(config: TrainConfig, steps: int) -> str:
    """Say that a run of at most so many steps is too short for its patience; else empty."""
    evaluations = -(-steps // config.eval_steps) if config.eval_steps else 1
    if not config.patience or evaluations > config.patience:
        return ""
    times = "one evaluation" if evaluations == 1 else f"{evaluations} evaluations"
    return (
        f"patience: {config.patience} does nothing: at most {steps} steps with eval_steps: "
        f"{config.eval_steps} make {times}. Lower eval_steps."
    )
