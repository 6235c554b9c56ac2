"""Corrections of a person as pairs: some to learn from, some to be measured on and never learned.

Contract: ``read_corrections(file, task, test, ...)`` takes what ``setaccio serve`` and ``setaccio
review`` write. Of a document that was corrected several times the last line counts; which part it
belongs to is decided by the id of its first one, so that it stays there however the file grows.
Everything that a line says of its origin stays with the pair.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from setaccio.data.records import Pair, Problem
    from setaccio.data.task.task import Task

LEAST = 5
"""Held-out corrections below which nothing can be said about a new model."""


class Corrected(NamedTuple):
    """What a file of corrections holds.

    Attributes:
        learned: rows to learn from: pairs, with whatever else their lines say.
        held_out: rows to be measured on.
        notes: what was left out, one sentence each.
    """

    learned: list[dict[str, Any]]
    held_out: list[dict[str, Any]]
    notes: list[str]

    def pairs(self) -> list[Pair]:
        """All of them as pairs."""
        from setaccio.data.records import parse_pair

        return [parse_pair(row, row["id"]) for row in [*self.learned, *self.held_out]]


def read_corrections(
    file: Path, task: Task, test: Sequence[Pair], share: float, *, skip_bad: bool = False
) -> Corrected:
    """Read and divide corrections.

    Args:
        file: JSON Lines of ``{"id", "text", "gold"}`` and more.
        task: what they must be corrections of.
        test: pairs that are measured on; none of their documents may be learned from.
        share: of the corrections that are held out, above 0 and below 1.
        skip_bad: leave out bad lines and gold that breaks the schema instead of refusing them.

    Raises:
        UsageError: no such file.
        DataError: bad lines, no correction of this task, or too few to hold some out.
    """
    rows, notes = _rows(file, skip_bad=skip_bad)
    rows = _of_task(file, rows, task, notes, skip_bad=skip_bad)
    first: dict[str, str] = {}
    last: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["text"], row["id"])
        last.pop(row["text"], None)
        last[row["text"]] = row
    single = list({row["id"]: row for row in last.values()}.values())
    if len(single) < len(rows):
        notes.append(f"{len(rows) - len(single)} lines were corrected again; the last counts.")
    ids, texts = {pair.id for pair in test}, {pair.text for pair in test}
    fit = [row for row in single if row["id"] not in ids and row["text"] not in texts]
    if len(fit) < len(single):
        notes.append(
            f"{len(single) - len(fit)} corrections are of documents of the test part and are left "
            "out: learned from, they would make the comparison worthless."
        )
    return _divided(file, fit, first, share, notes)


def _divided(
    file: Path,
    rows: list[dict[str, Any]],
    first: dict[str, str],
    share: float,
    notes: list[str],
) -> Corrected:
    from setaccio.data.errors import DataError
    from setaccio.data.pairs.splits import random_split
    from setaccio.data.records import origin_of

    names = {row["id"]: origin_of(first[row["text"]]) for row in rows}
    chosen = set(random_split(sorted(set(names.values())), 0, 0.0, share).test)
    held_out = [row for row in rows if names[row["id"]] in chosen]
    learned = [row for row in rows if names[row["id"]] not in chosen]
    if len(held_out) < LEAST or not learned:
        raise DataError(
            f"{file}: of {len(rows)} corrections {len(held_out)} would be held out, and fewer than "
            f"{LEAST} say nothing about a new model. Correct more (about "
            f"{math.ceil(1.5 * LEAST / share)} in all), or hold out more of them: --held-out"
        )
    return Corrected(learned, held_out, notes)


def _rows(file: Path, *, skip_bad: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """All lines that are pairs, each with an id."""
    from setaccio.data.errors import DataError, UsageError
    from setaccio.data.records import Problem, parse_pair, read_jsonl, refuse_problems

    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UsageError(f"{file}: can not be read ({error.strerror}).") from error
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for item in read_jsonl(lines, str(file)):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        number, value = item
        try:
            pair = parse_pair(value, _content_id(value))
        except ValueError as error:
            problems.append(Problem(str(file), number, f"{error} in this line"))
        else:
            rows.append({**value, "id": pair.id})
    if not skip_bad:
        refuse_problems(problems, ", or leave them out with --skip-bad")
    if not rows:
        raise DataError(
            f"{file}: holds no correction. `setaccio serve --corrections` and `setaccio review` "
            "write such files; each line is {id, text, gold}."
        )
    return rows, [f"{problem}: left out." for problem in problems]


def _content_id(value: Any) -> str:
    text = value.get("text") if isinstance(value, dict) else None
    return f"correction-{hashlib.sha256(str(text).encode('utf-8', 'replace')).hexdigest()[:16]}"


def _of_task(
    file: Path, rows: list[dict[str, Any]], task: Task, notes: list[str], *, skip_bad: bool
) -> list[dict[str, Any]]:
    """Rows that are of the task, as far as they say so, and whose gold fits it."""
    from setaccio.data.errors import DataError

    others = {str(row["task"]) for row in rows if row.get("task") not in (None, task.name)}
    if any("schema" in row for row in rows):
        others.add("a schema of their own")
    own = [row for row in rows if row.get("task") in (None, task.name) and "schema" not in row]
    named = ", ".join(sorted(others))
    if not own:
        raise DataError(
            f"{file}: all {len(rows)} corrections are of another task than {task.name}: {named}. "
            "Give the run of that task, or other corrections."
        )
    if len(own) < len(rows):
        notes.append(f"{len(rows) - len(own)} corrections of another task ({named}) are left out.")
    broken = [(row, found[0]) for row in own if (found := task.problems(row["gold"]))]
    if len(broken) == len(own):
        raise DataError(
            f"{file}: no correction fits the schema of {task.name}; of {broken[0][0]['id']}: "
            f"{broken[0][1]}. Are they of another task?"
        )
    if not broken:
        return own
    said = (
        f"the gold of {len(broken)} corrections breaks the schema of {task.name}; the first is "
        f"{broken[0][0]['id']}: {broken[0][1]}"
    )
    if not skip_bad:
        raise DataError(f"{file}: {said}. Repair them, or leave them out with --skip-bad.")
    notes.append(f"{said}; left out.")
    bad = {id(row) for row, _ in broken}
    return [row for row in own if id(row) not in bad]
