"""The best weights are kept, and a run that only gets worse is ended.

After each evaluation that is better than all before, the trained weights are written to
``checkpoints/best``; after ``patience`` evaluations in a row that are not, the training stops.
``metric_for_best`` says what is better: a lower loss, or a higher L3, and where L3 is the same (few
documents know few values) a lower loss. An evaluation loss that stays worse than its best while the
training loss falls is overfitting, and is reported. The evaluation before the first step does not
count: an untrained adapter is no result.

By hand, because transformers' ``EarlyStoppingCallback`` and ``load_best_model_at_end`` compare one
number without a second to break ties, and keep a whole checkpoint, optimiser included, for each
best evaluation, at steps where a checkpoint is due anyway.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from setaccio.train.config.idle import unreachable_patience
from setaccio.train.config.settings import TrainConfig
from setaccio.train.loop.saving import Kept, read_kept, save_weights

OVERFITTING = 2  # evaluations in a row worse than the best, the training loss lower than then


class EarlyStopping(TrainerCallback):  # type: ignore[misc]  # transformers is not typed for mypy here
    """Keeps the best weights, stops early, and reports overfitting.

    Args:
        config: ``patience``, ``keep_best`` and ``metric_for_best`` are read.
        folder: where the best weights go.
        tell: called with what a person should know.
        history: rows of ``metrics.jsonl`` up to the step that a run goes on from.

    Attributes:
        best: step, loss and L3 of the best evaluation, or None.
        out_of_patience: whether the training was stopped here.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        tell: Callable[[str], None],
        history: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.config = config
        self.folder = folder
        self.tell = tell
        self.best: Kept | None = None
        self.out_of_patience = False
        self.overfitting = False
        self._stale = self._rising = 0
        self._losses: list[float] = []
        self._lowest = math.inf  # of the evaluation losses
        self._trained_then = math.nan  # training loss at the lowest evaluation loss
        for row in history:
            if "loss" in row:
                self._losses.append(row["loss"])
            if "eval_loss" in row and row["step"]:
                self._judge(Kept(row["step"], row["eval_loss"], row.get("eval_l3")))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say where the run is too short for its patience."""
        if sentence := unreachable_patience(self.config, state.max_steps):
            self.tell(sentence)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Take the training loss."""
        if logs and "loss" in logs:
            self._losses.append(float(logs["loss"]))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **of: Any) -> None:
        """Judge an evaluation, and keep the weights if it is the best one."""
        if not state.global_step or "eval_loss" not in metrics:
            return
        found = Kept(state.global_step, metrics["eval_loss"], metrics.get("eval_l3"))
        better = self._judge(found)
        patience = self.config.patience
        if patience and self._stale >= patience and not control.should_training_stop:
            self.out_of_patience = True
            control.should_training_stop = control.should_save = True
            self.tell(
                f"stopped early: {patience} evaluations in a row were not better than that of step "
                f"{self.best.step if self.best else 0}"
            )
        ends = control.should_training_stop or state.global_step >= state.max_steps
        # The weights of the last step are at hand when it ends; those before it must be kept.
        wanted = self.config.keep_best and not ends and state.is_world_process_zero
        if better and wanted and self.best:
            save_weights(of["model"], self.folder, self.best)

    def _judge(self, found: Kept) -> bool:
        """Compare with the evaluations before; True if this one is the best."""
        self._notice_overfitting(found.step, found.eval_loss)
        if self.best is None or self._rank(found) > self._rank(self.best):
            self.best = found
            self._stale = 0
            return True
        self._stale += 1
        return False

    def _rank(self, state: Kept) -> tuple[float, float]:
        """Greater is better."""
        judged_by_l3 = self.config.metric_for_best == "l3"
        return (state.l3 or 0.0) if judged_by_l3 else 0.0, -state.eval_loss

    def _notice_overfitting(self, step: int, loss: float) -> None:
        """Say it once, where the evaluation loss stays up and the training loss falls."""
        trained = sum(self._losses) / len(self._losses) if self._losses else math.nan
        self._losses.clear()
        worse = loss > self._lowest and trained < self._trained_then
        self._rising = self._rising + 1 if worse else 0
        if self._rising >= OVERFITTING and not self.overfitting:
            self.overfitting = True
            keeps = "; the best weights are kept" if self.config.keep_best else ""
            self.tell(
                f"overfitting: at step {step} the evaluation loss has been worse than its best "
                f"{self._rising} times in a row, while the training loss has fallen{keeps}. More "
                "pairs, fewer epochs, a smaller rank or some dropout help; patience=3 stops such "
                "a run"
            )
        if loss < self._lowest:
            self._lowest, self._trained_then = loss, trained

    def kept(self) -> Kept | None:
        """The best evaluation, if its weights lie in the folder."""
        found = read_kept(self.folder)
        return found if found is not None and found == self.best else None
