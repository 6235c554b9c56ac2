"""Is this model worse than the one before? An answer for a person and for a CI.

The earlier run is a run folder that ``setaccio eval --out`` wrote. Arms are paired by name and
decoding, documents by id, and only documents that both runs have count. A loss beyond the
tolerance in L1, L2, L3 or the score fails, noise or not: on the same documents greedy decoding
gives the same numbers each time, so a loss is a fact about these documents. Whether it would show
on others is what the interval says (:mod:`setaccio.eval.studies.losses`).

    >>> found = regression("runs/last-week", comparison, tolerance=0.02)
    >>> found.failed
    []
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Problem, read_jsonl
from setaccio.eval.result import Comparison, decoding, write_study
from setaccio.eval.scoring.normalise import NORMALISATION
from setaccio.eval.studies.losses import MEASURES, Loss, Scores, paired_losses, scores_of
from setaccio.eval.table import markdown

TOLERANCE = 0.02
"""Greatest loss that passes unless another is named: two points of a hundred."""

ArmName = tuple[str, str]
"""Name and constraint."""


@dataclass(frozen=True)
class Regression:
    """A run against an earlier one.

    Attributes:
        against: the earlier run's folder.
        tolerance: greatest loss that passes.
        differences: every measure of every arm that both runs have.
        notes: what makes the two runs less comparable, one sentence each.
    """

    against: Path
    tolerance: float
    differences: tuple[Loss, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> list[Loss]:
        """Losses beyond the tolerance."""
        # A hair of room: means of the same numbers may differ in the last bit.
        return [one for one in self.differences if one.loss > self.tolerance + 1e-12]

    def rows(self) -> list[list[str]]:
        """Cells of the table, header first."""
        lines = [["model", "decoding", "measure", "docs", "before", "after", "loss [95%]", ""]]
        for one in self.differences:
            cells = [one.name, decoding(one.constraint, "-"), one.title, str(one.documents)]
            numbers = [one.show(one.before), one.show(one.after), one.describe_loss()]
            lines.append([*cells, *numbers, "FAILED" if one in self.failed else "ok"])
        return lines

    def describe(self) -> str:
        """The verdict in one sentence."""
        if not self.failed:
            return f"No loss beyond {self.tolerance:g} against {self.against}."
        worst = ", ".join(
            f"{one.name} {one.title} {one.show(one.before)} to {one.show(one.after)}"
            for one in self.failed
        )
        return f"Worse than {self.against} by more than {self.tolerance:g}: {worst}."

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, ready for JSON."""
        return {
            "against": str(self.against),
            "tolerance": self.tolerance,
            "failed": [one.to_dict() for one in self.failed],
            "differences": [one.to_dict() for one in self.differences],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class EarlierRun:
    """What is needed of a run folder.

    Attributes:
        folder: the folder.
        scores: by arm and document.
        config: ``config.json``, or nothing where it is missing.
    """

    folder: Path
    scores: Mapping[ArmName, Scores]
    config: Mapping[str, Any]


def read_earlier(folder: str | Path) -> EarlierRun:
    """Read the scores of a run folder.

    Raises:
        UsageError: it is no run folder.
        DataError: its files are damaged.
    """
    folder = Path(folder)
    file = folder / "scores.jsonl"
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(
            f"{folder}: is no finished run ({file.name}: {error.strerror}). "
            "Make one with: setaccio eval --out"
        ) from error
    scores: dict[ArmName, dict[str, dict[str, float]]] = {}
    for item in read_jsonl(lines, str(file)):
        if isinstance(item, Problem):
            raise DataError(f"{item}. Make the run again.")
        number, row = item
        try:
            arm = (str(row["arm"]), str(row["constraint"]))
            values = {measure: float(row[measure]) for measure in MEASURES}
            scores.setdefault(arm, {})[str(row["id"])] = values
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f"{file}:{number}: is no score. Make the run again.") from error
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    return EarlierRun(folder, scores, config if isinstance(config, dict) else {})


def regression(
    against: EarlierRun | str | Path, comparison: Comparison, *, tolerance: float = TOLERANCE
) -> Regression:
    """Compare a run with an earlier one.

    Args:
        against: the earlier run, or its folder. Where the new run goes into the same folder it
            must be read before.
        comparison: the new run; where it has a folder, ``regression.json`` and ``regression.md``
            are written there.
        tolerance: greatest loss that passes, from 0 to 1.

    Raises:
        UsageError: no run folder, a tolerance out of range.
        DataError: the runs share no arm or no document.
    """
    if not 0 <= tolerance <= 1:
        raise UsageError(f"A tolerance of {tolerance:g} is out of range. Choose from 0 to 1.")
    earlier = against if isinstance(against, EarlierRun) else read_earlier(against)
    now = {(arm.name, arm.constraint): scores_of(arm) for arm in comparison.arms}
    matches, notes = _match(earlier, now)
    found: list[Loss] = []
    for arm, old in matches.items():
        found += paired_losses(*arm, earlier.scores[old], now[arm])
    if not found:
        raise DataError(
            f"{earlier.folder}: no document of that run is in this one. Use the same pairs."
        )
    notes += _what_changed(earlier, comparison, found)
    result = Regression(earlier.folder, tolerance, tuple(found), tuple(notes))
    if comparison.folder:
        said = f"{markdown(result.rows(), 3)}\n{result.describe()}\n"
        write_study(comparison.folder, "regression", result.to_dict(), said)
    return result


def _match(
    earlier: EarlierRun, now: Mapping[ArmName, Scores]
) -> tuple[dict[ArmName, ArmName], list[str]]:
    """Earlier arm of each arm: of the same name, else the only one left of the same decoding."""
    matches = {arm: arm for arm in now if arm in earlier.scores}
    notes = []
    for arm in now:
        left = [old for old in earlier.scores if old not in matches.values() and old[1] == arm[1]]
        same = [new for new in now if new not in matches and new[1] == arm[1]]
        if arm not in matches and len(left) == len(same) == 1:
            matches[arm] = left[0]
            notes.append(f"{arm[0]!r} is compared with {left[0][0]!r}, the only one left.")
        elif arm not in matches:
            notes.append(f"{arm[0]!r} ({arm[1] or 'decoding unknown'}) has no counterpart.")
    if not matches:
        names = " and ".join(
            ", ".join(sorted(f"{name} ({constraint or '-'})" for name, constraint in arms))
            for arms in (earlier.scores, now)
        )
        raise DataError(f"{earlier.folder}: shares no arm with this run: {names}.")
    return {arm: matches[arm] for arm in now if arm in matches}, notes


def _what_changed(earlier: EarlierRun, comparison: Comparison, found: list[Loss]) -> list[str]:
    notes = []
    task, rules = earlier.config.get("task_digest"), earlier.config.get("normalisation")
    if task not in (None, comparison.task.digest):
        notes.append("The task has changed since: instruction, schema, examples or scoring rules.")
    if rules not in (None, NORMALISATION):
        notes.append(
            f"The earlier run was scored under normalisation {rules}, this one under "
            f"{NORMALISATION}. Evaluate the earlier model again into its folder: outputs are "
            "reused and only scored anew."
        )
    before = max(len(scores) for scores in earlier.scores.values())
    shared, after = found[0].documents, len(comparison.arms[0].scores)
    if not before == shared == after:
        notes.append(f"{shared} documents are in both runs, of {before} before and {after} now.")
    return notes
