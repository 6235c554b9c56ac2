"""From results to numbers: medians over rounds, and ratios beside their targets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.arms.arms import LABELS
from benchmarks.plan import Part
from setaccio.data import Task

Count = Callable[[str], int]


@dataclass(frozen=True)
class Row:
    """An arm on a model; medians over rounds. None where a thing can not be seen from outside.

    Attributes:
        model: key of :data:`benchmarks.random_models.models.SUBJECTS`.
        arm: one of :data:`benchmarks.arms.arms.LABELS`.
        documents: how many.
        answer_tokens: mean length of an answer under the model's tokenizer.
        per_minute: documents a minute.
        tokens_per_second: answer tokens a second, prompts' reading time included.
        per_document: seconds a document.
        mask_ms: of all that the grammar costs (GBNF: with the choice of the token), a token of the
            answer.
        passes: forward passes for each token of the answer; of documents decoded together, each
            counts once for all.
        overhead: share of the time that is not spent in forward passes.
        first_s: seconds to the first document's answer, model loaded and warm.
        setup_s: seconds to import, load and compile.
        peak_mib: greatest resident size of the process.
        right: share of answers that are the transcript; None for a model that recites none.
        valid: share of answers that are valid under the schema.
    """

    model: str
    arm: str
    documents: int
    answer_tokens: float
    per_minute: float
    tokens_per_second: float
    per_document: float
    mask_ms: float | None
    passes: float | None
    overhead: float | None
    first_s: float
    setup_s: float
    peak_mib: float
    right: float | None
    valid: float


@dataclass(frozen=True)
class Verdict:
    """A ratio and its target.

    Attributes:
        what: in words.
        value: as measured.
        target: what it should be.
        at_most: whether it should not be more, or not be less.
        unit: behind the numbers.
    """

    what: str
    value: float
    target: float
    at_most: bool
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met, to the hundredth that tables show."""
        value = round(self.value, 3 if self.unit == "%" else 2)
        return value <= self.target if self.at_most else value >= self.target


def is_valid(task: Task, text: str) -> bool:
    """Whether an answer is JSON that fits the task's schema."""
    try:
        return not task.problems(json.loads(text))
    except ValueError:
        return False


def case_row(
    part: Part,
    setup_s: float,
    case: dict[str, Any],
    task: Task,
    count: Count,
    known: Sequence[str],
) -> Row:
    """One measurement as a row.

    Args:
        part: where it was made.
        setup_s: to load.
        case: as a child gives it.
        task: what was asked.
        count: tokens of a text.
        known: transcripts by document number; empty where there are none.
    """
    answers: dict[str, str] = case["answers"]
    size = sum(count(text) for text in answers.values()) / max(1, len(answers))
    number, seconds = case["documents"], case["seconds"]
    tokens = max(1.0, size * number)
    forward, masks = case["forward"], case["masks"]
    right = [known[int(key) % len(known)] == text for key, text in answers.items() if known]
    return Row(
        model=part.model,
        arm=part.arm,
        documents=number,
        answer_tokens=size,
        per_minute=60 * number / seconds,
        tokens_per_second=tokens / seconds,
        per_document=seconds / number,
        mask_ms=1000 * masks["seconds"] / tokens if masks else None,
        passes=forward["calls"] / tokens if forward else None,
        overhead=1 - forward["seconds"] / seconds if forward else None,
        first_s=case["first_s"],
        setup_s=setup_s + case["compile_s"],
        peak_mib=case["peak_bytes"] / 2**20,
        right=sum(right) / len(right) if right else None,
        valid=sum(is_valid(task, text) for text in answers.values()) / max(1, len(answers)),
    )


def middle(rows: Sequence[Row]) -> Row:
    """The median of rows of one arm and model, number by number."""
    first = rows[0]
    values: dict[str, Any] = {}
    for name, value in vars(first).items():
        numbers = [getattr(row, name) for row in rows]
        values[name] = value if value is None or isinstance(value, str) else median(numbers)
    return Row(**values)


def compare(rows: Sequence[Row]) -> list[Row]:
    """Medians of the comparison, models and arms in their order."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.model, row.arm), []).append(row)
    models = list(dict.fromkeys(row.model for row in rows))
    return [
        middle(found[model, arm]) for model in models for arm in LABELS if (model, arm) in found
    ]


def judge(rows: Sequence[Row], stream: Sequence[Row], cold: Sequence[float]) -> list[Verdict]:
    """Every ratio that has a target, as far as it was measured.

    Args:
        rows: from :func:`compare`.
        stream: of this runtime, by growing number of documents.
        cold: seconds of each cold start.
    """
    by = {(row.model, row.arm): row for row in rows}
    verdicts: list[Verdict] = []
    for model in dict.fromkeys(row.model for row in rows):
        arms = {arm: row for (name, arm), row in by.items() if name == model}
        verdicts += _judge_model(model, arms)
    if len(stream) > 1:
        first = next((row for row in stream if row.documents >= 100), stream[0])
        last = stream[-1]
        what = f"peak memory, {last.documents:,} documents / {first.documents:,}"
        verdicts.append(Verdict(what, last.peak_mib / first.peak_mib, 1.05, True))
    if cold:
        what = f"`setaccio extract`, one short document, cold (median of {len(cold)})"
        verdicts.append(Verdict(what, median(cold), 1.5, True, "s"))
    return verdicts


def _judge_model(model: str, arms: dict[str, Row]) -> list[Verdict]:
    found: list[Verdict] = []
    for mode in ("serial", "batched"):
        ours, free = arms.get(f"ours-{mode}-schema"), arms.get(f"ours-{mode}-none")
        if ours and free:
            what = f"{model}: constrained / free, seconds a document, {mode}"
            found.append(Verdict(what, ours.per_document / free.per_document, 1.0, True))
        if ours and ours.overhead is not None and model == "1.5b":
            what = f"{model}: masks and Python, share of the time, {mode}"
            found.append(Verdict(what, 100 * ours.overhead, 3.0, True, "%"))
    ours = arms.get("ours-batched-schema")
    target = {"tiny": 8.0, "1.5b": 4.0}.get(model)
    for arm in ("outlines-outlines_core", "outlines-llguidance"):
        if ours and target and arm in arms:
            what = f"{model}: batched / {LABELS[arm]}, answer tokens a second"
            ratio = ours.tokens_per_second / arms[arm].tokens_per_second
            found.append(Verdict(what, ratio, target, False))
    if ours and "server" in arms:
        what = f"{model}: batched / {LABELS['server']}, answer tokens a second"
        ratio = ours.tokens_per_second / arms["server"].tokens_per_second
        found.append(Verdict(what, ratio, 1.2, False))
    return found
