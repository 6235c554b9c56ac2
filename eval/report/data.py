"""What a run folder holds, read back for the report, the figures and the Parquet file.

``comparison.json`` and ``scores.jsonl`` are needed. ``config.json`` brings the task,
``documents.jsonl`` the texts with their gold, ``predictions-*.jsonl`` the outputs, ``sweep.json``
the knee of a sweep; the report says so where one of them is missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Pair, Problem, read_jsonl
from setaccio.data.task.task import Json, Task, parse_task
from setaccio.eval.result import decoding, make_label, ranked_fields, shown_fields
from setaccio.eval.scoring.counts import OUTCOMES
from setaccio.eval.stats.summary import Interval

Record = dict[str, Any]
LEVELS = (("l1", "L1"), ("l2", "L2"), ("l3", "L3"))
OUTCOME_WORDS: dict[str, str] = {
    name: "missing" if name == "omitted" else name for name in OUTCOMES
}
"""What a reader sees for each outcome."""


@dataclass(frozen=True)
class ReportArm:
    """One arm of the run.

    Attributes:
        name: what the table calls the model.
        decoding: ``schema``, ``free``, or empty when unknown.
        model: file name of the model, or whatever made the outputs.
        size_bytes: size of the model's file; None when unknown.
        sha256: its hash; empty when unknown.
        summary: the arm's numbers, as in ``comparison.json``.
        scores: lines of ``scores.jsonl`` by document.
        outputs: lines of ``predictions-*.jsonl`` by document, the oldest first; an earlier model
            may have left some for the same document.
        aliases: key name of its outputs to the task's.
        peak_memory: most resident memory while it ran, in bytes; None when unknown.
        joules: energy that it took; None where it was not metered.
        alone: whether the name alone says which arm it is, all of them having decoded alike.
    """

    name: str
    decoding: str
    model: str
    size_bytes: int | None
    sha256: str
    summary: Record
    scores: dict[str, Record]
    outputs: dict[str, list[Record]]
    aliases: dict[str, str]
    peak_memory: int | None = None
    joules: float | None = None
    alone: bool = False

    @property
    def label(self) -> str:
        """Name and decoding, such as ``tuned schema``; the name where all decoded alike."""
        return self.name if self.alone else f"{self.name} {self.decoding}".rstrip()

    def estimate(self, key: str) -> Interval | None:
        """A number of the summary that has an interval; None when there is none of that name."""
        return as_estimate(self.summary.get(key))

    def field(self, path: str) -> Record:
        """The summary of one field; empty when the arm has none of that name."""
        found: Record = self.summary.get("fields", {}).get(path, {})
        return found

    def headline(self, path: str) -> float | None:
        """Micro F1 of a list, the rate of right values of anything else."""
        found = self.field(path)
        score = as_estimate(found.get("score"))
        f1 = as_estimate(found.get("f1"))
        return f1.mean if f1 else score.mean if score else None


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        folder: where it is.
        name: of the task.
        task: the task; None when ``config.json`` does not say.
        config: what was asked; empty when the file is missing.
        comparison: ``comparison.json`` as it is.
        arms: in the order in which they are shown.
        ids: of the documents, in the order of the scores.
        documents: texts and gold by id; empty when the folder holds none.
        markdown: the table for a README; empty when the file is missing.
        knee: name of the arm at the knee of a sweep; empty when the run is none.
    """

    folder: Path
    name: str
    task: Task | None
    config: Record
    comparison: Record
    arms: tuple[ReportArm, ...]
    ids: tuple[str, ...]
    documents: dict[str, Pair]
    markdown: str
    knee: str

    @property
    def fields(self) -> list[str]:
        """Paths of all fields that were scored, in schema order, then as they were met."""
        return ranked_fields(*self._field_names())

    @property
    def shown_fields(self) -> list[str]:
        """The fields that have a column: those of the schema, where it has any."""
        return shown_fields(*self._field_names())

    def _field_names(self) -> tuple[list[list[str]], list[str]]:
        met = [list(arm.summary.get("fields", {})) for arm in self.arms]
        return met, list(self.task.fields if self.task else ())


def as_estimate(value: Json) -> Interval | None:
    """A mean with its interval from its JSON form; a bare number has none around it."""
    if isinstance(value, dict) and {"mean", "low", "high"} <= value.keys():
        return Interval(float(value["mean"]), float(value["low"]), float(value["high"]))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Interval(float(value), float(value), float(value))
    return None


def read_run(folder: str | Path, pairs: Sequence[Pair] | None = None) -> Run:
    """Read a run folder.

    Args:
        folder: the folder that ``setaccio eval --out`` wrote.
        pairs: texts and gold, for a folder without ``documents.jsonl``.

    Returns:
        All that the folder holds.

    Raises:
        UsageError: there is no such folder, or no comparison in it.
        DataError: one of its files can not be read.
    """
    folder = Path(folder)
    for name in ("comparison.json", "scores.jsonl"):
        if not (folder / name).is_file():
            raise UsageError(f"{folder}: no {name} in it. Name a folder that eval --out wrote.")
    comparison = _json(folder / "comparison.json")
    config = _json(folder / "config.json") if (folder / "config.json").is_file() else {}
    table, sweep = folder / "comparison.md", folder / "sweep.json"
    scores = _lines(folder / "scores.jsonl")
    return Run(
        folder=folder,
        name=str(comparison.get("task", "")),
        task=parse_task(config["task"], str(folder)) if "task" in config else None,
        config=config,
        comparison=comparison,
        arms=_arms(folder, comparison, config, scores),
        ids=tuple(dict.fromkeys(str(row["id"]) for row in scores)),
        documents={pair.id: pair for pair in _pairs(folder, pairs)},
        markdown=table.read_text(encoding="utf-8") if table.is_file() else "",
        knee=str(_json(sweep).get("knee", "")) if sweep.is_file() else "",
    )


def _pairs(folder: Path, pairs: Sequence[Pair] | None) -> Sequence[Pair]:
    if pairs is not None:
        return pairs
    file = folder / "documents.jsonl"
    if not file.is_file():
        return ()
    # Outputs that bring their gold may have no text, which pairs to learn from must have.
    return [Pair(str(row["id"]), str(row["text"]), row["gold"]) for row in _lines(file)]


def _arms(
    folder: Path, comparison: Record, config: Record, scores: list[Record]
) -> tuple[ReportArm, ...]:
    outputs: dict[str, dict[str, list[Record]]] = {}
    for file in sorted(folder.glob("predictions-*.jsonl")):
        for row in _lines(file):
            made = outputs.setdefault(str(row.get("arm", "")), {})
            made.setdefault(str(row.get("id")), []).append(row)
    configured = config.get("arms", [])
    alike = len({str(arm.get("constraint", "")) for arm in comparison.get("arms", [])}) == 1
    arms = []
    for at, arm in enumerate(comparison.get("arms", [])):
        name, constraint = str(arm["name"]), str(arm.get("constraint", ""))
        facts = configured[at] if at < len(configured) else {}
        arms.append(
            ReportArm(
                name=name,
                decoding=decoding(constraint),
                model=str(arm.get("model", "")),
                size_bytes=arm.get("size_bytes"),
                sha256=str(arm.get("sha256") or ""),
                summary=arm["summary"],
                scores={
                    str(row["id"]): row
                    for row in scores
                    if row["arm"] == name and row.get("constraint", "") == constraint
                },
                outputs=outputs.get(make_label(name, constraint), {}),
                aliases=dict(facts.get("aliases") or {}),
                peak_memory=arm.get("peak_memory"),
                joules=arm.get("joules"),
                alone=alike,
            )
        )
    return tuple(arms)


def _json(file: Path) -> Record:
    try:
        value = json.loads(file.read_bytes())
    except (ValueError, OSError) as error:
        raise DataError(f"{file}: can not be read ({error}). Run eval again.") from error
    if not isinstance(value, dict):
        raise DataError(f"{file}: not a JSON object. Run eval again.")
    return value


def _lines(file: Path) -> list[Record]:
    """Lines that are objects; a line that a kill cut off is left out."""
    with file.open("rb") as stream:
        items = list(read_jsonl(stream, str(file)))
    return [
        item[1] for item in items if not isinstance(item, Problem) and isinstance(item[1], dict)
    ]
