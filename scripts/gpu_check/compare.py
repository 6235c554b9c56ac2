"""Compare the arms: do the loss curves overlap, how much faster, how much less memory.

The criterion for the curves. Both stacks see the same batches in the same order and start from the
same adapter, so the curves may differ by rounding only. Each stack's curve is the mean of its runs,
smoothed by a running mean of ``WINDOW`` steps. They overlap where, at every step, they differ by
no more than ``RELATIVE`` of the plain stack's loss there, or by no more than three times the
greatest difference between two runs of one stack, whichever is more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WINDOW = 5
RELATIVE = 0.02
CRITERION = (
    f"the mean curves, smoothed over {WINDOW} steps, differ nowhere by more than "
    f"{RELATIVE:.0%} of the loss or three times the spread between runs of one stack"
)


def smooth(values: Sequence[float], window: int = WINDOW) -> list[float]:
    """Running means of up to ``window`` values that end at each position."""
    return [
        sum(part) / len(part)
        for part in (values[max(0, i + 1 - window) : i + 1] for i in range(len(values)))
    ]


def mean_curve(runs: Sequence[Sequence[float]]) -> list[float]:
    """The mean over runs, step by step, as far as all of them go."""
    return [sum(step) / len(step) for step in zip(*runs, strict=False)]


def spread(runs: Sequence[Sequence[float]]) -> float:
    """Greatest difference between smoothed runs of one stack; 0 for a single run."""
    curves = [smooth(run) for run in runs]
    return max((max(s) - min(s) for s in zip(*curves, strict=False)), default=0.0)


def curves(first: Sequence[Sequence[float]], plain: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Judge whether two stacks' loss curves overlap.

    Args:
        first: losses per step of each run of one stack, in nats per token.
        plain: those of the stack it is compared with.

    Returns:
        The verdict, the greatest difference and where it is, and the noise between runs.
    """
    ours, theirs = smooth(mean_curve(first)), smooth(mean_curve(plain))
    noise = max(spread(first), spread(plain))
    gaps = [abs(a - b) for a, b in zip(ours, theirs, strict=False)]
    allowed = [max(RELATIVE * b, 3 * noise) for b in theirs[: len(gaps)]]
    worst = max(range(len(gaps)), key=lambda i: gaps[i] - allowed[i])
    complete = len(ours) == len(theirs)
    return {
        "overlap": complete and all(g <= a for g, a in zip(gaps, allowed, strict=True)),
        "criterion": CRITERION,
        "steps": len(gaps),
        "noise_between_runs": noise,
        "greatest_difference": max(gaps),
        "worst_step": worst + 1,
        "allowed_there": allowed[worst],
        "first_step_difference": gaps[0],
    }


def stack(arms: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the runs of one stack; tokens/s over all their timed steps."""
    seconds = sum(arm["timed_seconds"] for arm in arms)
    return {
        "runs": len(arms),
        "tokens_per_second": sum(arm["timed_tokens"] for arm in arms) / seconds,
        "load_seconds": sum(arm["load_seconds"] for arm in arms) / len(arms),
        "warm_up_seconds": sum(arm["warm_up_seconds"] for arm in arms) / len(arms),
        "peak_bytes": max(arm["peak_bytes"] for arm in arms),
        "peak_allocated_bytes": max(arm["peak_allocated_bytes"] for arm in arms),
        "peak_with_load_bytes": max(arm["peak_with_load_bytes"] for arm in arms),
        "nvidia_smi_bytes": max(arm.get("nvidia_smi_bytes") or 0 for arm in arms) or None,
        "first_loss": arms[0]["losses"][0],
        "last_loss": sum(arm["losses"][-1] for arm in arms) / len(arms),
    }


def compare(arms: Sequence[dict[str, Any]], speed: float, memory: float) -> dict[str, Any]:
    """Put both stacks side by side and say whether the targets are met.

    Args:
        arms: results of the runs; those without ``losses`` were skipped or failed.
        speed: least ratio of tokens/s.
        memory: greatest ratio of peak memory.
    """
    done = [arm for arm in arms if arm.get("losses")]
    groups = {name: [arm for arm in done if arm["backend"] == name] for name in ("unsloth", "trl")}
    stacks = {name: stack(runs) for name, runs in groups.items() if runs}
    result: dict[str, Any] = {"stacks": stacks, "targets": None, "curves": None}
    if len(stacks) == 2:
        losses = {name: [arm["losses"] for arm in runs] for name, runs in groups.items()}
        result["curves"] = curves(losses["unsloth"], losses["trl"])
        faster = stacks["unsloth"]["tokens_per_second"] / stacks["trl"]["tokens_per_second"]
        unsloth, plain = stacks["unsloth"], stacks["trl"]
        smaller = unsloth["peak_allocated_bytes"] / plain["peak_allocated_bytes"]
        result["targets"] = {
            "speed_ratio": faster,
            "speed_target": speed,
            "speed_met": faster >= speed,
            "memory_ratio": smaller,
            "memory_target": memory,
            "memory_met": smaller <= memory,
            "reserved_ratio": unsloth["peak_bytes"] / plain["peak_bytes"],
        }
    return result
