"""Score outputs that were made elsewhere, so that other tools stand in the same table.

A predictions file is JSON Lines of ``{"id", "raw"}`` (the text that came out) or ``{"id", "data"}``
(a JSON value). ``model`` is optional and makes one row of the table per value; ``status`` and
``seconds`` are used where they are there; ``gold`` serves when no pairs are given. Keys that are
named otherwise than in the task are declared, not guessed: ``{"steps": "directions"}``.

    >>> score_predictions("outputs.jsonl", pairs, task, {"steps": "directions"})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Pair, Problem, read_jsonl
from setaccio.data.task import Json, Task
from setaccio.eval.result import ArmResult, Comparison, score_row
from setaccio.eval.summary import Usage, summarise

Row = dict[str, Json]


def score_predictions(
    file: str | Path,
    pairs: Sequence[Pair] | None,
    task: Task,
    aliases: Mapping[str, str] | None = None,
) -> Comparison:
    """Score a file of outputs against gold.

    Args:
        file: the predictions, as the module says.
        pairs: documents with gold; None takes the ``gold`` of each line.
        task: schema and scoring rules.
        aliases: name that the outputs use to the task's name of the same key, at any depth.

    Returns:
        One arm per ``model`` in the file. A pair without a prediction counts as failed, with the
        status ``missing``.

    Raises:
        DataError: a line can not be used, an id comes twice or has no gold, or there is nothing.
        UsageError: there is no such file.
    """
    file = Path(file)
    groups = _read(file)
    arms = []
    for model, rows in groups.items():
        gold = _own_gold(file, rows) if pairs is None else pairs
        unknown = sorted(rows.keys() - {pair.id for pair in gold})
        if unknown:
            raise DataError(
                f"{file}: no gold for {len(unknown)} of its ids, such as {unknown[0]!r}. "
                "Use the ids of the pairs."
            )
        arms.append(_arm(task, model, rows, gold, dict(aliases or {})))
    return Comparison(task, tuple(arms))


def _arm(
    task: Task, model: str, rows: dict[str, Row], pairs: Sequence[Pair], aliases: dict[str, str]
) -> ArmResult:
    missing: Row = {"status": "missing"}
    found = [rows.get(pair.id, missing) for pair in pairs]
    scores = tuple(
        score_row(task, pair, row, aliases) for pair, row in zip(pairs, found, strict=True)
    )
    timed = all(isinstance(row.get("seconds"), int | float) for row in found)
    usage = [Usage(float(row["seconds"]), 0, 0) for row in found] if timed else []
    constraints = {str(row.get("constraint", "")) for row in found}
    return ArmResult(
        name=model,
        model=model,
        constraint=constraints.pop() if len(constraints) == 1 else "",
        size_bytes=None,
        sha256="",
        summary=summarise(scores, usage),
        scores=scores,
    )


def _read(file: Path) -> dict[str, dict[str, Row]]:
    """Lines by model and id."""
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{file}: can not be read ({error.strerror}).") from error
    groups: dict[str, dict[str, Row]] = {}
    for item in read_jsonl(lines, str(file)):
        if isinstance(item, Problem):
            raise DataError(f"{item}. Repair this line.")
        number, row = item
        if not isinstance(row, dict) or "id" not in row or not ("raw" in row or "data" in row):
            raise DataError(f"{file}:{number}: a prediction is {{id, raw}} or {{id, data}}.")
        group = groups.setdefault(str(row.get("model") or file.stem), {})
        if str(row["id"]) in group:
            raise DataError(f"{file}:{number}: id {row['id']!r} comes twice for one model.")
        group[str(row["id"])] = row
    if not groups:
        raise DataError(f"{file}: no prediction in it. Each line is {{id, raw}} or {{id, data}}.")
    return groups


def _own_gold(file: Path, rows: Mapping[str, Row]) -> list[Pair]:
    def gold_of(name: str, row: Row) -> dict[str, Any]:
        if not isinstance(row.get("gold"), dict):
            raise DataError(f"{file}: no gold object for id {name!r}. Give the pairs with --pairs.")
        gold: dict[str, Any] = row["gold"]
        return gold

    return [Pair(name, str(row.get("text", "")), gold_of(name, row)) for name, row in rows.items()]
