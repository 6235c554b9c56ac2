"""Outputs that were made elsewhere, so that other tools stand in the same table.

A predictions file is JSON Lines of ``{"id", "raw"}`` (the text that came out) or ``{"id", "data"}``
(a JSON value). ``model`` is optional and makes one row of the table per value; ``status`` and
``seconds`` are used where they are there; ``gold`` serves when no pairs are given. Keys that are
named otherwise than in the task are declared, not guessed: ``{"steps": "directions"}``.

    >>> read_predictions("outputs.jsonl", {"steps": "directions"})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Pair, Problem, read_jsonl
from setaccio.data.task.task import Json, Task, dump_compact
from setaccio.eval.arms.arms import AnyArm, OutputSource, Row, Setting, hash_parts
from setaccio.eval.scoring.score import read_answer, rename_keys

_KEPT: dict[str, Any] = {
    "status": str,
    "finish_reason": str,
    "message": str,
    "seconds": (int, float),
    "prompt_tokens": int,
    "completion_tokens": int,
    "confidence": dict,
    "spans": dict,
}
"""What a line may say beside the output, and of which type it must be to be used."""


@dataclass(frozen=True)
class RecordedArm(AnyArm):
    """Outputs of one model that were made elsewhere.

    Attributes:
        name: what the table calls the model.
        constraint: ``schema``, ``none``, or empty when the file does not say.
        rows: lines of the file by document id.
        source: the file.
        aliases: name that the outputs use to the task's name of the same key, at any depth.
    """

    name: str
    constraint: str
    rows: Mapping[str, Row] = field(repr=False)
    source: Path
    aliases: Mapping[str, str] = field(default_factory=dict)

    def under(self, name: str) -> RecordedArm:
        """The same outputs under another name."""
        return replace(self, name=name)

    def open(self, setting: Setting) -> OutputSource:
        """Read nothing more: the lines are here."""
        return _RecordedSource(self, setting.task)


class _RecordedSource(OutputSource):
    """Rows of a file in the form that every arm's rows have."""

    def __init__(self, arm: RecordedArm, task: Task) -> None:
        self.arm, self.task = arm, task
        self.model = arm.name

    @property
    def facts(self) -> dict[str, Json]:
        return {"predictions": self.arm.source.name, "aliases": dict(self.arm.aliases)}

    def key(self, pair: Pair) -> str:
        row, aliases = self.arm.rows.get(pair.id), dict(self.arm.aliases)
        return hash_parts(pair.id, row, aliases, self.task.digest)

    def rows(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        for pair in pairs:
            row = self.arm.rows.get(pair.id)
            if row is None:
                yield {"id": pair.id, "status": "missing", "raw": "", "data": None}
                continue
            written = isinstance(row.get("raw"), str)
            raw = row["raw"] if written else dump_compact(row.get("data"))
            aliases = dict(self.arm.aliases)
            answer = read_answer(raw, self.task, aliases) if written else None
            renamed = answer.value if answer else rename_keys(row.get("data"), aliases)
            kept = {key: row[key] for key in _KEPT if isinstance(row.get(key), _KEPT[key])}
            yield {**kept, "id": pair.id, "raw": raw, "data": renamed}


def read_predictions(
    file: str | Path, aliases: Mapping[str, str] | None = None
) -> list[RecordedArm]:
    """Read a file of outputs as arms of a comparison.

    Args:
        file: the predictions, as the module says.
        aliases: name that the outputs use to the task's name of the same key, at any depth.

    Returns:
        One arm per ``model`` and ``constraint`` in the file.

    Raises:
        DataError: a line can not be used, an id comes twice, or there is nothing.
        UsageError: there is no such file.
    """
    file = Path(file)
    return [
        RecordedArm(model, constraint, rows, file, dict(aliases or {}))
        for (model, constraint), rows in _read(file).items()
    ]


def check_ids(arms: Sequence[RecordedArm], pairs: Sequence[Pair]) -> None:
    """Refuse outputs for documents that are not among the pairs.

    Raises:
        DataError: an id has no pair; one is named.
    """
    known = {pair.id for pair in pairs}
    for arm in arms:
        unknown = sorted(arm.rows.keys() - known)
        if unknown:
            raise DataError(
                f"{arm.source}: no gold for {len(unknown)} of its ids, such as {unknown[0]!r}. "
                "Use the ids of the pairs."
            )


def _read(file: Path) -> dict[tuple[str, str], dict[str, Row]]:
    """Lines by model and constraint, then by id."""
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{file}: can not be read ({error.strerror}).") from error
    groups: dict[tuple[str, str], dict[str, Row]] = {}
    for item in read_jsonl(lines, str(file)):
        if isinstance(item, Problem):
            raise DataError(f"{item}. Repair this line.")
        number, row = item
        if not isinstance(row, dict) or "id" not in row or not ("raw" in row or "data" in row):
            raise DataError(f"{file}:{number}: a prediction is {{id, raw}} or {{id, data}}.")
        if not isinstance(row.get("raw"), str | None):
            raise DataError(
                f"{file}:{number}: raw is no text. Give the text that came out, or a value as data."
            )
        group = groups.setdefault(
            (str(row.get("model") or file.stem), str(row.get("constraint") or "")), {}
        )
        if str(row["id"]) in group:
            raise DataError(f"{file}:{number}: id {row['id']!r} comes twice for one model.")
        group[str(row["id"])] = row
    if not groups:
        raise DataError(f"{file}: no prediction in it. Each line is {{id, raw}} or {{id, data}}.")
    return groups


def own_gold(arm: RecordedArm) -> list[Pair]:
    """The pairs that an arm's own lines make; a text is empty where they have none.

    Raises:
        DataError: a line has no gold object.
    """
    pairs = []
    for name, row in arm.rows.items():
        if not isinstance(row.get("gold"), dict):
            raise DataError(
                f"{arm.source}: no gold object for id {name!r}. Give the pairs with --pairs."
            )
        pairs.append(Pair(name, str(row.get("text", "")), row["gold"]))
    return pairs
