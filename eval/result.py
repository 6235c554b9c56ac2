"""What an evaluation comes to: one row per arm, and the files of a run folder.

``config.json``             what was asked: task, arms with the hash of each model, versions
``predictions-<arm>.jsonl`` what came out, one line per document, written as it comes
``scores.jsonl``            levels and field scores, one line per arm and document
``scores.parquet``          the same, where pyarrow is installed
``comparison.json``         the summaries of all arms
``comparison.md``           the table
``documents.jsonl``         the pairs, for the report
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from setaccio.data.errors import UsageError
from setaccio.data.records import Pair, atomic_write
from setaccio.data.task.task import Json, Task, dump_compact
from setaccio.eval.scoring.fields import SCORING
from setaccio.eval.scoring.normalise import NORMALISATION, STEPS
from setaccio.eval.scoring.score import DocumentScore, read_answer, rename_keys, score_document
from setaccio.eval.stats.paired import (
    NUMBERS,
    Difference,
    field_difference,
    paired_difference,
)
from setaccio.eval.stats.summary import Summary

_FINISHED = frozenset({"", "ok", "invalid_json", "invalid_schema"})


def decoding(constraint: str, unknown: str = "") -> str:
    """What tables call a constraint: ``schema``, ``free``, or the word for what is not known."""
    return {"none": "free"}.get(constraint, constraint) or unknown


def ranked_fields(summaries: Iterable[Iterable[str]], known: Iterable[str]) -> list[str]:
    """Paths of the fields of several arms: in the order of the schema's, then as they were met."""
    met = dict.fromkeys(path for paths in summaries for path in paths)
    order = {name: at for at, name in enumerate(known)}
    return sorted(met, key=lambda path: order.get(path.partition(".")[0], len(order)))


def shown_fields(summaries: Iterable[Iterable[str]], known: Iterable[str]) -> list[str]:
    """Of these the fields that get a column: those of the schema, where it has any."""
    names = list(known)
    ranked = ranked_fields(summaries, names)
    return [path for path in ranked if path.partition(".")[0] in names] or ranked


def make_label(name: str, constraint: str) -> str:
    """Name and decoding, such as ``tuned constrained``, as progress and files say it."""
    words = {"schema": "constrained", "none": "free"}
    return f"{name} {words.get(constraint, constraint)}".strip()


@dataclass(frozen=True)
class ArmResult:
    """One arm of a comparison.

    Attributes:
        name: what the table calls the model.
        model: file name of the model, or whatever made the outputs.
        constraint: ``schema``, ``none``, or empty when unknown.
        size_bytes: size of the GGUF; None when unknown.
        sha256: hash of the GGUF; empty when unknown.
        summary: its numbers.
        scores: one per document, in the order of the pairs.
        peak_memory: most resident memory of the process while the arm ran, in bytes; None when
            unknown.
        joules: energy that the processors took while the arm ran; None where it is not metered.
    """

    name: str
    model: str
    constraint: str
    size_bytes: int | None
    sha256: str
    summary: Summary
    scores: tuple[DocumentScore, ...]
    peak_memory: int | None = None
    joules: float | None = None

    @property
    def label(self) -> str:
        """Name and decoding, such as ``tuned schema``."""
        return f"{self.name} {decoding(self.constraint)}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the documents' scores, as plain dictionaries."""
        kept = {key: part for key, part in vars(self).items() if key not in ("summary", "scores")}
        return {**kept, "summary": self.summary.to_dict()}


@dataclass(frozen=True)
class Comparison:
    """Arms that were measured on the same documents.

    Attributes:
        task: the task.
        arms: in the order in which they are shown.
        folder: where the run was written; None when it was not.
    """

    task: Task
    arms: tuple[ArmResult, ...]
    folder: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, ready for JSON."""
        return {
            "task": self.task.name,
            "task_digest": self.task.digest,
            "normalisation": NORMALISATION,
            "normalisation_steps": list(STEPS),
            "scoring": SCORING,
            "arms": [arm.to_dict() for arm in self.arms],
            "differences": [one.to_dict() for pair in self.differences for one in pair],
        }

    @cached_property
    def differences(self) -> tuple[tuple[Difference, ...], ...]:
        """Paired differences: one group per pair of arms, one entry per metric."""
        return tuple(compare_arms(one, other) for one, other in pairs_of_arms(self.arms))


def compare_arms(arm_a: ArmResult, arm_b: ArmResult) -> tuple[Difference, ...]:
    """What the second arm does better or worse than the first.

    Args:
        arm_a: the arm to compare with.
        arm_b: the arm that is compared.

    Returns:
        One difference for each of L1, L2, L3, exact, the score, ANLS*, and every field that both
        have scored: micro F1 of a list, the rate of right values of anything else.

    Raises:
        UsageError: the two were not measured on the same documents.
    """
    first, second = list(arm_a.scores), list(arm_b.scores)
    if not first or [one.id for one in first] != [one.id for one in second]:
        raise UsageError(
            f"{arm_a.label} and {arm_b.label} were not measured on the same documents. "
            "Compare arms of one run."
        )
    names = arm_a.label, arm_b.label
    found = [
        paired_difference(
            title,
            names,
            [float(getattr(score, key)) for score in first],
            [float(getattr(score, key)) for score in second],
        )
        for title, key in NUMBERS.items()
    ]
    paths = [path for path in arm_a.summary.fields if path in arm_b.summary.fields]
    found += [field_difference(path, names, first, second) for path in paths]
    return tuple(found)


def pairs_of_arms(arms: Sequence[ArmResult]) -> list[tuple[ArmResult, ArmResult]]:
    """Which arms are compared with which: one thing at a time changes.

    Free with constrained decoding of every model, and with equal decoding every model with the
    first one.
    """
    pairs = []
    for arm in arms:
        same_model = [one for one in arms if one.name == arm.name]
        if arm is not same_model[0]:
            pairs.append((same_model[0], arm))
        alike = [one for one in arms if one.constraint == arm.constraint]
        if arm is not alike[0] and alike[0].name != arm.name:
            pairs.append((alike[0], arm))
    measured = [[score.id for score in arm.scores] for arm in arms]
    order = {id(arm): ids for arm, ids in zip(arms, measured, strict=True)}
    return [(one, two) for one, two in pairs if order[id(one)] == order[id(two)] != []]


def score_row(
    task: Task, pair: Pair, row: dict[str, Json], aliases: dict[str, str] | None = None
) -> DocumentScore:
    """Score one recorded output.

    Args:
        task: schema and scoring rules.
        pair: the document with its gold.
        row: ``raw`` (the text that came out) or ``data`` (a JSON value); ``status`` where known.
        aliases: other key name to the task's, as in
            :func:`setaccio.eval.scoring.score.rename_keys`.

    Returns:
        The score. A status that says that the model did not finish makes L3 zero; where there is
        no status it is what the levels say: ``ok``, ``invalid_json`` or ``invalid_schema``.
    """
    status = str(row.get("status") or "")
    if isinstance(row.get("raw"), str):
        answer = read_answer(row["raw"], task, aliases or {})
        value, strict = answer.value, answer.strict
    else:
        value, strict = rename_keys(row.get("data"), aliases or {}), True
    score = score_document(
        task,
        pair.gold,
        value,
        strict=strict,
        complete=status in _FINISHED,
        status=status,
        id=pair.id,
    )
    if status:
        return score
    found = "ok" if score.l2 else "invalid_schema" if score.l1 else "invalid_json"
    return score.under(found)


def write_json(path: Path, value: Json) -> None:
    """Write a JSON file, whole or not at all, indented for reading."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_study(folder: Path, name: str, value: Json, markdown: str) -> None:
    """Write what a study found: ``<name>.json`` with all of it and ``<name>.md`` with its table."""
    write_json(folder / f"{name}.json", value)
    with atomic_write(folder / f"{name}.md") as stream:
        stream.write(markdown)


def write_results(folder: Path, comparison: Comparison, markdown: str) -> None:
    """Write ``scores.jsonl``, ``comparison.json`` and ``comparison.md``.

    Args:
        folder: the run folder, made if it is not there.
        comparison: what to write.
        markdown: the table.
    """
    with atomic_write(folder / "scores.jsonl") as stream:
        for arm in comparison.arms:
            for score in arm.scores:
                stream.write(
                    dump_compact({"arm": arm.name, "constraint": arm.constraint, **score.to_dict()})
                    + "\n"
                )
    write_study(folder, "comparison", comparison.to_dict(), markdown)
