"""The losses of a run as ``curves.png``: what happened, at a glance."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from setaccio.train.record.progress import read_metrics

SMOOTHING = 0.9  # of the exponential mean that is drawn over the single steps


def draw_curves(run: Path) -> Path | None:
    """Draw training loss, evaluation loss, L3 where it was measured, and learning rate.

    Args:
        run: the run folder; its ``metrics.jsonl`` is read.

    Returns:
        The picture, or None where matplotlib is not installed or nothing was measured.
    """
    rows = read_metrics(run / "metrics.jsonl")
    trained = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    if importlib.util.find_spec("matplotlib") is None or not trained:
        return None
    os.environ.setdefault("MPLBACKEND", "Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    losses, rate = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    steps, values = zip(*trained, strict=True)
    losses.plot(steps, values, color="#9bb8d3", linewidth=0.8, label="training, each step")
    losses.plot(steps, _smooth(list(values)), color="#1f5a8c", label="training, smoothed")
    held_out = [(row["step"], row["eval_loss"]) for row in rows if "eval_loss" in row]
    if held_out:
        losses.plot(*zip(*held_out, strict=True), "o-", color="#c25a1e", label="evaluation")
    losses.set_ylabel("nats per token")
    losses.set_ylim(bottom=0)
    shares = [(row["step"], row["eval_l3"]) for row in rows if "eval_l3" in row]
    if shares:
        right = losses.twinx()
        right.plot(*zip(*shares, strict=True), "s--", color="#3d8b40")
        right.set_ylabel("L3, documents right", color="#3d8b40")
        right.set_ylim(0, 1.02)
    losses.legend()
    rates = [(row["step"], row["learning_rate"]) for row in rows if "learning_rate" in row]
    if rates:
        rate.plot(*zip(*rates, strict=True), color="#555555")
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    part = run / ".curves.part.png"
    figure.savefig(part, dpi=120)
    return part.rename(run / "curves.png")


def _smooth(values: list[float]) -> list[float]:
    smoothed, mean, weight = [], 0.0, 0.0
    for value in values:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + 1 - SMOOTHING
        smoothed.append(mean / weight)
    return smoothed
