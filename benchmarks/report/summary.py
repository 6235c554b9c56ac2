"""From results to numbers: medians over rounds, an arm on a model and a set of documents a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Any

from benchmarks.arms.arms import LABELS
from benchmarks.cases import same_answer
from benchmarks.measure import FAILED
from benchmarks.plan import Part
from benchmarks.subjects import Work

NEAR_TIE = 0.2
"""Two tokens whose logarithmic probabilities differ by less are all but equally likely."""
SHARES = {
    "reading": "reading prompts",
    "decoding": "decoding",
    "grammar": "grammar",
    "python": "sampling and Python",
    "waiting": "threads without work or a processor",
}
"""Where a second goes, with its name in plots."""


@dataclass(frozen=True)
class Row:
    """An arm; medians over rounds. None where a thing can not be seen from outside.

    Attributes:
        arm: one of :data:`benchmarks.arms.arms.LABELS`.
        busy: whether another program kept one core busy.
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
        setup_s: seconds to import, load, compile and warm up.
        peak_mb: greatest resident size of the process, millions of bytes.
        valid: share of answers that are valid under the schema.
        agree: share of answers that say the same as our serial arm's.
        reading_rate: operations a second of the passes that read prompts.
        decoding_rate: likewise of the others.
        reading: share of the time that threads compute in passes that read prompts.
        decoding: likewise in the others.
        grammar: share of the time outside passes that the grammar takes.
        python: all else outside passes.
        waiting: share of the threads' time in passes in which they had no work or no processor.
    """

    arm: str
    busy: bool
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
    peak_mb: float
    valid: float
    agree: float | None
    reading_rate: float | None
    decoding_rate: float | None
    reading: float | None
    decoding: float | None
    grammar: float | None
    python: float | None
    waiting: float | None


@dataclass
class Column:
    """All that was measured of one model on one set of documents.

    Attributes:
        subject: the model's name.
        documents: the set's name.
        rows: by arm.
        busy: by arm, of those beside a busy core.
        roofline: what the machine can do with this model's matrices; empty if unknown.
        agreement: of ``of`` answers, how many came out the ``same``, how many parted at a ``near``
            tie, and the greatest ``margin``; empty if unknown.
        commands: by name, the results of each command of the command line.
        endurance: result of the endurance run; empty if there was none.
        failures: by arm, why there is nothing.
    """

    subject: str
    documents: str
    rows: dict[str, Row] = field(default_factory=dict)
    busy: dict[str, Row] = field(default_factory=dict)
    roofline: dict[str, Any] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    commands: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    endurance: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def _is_busy(part: Part) -> bool:
    return part.job is not None and part.job.case.busy


def case_row(part: Part, found: Mapping[str, Any], work: Work, known: Mapping[str, str]) -> Row:
    """One measurement as a row.

    Args:
        part: where it was made.
        found: as a child gives it.
        work: what the model's passes need.
        known: our serial arm's answers by document; may be empty.
    """
    answers: dict[str, str] = found["answers"]
    number, seconds = found["documents"], found["seconds"]
    size = found["tokens"] / max(1, len(answers))
    tokens = max(1.0, size * number)
    forward, masks = found["forward"], found["masks"]
    shared = [same_answer(known[key], text) for key, text in answers.items() if key in known]
    return Row(
        arm=part.arm,
        busy=_is_busy(part),
        documents=number,
        answer_tokens=size,
        per_minute=60 * number / seconds,
        tokens_per_second=tokens / seconds,
        per_document=seconds / number,
        mask_ms=1000 * masks["seconds"] / tokens if masks else None,
        passes=forward["calls"] / tokens if forward else None,
        overhead=1 - forward["seconds"] / seconds if forward else None,
        first_s=found["first_s"],
        setup_s=found["setup_s"],
        peak_mb=found["peak_bytes"] / 1e6,
        valid=sum(found["valid"]) / max(1, len(answers)),
        agree=sum(shared) / len(shared) if shared else None,
        **_profile(found, work, part.job.threads if part.job else 1),
    )


def _profile(found: Mapping[str, Any], work: Work, threads: int) -> dict[str, float | None]:
    """Rates of the passes, and where a second goes."""
    forward, prompts, masks = found["forward"], found["prompts"], found["masks"]
    names = ("reading_rate", "decoding_rate", *SHARES)
    if not forward:
        return dict.fromkeys(names)
    rest = {name: max(0, value - prompts[name]) for name, value in forward.items()}
    rates = [work.of(p) / p["seconds"] if p["seconds"] else None for p in (prompts, rest)]
    busy = [min(p["seconds"], p["computing"] / threads) for p in (prompts, rest)]
    total = found["seconds"]
    outside = max(0.0, total - forward["seconds"])
    grammar = min(outside, masks["seconds"]) if masks else 0.0
    waiting = forward["seconds"] - sum(busy)
    parts = (*busy, grammar, outside - grammar, waiting)
    return dict(zip(names, (*rates, *(part / total for part in parts)), strict=True))


def middle(rows: Sequence[Row]) -> Row:
    """The median of rows of one arm, number by number."""
    first = rows[0]
    values: dict[str, Any] = {}
    for name in (part.name for part in fields(Row)):
        numbers = [value for row in rows if (value := getattr(row, name)) is not None]
        plain = isinstance(getattr(first, name), (str, bool)) or not numbers
        values[name] = getattr(first, name) if plain else median(numbers)
    return Row(**values)


def summarise(
    parts: Sequence[Part], results: Mapping[str, Any], work: Mapping[str, Work]
) -> list[Column]:
    """Everything that was measured, by model and documents; what failed says why.

    Args:
        parts: what was to be run.
        results: of each part, by its name.
        work: what each model's passes need, by its name.
    """
    columns: dict[tuple[str, str], Column] = {}
    known: dict[tuple[str, str], dict[str, str]] = {}
    for part in parts:
        found = results.get(part.name, {})
        if part.arm == "ours-serial-schema" and not _is_busy(part):
            known.setdefault((part.subject, part.documents), found.get("answers", {}))
    rounds: dict[tuple[str, str, str, bool], list[Row]] = {}
    for part in parts:
        place = part.subject, part.documents
        column = columns.setdefault(place, Column(*place))
        result = results.get(part.name, {FAILED: "was not run"})
        try:
            if FAILED in result:
                raise ValueError(result[FAILED])
            row = _take(part, result, column, work[part.subject], known.get(place, {}))
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            busy = " beside a busy core" if _is_busy(part) else ""
            column.failures[LABELS.get(part.arm, part.group) + busy] = str(error)
            continue
        if row is not None:
            rounds.setdefault((*place, row.arm, row.busy), []).append(row)
    for (subject, documents, arm, busy), rows in rounds.items():
        column = columns[subject, documents]
        (column.busy if busy else column.rows)[arm] = middle(rows)
    for column in columns.values():
        column.rows = {arm: column.rows[arm] for arm in LABELS if arm in column.rows}
    order = list(work)
    return sorted(columns.values(), key=lambda column: order.index(column.subject))


def _take(
    part: Part, result: dict[str, Any], column: Column, work: Work, known: Mapping[str, str]
) -> Row | None:
    """Put a result where it belongs; a row is given back, for there may be several rounds."""
    if part.group == "compare":
        return case_row(part, result, work, known)
    if part.group == "roofline":
        column.roofline = result
    elif part.group == "endurance":
        column.endurance = result
    elif part.group == "agreement":
        margins = result["margins"]
        column.agreement = {
            "of": len(result["answers"]),
            "same": len(result["answers"]) - len(margins),
            "near": sum(margin < NEAR_TIE for margin in margins),
            "margin": max(margins, default=0.0),
        }
    else:
        column.commands.setdefault(part.group, []).append(result)
    return None
