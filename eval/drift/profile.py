"""What a file of results looks like, gathered row by row: a few numbers of each document.

    >>> profile, problems = read_profile("results.jsonl")
    >>> profile.rows, profile.statuses["ok"]

A document counts once in everything, as documents are what can be exchanged: of a list its length
is taken, and nothing of its items, which are as many as a document pleases.
"""

from __future__ import annotations

import zlib
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

MOST_CATEGORIES = 10_000
"""Different values of a field beyond which they are counted in :data:`GROUPS` groups."""
GROUPS = 1000
LONGEST_CATEGORY = 64
LONG = "(long)"
"""What longer values are counted as."""
LARGEST = 1e15
"""Beyond it a number is a fault of the file, and sums and charts would overflow."""
Measures = list[tuple[str, float]]
_STATUSES = frozenset(get_args(Status))
_NOTHING_READ = frozenset({"error", "truncated_input"})
_KINDS = {str: "text", int: "number", float: "number", bool: "yes-no", list: "list"}


@dataclass
class DriftProfile:
    """One file's documents, as distributions.

    Attributes:
        rows: documents.
        answered: those with an object as their data.
        statuses: documents by status.
        numbers: what was measured of each document that has it, by name.
        present: answered documents in which a field is not null, by its path.
        kinds: counts of a field's kinds of value (``text``, ``number``...) by its path.
        categories: counts of a field's texts and yes-no values by its path.
        grouped: paths of which groups of values are counted, as there are too many.
        models: what made the rows.
        tasks: what they are rows of.
    """

    rows: int = 0
    answered: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, array[float]] = field(default_factory=dict)
    present: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    categories: dict[str, Counter[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)
    models: Counter[str] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row of results in.

        Raises:
            OverflowError: it holds a number that is too large; nothing of it is counted then.
        """
        data = row["data"]
        answer = data if isinstance(data, dict) else None
        measured = [*_token_counts(row), *_answer_measures(row, answer)]
        if any(abs(value) > LARGEST for _, value in measured):
            raise OverflowError("a number too large")
        self.rows += 1
        self.statuses[row["status"]] += 1
        self.models[str(row.get("model", ""))] += 1
        self.tasks[str(row.get("task", ""))] += 1
        for name, value in measured:
            self._measure(name, value)
        if answer is not None:
            self.answered += 1
            for path, value in _fields(answer):
                self._note(path, value)

    def values(self, path: str, *, grouped: bool) -> Counter[str]:
        """Counts of a field's values, or of groups of them, by which any two files compare."""
        counts = self.categories[path]
        return _in_groups(counts) if grouped and path not in self.grouped else counts

    def _measure(self, name: str, value: float) -> None:
        self.numbers.setdefault(name, array("d")).append(value)

    def _note(self, path: str, value: Any) -> None:
        if value is None:
            self.present.setdefault(path, 0)
            return
        self.present[path] += 1
        self.kinds.setdefault(path, Counter())[_KINDS[type(value)]] += 1
        if isinstance(value, list):
            self._measure(f"{path}: items", len(value))
        elif isinstance(value, str | bool):
            self._categorise(path, str(value).lower() if isinstance(value, bool) else value)

    def _categorise(self, path: str, value: str) -> None:
        counts = self.categories.setdefault(path, Counter())
        name = value if len(value) <= LONGEST_CATEGORY else LONG
        counts[_group(name) if path in self.grouped else name] += 1
        if len(counts) > MOST_CATEGORIES:
            self.categories[path] = _in_groups(counts)
            self.grouped.add(path)


def _token_counts(row: Mapping[str, Any]) -> Measures:
    if row["status"] in _NOTHING_READ:
        return []
    named = (("text tokens", "prompt_tokens"), ("answer tokens", "completion_tokens"))
    known = ((name, row.get(key)) for name, key in named)
    return [(name, float(one)) for name, one in known if isinstance(one, int | float)]


def _answer_measures(row: Mapping[str, Any], data: dict[str, Any] | None) -> Measures:
    if data is None:
        return []
    filled = [at for at, value in leaves(data) if value not in (None, "")]
    found: Measures = [("values", len(filled))]
    spans = row.get("spans")
    if isinstance(spans, Mapping) and filled:
        found.append(("ungrounded share", sum(at not in spans for at in filled) / len(filled)))
    for name, combine in (("confidence", fmean), ("removed", max)):
        known = row.get(name)
        chances = [
            float(one)
            for one in (known.values() if isinstance(known, Mapping) else ())
            if isinstance(one, int | float)
        ]
        if chances:
            found.append((name, combine(chances)))
    return found


def _group(value: str) -> str:
    """A group that depends on the value alone, so that rows of both files fall in alike."""
    return f"(group {zlib.crc32(value.encode(errors='surrogatepass')) % GROUPS})"


def _in_groups(counts: Counter[str]) -> Counter[str]:
    grouped = Counter[str]()
    for value, count in counts.items():
        grouped[_group(value)] += count
    return grouped


def _fields(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Scalars and lists of an object by path, those of nested objects as ``author.name``."""
    for key, value in data.items():
        name = key if key and "." not in key else f'"{key}"'  # not to be taken for a path
        path = f"{before}.{name}" if before else name
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
                    try:
                        profile.add(item[1])
                    except OverflowError:
                        problems.append(Problem(str(path), item[0], "holds a number too large"))
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror}).") from error
    if not profile.rows:
        first = f" ({problems[0]})" if problems else ""
        raise DataError(
            f"{path}: no row of results in it{first}. Give what setaccio extract wrote."
        )
    return profile, problems


def _is_row(value: Any) -> bool:
    if not isinstance(value, dict) or "data" not in value:
        return False
    status = value.get("status")
    return isinstance(status, str) and status in _STATUSES
