"""What a search does inside a trial: tell Optuna how it goes, and end it where it lags behind."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback


class Pruner(TrainerCallback):  # type: ignore[misc]  # transformers is not typed for mypy here
    """Tells Optuna every evaluation loss, and ends a trial that lags behind.

    Args:
        trial: Optuna's trial.
        higher_is_better: whether the study maximises; losses then change their sign.
    """

    def __init__(self, trial: Any, higher_is_better: bool) -> None:
        self.trial = trial
        self.sign = -1 if higher_is_better else 1

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float], **_: Any
    ) -> None:
        """Report, and ask whether to go on.

        Raises:
            optuna.TrialPruned: the others were better at this step.
        """
        if not state.global_step or "eval_loss" not in metrics:
            return
        import optuna

        self.trial.report(self.sign * metrics["eval_loss"], state.global_step)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"step {state.global_step}")
