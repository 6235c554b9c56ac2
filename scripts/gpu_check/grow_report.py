"""What a growth comes to: scores, the verdict and the section for docs/gpu.md."""

from __future__ import annotations

from typing import Any


def read_scores(comparison: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The means that are compared, by kind of decoding, from `setaccio eval`'s comparison.json."""
    scores = {}
    for arm in comparison["arms"]:
        summary = arm["summary"]
        fields = {name: field["score"]["mean"] for name, field in summary["fields"].items()}
        scores[arm["constraint"]] = {
            **{level: summary[level]["mean"] for level in ("l1", "l2", "l3", "score")},
            **fields,
        }
    return scores


def verdict(result: dict[str, Any]) -> str:
    """Whether the grown base is to be kept, in one sentence.

    It is where its loss on held-out synthetic prose is lower and, tuned alike, its mean score on
    held-out recipes is higher, constrained and free.
    """
    losses, scores = result.get("held_out"), result.get("scores", {})
    if not losses or len(scores) < 2:
        return "No verdict: not everything was measured."
    lower = losses["grown"]["held_out_loss"] < losses["present"]["held_out_loss"]
    higher = all(
        row["score"] > scores["present"][kind]["score"] for kind, row in scores["grown"].items()
    )
    if lower and higher:
        return "Better on held-out prose, before and after tuning: keep the grown base."
    what = [] if lower else ["its held-out loss is not lower"]
    what += [] if higher else ["tuned, it does not score higher"]
    return f"Not better ({' and '.join(what)}): keep the present base."


def markdown(result: dict[str, Any]) -> str:
    """Render the result as a section for docs/gpu.md."""
    about, grown = result["machine"], result.get("grown")
    what = "on a GPU" if result["kind"] == "gpu" else "rehearsed on a CPU"
    lines = [f"### The tiny base grown {what}", ""]
    name = about.get("gpu") or about["system"]
    versions = ", ".join(f"{key} {value}" for key, value in about["versions"].items())
    lines += [f"{name}, driver {about.get('driver')}. Versions: {versions}.", ""]
    if grown:
        tokens = grown["tokens"]
        lines.append(
            f"{grown['steps']:,} steps of at most {grown['tokens_per_batch']:,} tokens, "
            f"{tokens:,} tokens in {grown['seconds']:,} s "
            f"({tokens / max(1, grown['seconds']):,.0f} a second) on {grown['device']}."
        )
    for base, row in result.get("held_out", {}).items():
        lines.append(
            f"- {base} base: held-out loss {row['held_out_loss']:.4f}, with exchanged words "
            f"{row['exchanged_loss']:.4f}."
        )
    for model, kinds in result.get("scores", {}).items():
        for kind, row in kinds.items():
            figures = ", ".join(f"{key} {value:.3f}" for key, value in row.items())
            lines.append(f"- {model} base, tuned, constraint {kind}: {figures}.")
    for part, done in result["parts"].items():
        if "failed" in done:
            lines.append(f"- {part} FAILED: {done['failed']}")
    lines += [f"- {result['verdict']}", f"- All of it took {result['seconds']:.0f} s."]
    return "\n".join(lines) + "\n"
