"""What a file of results looks like, gathered row by row: a few numbers of each document.

    >>> profile, problems = read_profile("results.jsonl")
    >>> profile.rows, profile.statuses["ok"]

A document counts once in everything, as documents are what can be exchanged: of a list its length
is taken, and nothing of its items, which are as many as a document pleases.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Problem, read_jsonl
from setaccio.data.schema.pointers import leaves
from setaccio.runtime.extraction import Status

MOST_CATEGORIES = 50
"""Different values beyond which a field of one file is no enumeration."""
LONGEST_CATEGORY = 64
_STATUSES = frozenset(get_args(Status))
_NOTHING_READ = frozenset({"error", "truncated_input"})


@dataclass
class DriftProfile:
    """One file's documents, as distributions.

    Attributes:
        rows: documents.
        answered: those with an object as their data.
        statuses: documents by status.
        numbers: what was measured of each document that has it, by name.
        present: answered documents in which a field is not null, by its path.
        categories: counts of a field's values by its path; None where there are too many.
        models: what made the rows.
        tasks: what they are rows of.
    """

    rows: int = 0
    answered: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, array[float]] = field(default_factory=dict)
    present: Counter[str] = field(default_factory=Counter)
    categories: dict[str, Counter[str] | None] = field(default_factory=dict)
    models: Counter[str] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row of results in."""
        self.rows += 1
        self.statuses[row["status"]] += 1
        self.models[str(row.get("model", ""))] += 1
        self.tasks[str(row.get("task", ""))] += 1
        if row["status"] not in _NOTHING_READ:
            for name, key in (
                ("text tokens", "prompt_tokens"),
                ("answer tokens", "completion_tokens"),
            ):
                if isinstance(row.get(key), int | float):
                    self._measure(name, row[key])
        data = row["data"]
        if isinstance(data, dict):
            self.answered += 1
            self._measure_answer(row, data)
            for path, value in _fields(data):
                self._note(path, value)

    def _measure(self, name: str, value: float) -> None:
        self.numbers.setdefault(name, array("d")).append(float(value))

    def _measure_answer(self, row: Mapping[str, Any], data: dict[str, Any]) -> None:
        filled = [at for at, value in leaves(data) if value not in (None, "")]
        self._measure("values", len(filled))
        spans = row.get("spans")
        if isinstance(spans, Mapping) and filled:
            self._measure("ungrounded share", sum(at not in spans for at in filled) / len(filled))
        for name, combine in (("confidence", fmean), ("removed", max)):
            known = row.get(name)
            chances = [
                float(one)
                for one in (known.values() if isinstance(known, Mapping) else ())
                if isinstance(one, int | float)
            ]
            if chances:
                self._measure(name, combine(chances))

    def _note(self, path: str, value: Any) -> None:
        if value is None:
            self.present.setdefault(path, 0)
            return
        self.present[path] += 1
        if isinstance(value, list):
            self._measure(f"{path}: items", len(value))
        elif isinstance(value, str | bool):
            self._categorise(path, str(value).lower() if isinstance(value, bool) else value)

    def _categorise(self, path: str, value: str) -> None:
        counts = self.categories.setdefault(path, Counter())
        if counts is None:
            return
        counts[value] += 1
        if len(counts) > MOST_CATEGORIES or len(value) > LONGEST_CATEGORY:
            self.categories[path] = None


def _fields(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Scalars and lists of an object by path, those of nested objects as ``author.name``."""
    for key, value in data.items():
        path = f"{before}.{key}" if before else key
        if isinstance(value, dict):
            yield from _fields(value, path)
        else:
            yield path, value


def read_profile(path: str | Path) -> tuple[DriftProfile, list[Problem]]:
    """Read a file of results, a row at a time.

    Args:
        path: JSON Lines that ``setaccio extract`` (or an evaluation) wrote.

    Returns:
        What the rows look like, and the lines that are none.

    Raises:
        UsageError: there is no such file.
        DataError: no line of it is a row of results.
    """
    profile, problems = DriftProfile(), list[Problem]()
    try:
        with Path(path).open("rb") as stream:
            for item in read_jsonl(stream, str(path)):
                if isinstance(item, Problem):
                    problems.append(item)
                elif not _is_row(item[1]):
                    problems.append(Problem(str(path), item[0], "no row of results"))
                else:
                    profile.add(item[1])
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror}).") from error
    if not profile.rows:
        raise DataError(f"{path}: no row of results in it. Give what setaccio extract wrote.")
    return profile, problems


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and "data" in value and value.get("status") in _STATUSES
