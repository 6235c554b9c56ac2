"""Old adapter against new: both are evaluated, and the new one is kept where nothing is worse.

Contract: ``evaluate_part(steps, part, tolerance)`` for each of :data:`PARTS`, then ``decide``; the
rule is that of ``setaccio eval --against`` (:mod:`setaccio.eval.studies.regression`).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import typer

from setaccio.cli.terminal.console import fail, program, tell_step, warn_once
from setaccio.cli.terminal.tables import print_rows
from setaccio.cli.train.steps import ADAPTER, DECISION, Steps, write_note

PARTS = {"test": "test part", "held_out": "held-out corrections"}


def evaluate_part(steps: Steps, part: str, tolerance: float) -> None:
    """Extract with both adapters under the constraint; what the new one lost is noted."""
    from setaccio.cli.terminal.arm_progress import show_progress
    from setaccio.data.records import load_pairs
    from setaccio.eval.evaluate import evaluate
    from setaccio.eval.report.write import write_report
    from setaccio.eval.studies.regression import regression

    pairs = load_pairs(steps.out / "pairs" / f"{part}.jsonl")[0]
    for name in ("old", "new"):
        step, made = f"eval-{name}/{part}", steps.done(f"export-{name}")
        known = steps.done(step)
        if known is not None and known.get("tolerance", tolerance) == tolerance:
            continue
        tell_step(f"Evaluating the {name} adapter on the {PARTS[part]}, {len(pairs)} documents")
        with show_progress() as progress:
            comparison = evaluate(
                made["base"],
                pairs,
                constraints=("schema",),
                out=steps.out / step,
                adapter=steps.out / "export" / name / made["adapter"],
                tuned_only=True,
                progress=progress,
                tell=warn_once,
            )
        write_report(steps.out / step)
        noted: dict[str, Any] = {"documents": len(pairs)}
        if name == "new":
            against = steps.out / f"eval-old/{part}"
            noted = regression(against, comparison, tolerance=tolerance).to_dict()
        steps.note(step, noted)


def decide(steps: Steps, old: Path, new: Path) -> None:
    """Keep the new adapter where nothing is worse beyond the tolerance; say why or why not."""
    from setaccio.cli.terminal.exits import REGRESSED
    from setaccio.data.files.atomic import atomic_path
    from setaccio.data.files.digests import file_digest

    found = {part: steps.done(f"eval-new/{part}") for part in PARTS}
    print_rows(_rows(found), 2)
    reasons = [
        f"{PARTS[part]}: {_title(loss)} {loss['before']:.3f} to {loss['after']:.3f}"
        for part, verdict in found.items()
        for loss in verdict["failed"]
    ]
    name, run = ("old", old) if reasons else ("new", new)
    chosen = steps.out / "export" / name / steps.done(f"export-{name}")["adapter"]
    with atomic_path(steps.out / ADAPTER) as part_file:
        shutil.copyfile(chosen, part_file)
    decision = {
        "kept": name,
        "reasons": reasons,
        "tolerance": found["test"]["tolerance"],
        "run": str(run.absolute()),
        "adapter_sha256": file_digest(chosen),
        "parts": {part: verdict["differences"] for part, verdict in found.items()},
    }
    write_note(steps.out / DECISION, decision)
    tolerance = decision["tolerance"]
    if reasons:
        fail(f"The old adapter stays: worse by more than {tolerance:g}: {'; '.join(reasons)}.")
        raise typer.Exit(REGRESSED)
    tell_step(f"The new adapter is kept: nothing is worse by more than {tolerance:g}.")
    base = steps.done("export-new")["base"]
    adapter = steps.out / ADAPTER
    tell_step(f"Next: {program()} extract notes.txt --model {base} --adapter {adapter}")


def _title(loss: dict[str, Any]) -> str:
    return loss["measure"] if loss["measure"] == "score" else str(loss["measure"]).upper()


def _rows(found: dict[str, Any]) -> list[list[str]]:
    """Cells of the table of both parts, header first; a gain is a negative loss."""
    rows = [["measured on", "measure", "docs", "before", "after", "loss [95%]", ""]]
    for part, verdict in found.items():
        for loss in verdict["differences"]:
            ends = f"{loss['loss']:+.3f} [{loss['low']:+.3f}, {loss['high']:+.3f}]"
            chance = loss["noise"] and loss["loss"] > 0
            said = "WORSE" if loss in verdict["failed"] else "noise" if chance else "ok"
            numbers = [f"{loss['before']:.3f}", f"{loss['after']:.3f}", ends, said]
            rows.append([PARTS[part], _title(loss), str(loss["documents"]), *numbers])
    return rows
