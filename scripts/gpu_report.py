"""Compare the arms of `just gpu-check`, and write the result as a section for docs/gpu.md."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from statistics import fmean
from typing import Any

SPEED, MEMORY = 1.5, 0.7  # targets: at least, at most, times the plain stack's
WINDOW, RELATIVE = 5, 0.02  # of the loss curves: steps of the running mean, share of the loss
STACKS = ("unsloth", "trl")


def smooth(losses: Sequence[float]) -> list[float]:
    """Running means of up to ``WINDOW`` losses that end at each step."""
    return [fmean(losses[max(0, end - WINDOW) : end]) for end in range(1, len(losses) + 1)]


def compare(arms: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put both stacks side by side: means over their runs, ratios and curves.

    Both see the same batches and start from the same adapter, so their curves may differ by
    rounding only. They overlap where the smoothed means differ at no step by more than ``RELATIVE``
    of the plain stack's loss or three times the greatest difference between runs of one stack.
    """
    stacks: dict[str, Any] = {}
    curves: dict[str, list[float]] = {}
    noise = 0.0
    for name in STACKS:
        runs = [arm for arm in arms if arm["backend"] == name and arm.get("losses")]
        if not runs:
            continue
        steps = list(zip(*(smooth(run["losses"]) for run in runs), strict=False))
        curves[name] = [fmean(step) for step in steps]
        noise = max(noise, *(max(step) - min(step) for step in steps))
        seconds = sum(run["timed_seconds"] for run in runs)
        stacks[name] = {
            "runs": len(runs),
            "tokens_per_second": sum(run["timed_tokens"] for run in runs) / seconds,
            "warm_up_seconds": fmean(run["warm_up_seconds"] for run in runs),
            "peak_bytes": max(run["peak_bytes"] for run in runs),
            "reserved_bytes": max(run["reserved_bytes"] for run in runs),
            "first_loss": runs[0]["losses"][0],
            "last_loss": fmean(run["losses"][-1] for run in runs),
        }
    if len(stacks) < 2:
        return {"stacks": stacks, "ratios": None, "curves": None}
    ours, plain = stacks["unsloth"], stacks["trl"]
    pairs = list(zip(curves["unsloth"], curves["trl"], strict=False))
    within = all(abs(a - b) <= max(RELATIVE * b, 3 * noise) for a, b in pairs)
    keys = {"speed": "tokens_per_second", "memory": "peak_bytes", "reserved": "reserved_bytes"}
    ratios = {name: ours[key] / plain[key] for name, key in keys.items()}
    return {
        "stacks": stacks,
        "ratios": ratios,
        "speed_met": ratios["speed"] >= SPEED,
        "memory_met": ratios["memory"] <= MEMORY,
        "curves": {
            "overlap": within and len(curves["unsloth"]) == len(curves["trl"]),
            "greatest_difference": max(abs(a - b) for a, b in pairs),
            "noise_between_runs": noise,
        },
    }


def verdicts(found: dict[str, Any]) -> list[str]:
    """One line for each target and for the curves."""
    ratios, curves = found["ratios"], found["curves"]
    if ratios is None:
        return ["No comparison: only one stack ran. Speed, memory and curves remain unmeasured."]
    met = {True: "met", False: "NOT met"}
    return [
        f"Speed: {ratios['speed']:.2f} x the plain stack's tokens/s (target >= {SPEED}): "
        f"{met[found['speed_met']]}.",
        f"Peak memory in use: {ratios['memory']:.2f} x the plain stack's (target <= {MEMORY}): "
        f"{met[found['memory_met']]}; reserved by PyTorch, {ratios['reserved']:.2f} x.",
        f"Loss curves: {'overlap' if curves['overlap'] else 'do NOT overlap'}; greatest difference "
        f"{curves['greatest_difference']:.4f} nats, {curves['noise_between_runs']:.4f} between "
        "runs of one stack.",
    ]


def markdown(result: dict[str, Any]) -> str:
    """The result as a section for docs/gpu.md."""
    trained = next((arm for arm in result["arms"] if arm.get("losses")), {})
    versions = ", ".join(f"{k} {v}" for k, v in trained.get("versions", {}).items())
    lines = [
        f"### {result['kind']}, {result['date'][:10]}",
        "",
        f"{trained.get('device')}, {platform.system()} {platform.machine()}. {versions}.",
        f"Training: {json.dumps(result['settings']['training'])}",
        "",
        "| stack | runs | tokens/s | peak GiB in use | reserved | s before | loss, first to last |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, of in result["comparison"]["stacks"].items():
        used, reserved = (of[key] / 2**30 for key in ("peak_bytes", "reserved_bytes"))
        lines.append(
            f"| {name} | {of['runs']} | {of['tokens_per_second']:,.0f} | {used:.2f} "
            f"| {reserved:.2f} | {of['warm_up_seconds']:.1f} "
            f"| {of['first_loss']:.3f} to {of['last_loss']:.3f} |"
        )
    lines += ["", *(f"- {line}" for line in verdicts(result["comparison"]))]
    for arm in [*result["arms"], result["carried"]]:
        if why := arm.get("failed") or arm.get("skipped"):
            lines.append(f"- {arm.get('backend', 'export and extraction')}: {why}")
    for file in result["carried"].get("files", ()):
        parity = "passed" if file["ok"] else "FAILED"
        lines.append(
            f"- `{file['name']}`: {file['bytes'] / 1e6:.1f} MB, parity {parity} (mean KL "
            f"{file['kl']:.2g})."
        )
    if "json" in result["carried"]:
        counts = [result["carried"][key] for key in ("json", "documents", "fits_schema")]
        lines.append("- On the CPU {} of {} answers are JSON, {} fit the schema.".format(*counts))
    return "\n".join([*lines, f"- The whole check took {result['seconds']:.0f} s.", ""])
