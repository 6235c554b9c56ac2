"""What a review budget says to people and to files: tables, ``budget.json``, ``budget.svg``.

The chart shows the share of documents that are sent to a person against what is wrong among the
others, on a :class:`setaccio.eval.report.canvas.Canvas`, as the report's charts are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from setaccio.data.records import atomic_write
from setaccio.eval.formats import percent
from setaccio.eval.report.canvas import SMALL, Canvas
from setaccio.eval.report.data import ReportArm, Run
from setaccio.eval.result import write_json
from setaccio.eval.trust.bound import fewest_documents
from setaccio.eval.trust.budget import ASSUMPTION, FoundBudget
from setaccio.runtime.result.review import ReviewBudget

BUDGET_FILE = "budget.json"
CURVE_HEAD = ("sent to a person", "risk up to", "wrong values", "wrong documents")
FIELD_HEAD = (
    "field",
    "wrong, nothing sent",
    "sent for the promise",
    "area, raw confidence",
    "area, learned",
    "ordered by",
)
DEFAULT_OPTIONS: dict[str, Any] = {
    "temperature": 0.0,
    "chunk": True,
    "require_grounding": None,
    "guard_lists": True,
}
"""What the evaluation extracts with, and an extraction must, for the budget to speak of it."""


def curve_rows(found: FoundBudget) -> list[list[str]]:
    """The risk-coverage table, header first; the error is that among documents not sent."""
    rows = [list(CURVE_HEAD)]
    for at, point in enumerate(found.curve):
        if at == 1 or at % 2 == 0:
            errors = [percent(point.values), percent(point.documents)]
            rows.append([percent(round(point.sent, 6)), f"{point.threshold:.4f}", *errors])
    return rows


def field_rows(whole: FoundBudget, fields: Sequence[FoundBudget]) -> list[list[str]]:
    """The whole document and each field by itself, header first."""
    rows = [list(FIELD_HEAD)]
    for one in (whole, *fields):
        sent = percent(round(one.sent, 6)) if one.kept else _shortfall(one)
        order = "several signs" if one.learned else "confidence"
        name = "(document)" if one.field is None else one.field
        areas = [f"{one.raw_aurc:.4f}", f"{one.aurc:.4f}"]
        rows.append([name, percent(one.overall), sent, *areas, order])
    return rows


def _shortfall(found: FoundBudget) -> str:
    return f"not kept: {found.pairs_needed:,} pairs" if found.pairs_needed else "can not be kept"


def describe_promise(found: FoundBudget) -> list[str]:
    """What was promised and whether it is kept, as sentences."""
    what = f"at most {100 * found.max_error:g} % wrong {found.of} among documents not sent"
    sure = f"{100 * found.confidence:g} % confidence"
    basis = f"learned from {found.taught} documents, proved on {found.proved} others"
    if found.kept:
        seen = "" if found.error is None else f"; among the others {percent(found.error)} was seen"
        return [
            f"Promise: {what}, with {sure}. Kept where risk above {found.threshold:g} is sent: "
            f"{percent(round(found.sent, 6))} of documents{seen} ({basis}).",
            ASSUMPTION,
        ]
    least = fewest_documents(found.max_error, found.confidence)
    more = (
        f"About {found.pairs_needed:,} pairs would be needed ({least} that pass without an error "
        "are the least that can prove it)."
        if found.pairs_needed
        else "Even among the surest documents more is wrong, so no number of pairs would do: "
        "allow a greater --max-error, or train a better model."
    )
    return [f"The promise of {what}, with {sure}, can not be kept ({basis}). {more}"]


def budget_of(run: Run, arm: ReportArm, found: FoundBudget) -> ReviewBudget:
    """The budget for an arm's model; of a promise that is not kept its threshold is below 0."""
    configured = run.config.get("arms") or []
    place = run.arms.index(arm)
    facts = configured[place] if place < len(configured) else {}
    model = {
        "name": arm.model,
        "sha256": arm.sha256,
        "adapter_sha256": str(facts.get("adapter_sha256") or ""),
    }
    constraint = {"free": "none"}.get(arm.decoding, arm.decoding)
    limits = {"constraint": constraint, "max_tokens": run.config.get("max_tokens")}
    if run.config.get("thinking"):
        limits["thinking"] = run.config["thinking"]
    if "context" in facts:  # runs of an earlier version do not say
        limits["context"] = facts["context"]
    return ReviewBudget(
        formula=found.formula,
        threshold=-1.0 if found.threshold is None else found.threshold,
        max_error=found.max_error,
        confidence=found.confidence,
        of=found.of,
        task={"name": run.name, "digest": str(run.comparison.get("task_digest", ""))},
        model={key: value for key, value in model.items() if value},
        options=limits | DEFAULT_OPTIONS,
    )


def write_found(
    folder: Path, budget: ReviewBudget, found: FoundBudget, fields: Sequence[FoundBudget]
) -> Path:
    """Write ``budget.json`` and ``budget.svg``.

    Args:
        folder: the run folder.
        budget: as :func:`budget_of` makes it.
        found: what was found for the whole document.
        fields: the same for each field.

    Returns:
        The file ``budget.json``.
    """
    content = {
        **budget.to_dict(),
        "threshold": found.threshold,
        "assumption": ASSUMPTION,
        "found": found.to_dict(),
        "fields": [one.to_dict() for one in fields],
    }
    write_json(folder / BUDGET_FILE, content)
    with atomic_write(folder / "budget.svg") as stream:
        stream.write(risk_chart(found).to_svg(standalone=True) + "\n")
    return folder / BUDGET_FILE


def risk_chart(found: FoundBudget) -> Canvas:
    """Documents sent to a person against what is wrong among the others."""
    left, top, span, height = 64.0, 34.0, 560.0, 260.0
    canvas = Canvas("budget", "Errors among documents not sent to a person", 720, top + height + 48)
    most = max([found.max_error * 2, *(point.documents for point in found.curve), 0.01])
    canvas.rate_axis((left, top), left + span, height, most)
    for tick in range(5):
        x = left + span * tick / 4
        canvas.text((x, top + height + 18), f"{tick / 4:.0%}", "muted", SMALL, "middle")
    below = (left + span / 2, top + height + 38)
    canvas.text(below, "documents sent to a person", "muted", 12, "middle")
    canvas.text(
        (16, top + height / 2), "wrong among the others", "muted", 12, "middle", turned=True
    )

    def up(value: float) -> float:
        return top + height * (1 - min(value / most, 1.0))

    for column, (name, colour) in enumerate((("values", "arm1"), ("documents", "arm2"))):
        points = [(left + span * one.sent, up(getattr(one, name))) for one in found.curve]
        canvas.line(points, colour, 1.8)
        for place, one in zip(points, found.curve, strict=True):
            said = f"{percent(getattr(one, name))} wrong {name} where {percent(one.sent)} are sent"
            canvas.circle(place, 3, colour, 0.8, said)
        canvas.rect((left + 130 * column, 8), 10, 10, colour)
        canvas.text((left + 130 * column + 16, 17), f"wrong {name}")
    canvas.line([(left, up(found.max_error)), (left + span, up(found.max_error))], "wrong", 1, True)
    canvas.text((left + span + 6, up(found.max_error) + 4), "promised", "muted", SMALL)
    if found.kept:
        x = left + span * found.sent
        canvas.line([(x, top), (x, top + height)], "correct", 1, True)
        canvas.text((x + 5, top + 12), "threshold", "muted", SMALL)
    return canvas
