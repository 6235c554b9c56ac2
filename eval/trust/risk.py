"""What went wrong in each document of a run, beside the row that a budget will see.

    >>> rows = judged_rows(read_run("runs/eval"))
    >>> rows[0].loss("values"), rows[0].loss("documents", "title")

The loss of a document is, of ``values``, the share of its leaves that are not correct (wrong,
omitted and hallucinated ones; null for null is correct); of ``documents``, 1 where any of them is
not. Leaves are counted as :mod:`setaccio.eval.scoring.fields` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from setaccio.data.errors import DataError, UsageError
from setaccio.eval.report.data import ReportArm, Run
from setaccio.runtime.result.review import field_of, signs_of

ErrorUnit = Literal["values", "documents"]


@dataclass(frozen=True)
class JudgedRow:
    """One document of a run.

    Attributes:
        id: of the document.
        row: its output, as a budget sees it.
        wrong: leaves that are not correct, by the top-level key that they stand below.
        leaves: all leaves likewise.
    """

    id: str
    row: Mapping[str, Any]
    wrong: Mapping[str, int]
    leaves: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether it has an answer that could pass unseen."""
        return self.row.get("status") == "ok"

    @cached_property
    def _signs(self) -> dict[str | None, dict[str, float]]:
        return {}

    def signs(self, field: str | None = None) -> dict[str, float]:
        """Its signs of doubt, worked out once for each field."""
        if field not in self._signs:
            self._signs[field] = signs_of(self.row, field)
        return self._signs[field]

    def loss(self, of: ErrorUnit, field: str | None = None) -> float:
        """How wrong it is, from 0 to 1.

        Args:
            of: see the module.
            field: a top-level key; only its leaves count. None takes all.
        """
        wrong, leaves = (
            sum(counts.values()) if field is None else counts.get(field, 0)
            for counts in (self.wrong, self.leaves)
        )
        return float(wrong > 0) if of == "documents" else wrong / max(leaves, 1)


def judged_rows(run: Run, arm: ReportArm) -> list[JudgedRow]:
    """The documents of an arm, with what went wrong in them.

    Raises:
        DataError: the run was scored by an older version, or its outputs have no confidence.
    """
    found = []
    for name, score in arm.scores.items():
        outputs = arm.outputs.get(name)
        if "outcomes" not in score or not outputs:
            raise DataError(
                f"{run.folder}: has no output or no outcomes of document {name!r}. Make the run "
                "again with this version: setaccio eval --out RUN"
            )
        row = {**outputs[-1], "status": score.get("status")}
        if row["status"] == "ok" and not isinstance(row.get("confidence"), Mapping):
            raise DataError(
                f"{run.folder}: the outputs of {arm.label} carry no confidence. Only outputs that "
                "Setaccio decoded can be ordered."
            )
        found.append(judge_row(name, row, score["outcomes"]))
    if not found:
        raise DataError(f"{run.folder}: no document in {arm.label}.")
    return found


def judge_row(
    name: str, row: Mapping[str, Any], outcomes: Iterable[Mapping[str, Any]]
) -> JudgedRow:
    """A document from its output and the outcomes of its leaves.

    Args:
        name: of the document.
        row: its output.
        outcomes: ``outcome``, ``gold`` and ``predictions`` of each leaf, as in ``scores.jsonl``.
    """
    wrong: dict[str, int] = {}
    leaves: dict[str, int] = {}
    for leaf in outcomes:
        places = [leaf["gold"], *leaf["predictions"]]
        field = field_of(next((at for at in places if at is not None), ""))
        leaves[field] = leaves.get(field, 0) + 1
        wrong[field] = wrong.get(field, 0) + (leaf["outcome"] != "correct")
    return JudgedRow(name, row, wrong, leaves)


def choose_arm(run: Run, label: str | None = None) -> ReportArm:
    """The arm that is meant: by default the last constrained one, which is what users run.

    Args:
        run: a run folder.
        label: name and decoding, such as ``tuned schema``, or the name alone where it is enough.

    Raises:
        UsageError: there is no such arm, or several.
    """
    if label is None:
        schema = [arm for arm in run.arms if arm.decoding == "schema"]
        return (schema or list(run.arms))[-1]
    named = [
        arm
        for arm in run.arms
        if label in (arm.name, arm.label, f"{arm.name} {arm.decoding}".rstrip())
    ]
    if len(named) != 1:
        known = ", ".join(repr(f"{arm.name} {arm.decoding}".rstrip()) for arm in run.arms)
        raise UsageError(f"--arm {label}: {len(named)} arms of that name. Choose one of {known}.")
    return named[0]


def shuffled_rows(rows: Sequence[JudgedRow], seed: int = 0) -> list[JudgedRow]:
    """The rows in an order that depends on their ids and the seed only, not on the file."""

    def rank(one: JudgedRow) -> str:
        return hashlib.sha256(f"budget {seed}:{one.id}".encode("utf-8", "replace")).hexdigest()

    return sorted(rows, key=rank)
