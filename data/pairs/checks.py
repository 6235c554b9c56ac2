"""Look over pairs before anything is trained on them.

Contract: ``check_pairs`` reports and changes nothing. Given several parts of a data set it also
finds what leaks from one into another. Its findings are:

    invalid          the gold does not fit the task's schema
    empty            the text, or a field of the gold, is empty
    ungrounded       too few of the gold's words occur in the text, or most of its fields are not
                     in it at all: they may not belong together
    too_long         the text, or text and gold in tokens, is longer than allowed
    duplicate_id     an id occurs twice in one part
    duplicate        the same text again, within a part or across parts
    same_text        the same text but for case, punctuation and spacing
    near_duplicate   almost the same text in another part

A single value that does not stand in its text may be a good answer in other words. Such values are
counted by field in ``report.absent`` and are no findings.

    report = check_pairs({"train": train, "test": test}, task)
    report.ok, report.counts, report.render()
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from setaccio.data.pairs.gold_values import GoldEvidence, Value, absent_fields, share_of
from setaccio.data.pairs.near_duplicates import NEAR, Known
from setaccio.data.records import Pair
from setaccio.data.task.task import Task

Rows = Iterable[Pair] | Iterable[tuple[int, Pair]]

KINDS = {
    "invalid": "gold that does not fit the schema",
    "empty": "empty text or gold fields",
    "ungrounded": "gold not found in its text",
    "too_long": "over-long rows",
    "duplicate_id": "ids that occur twice",
    "duplicate": "duplicate texts",
    "same_text": "duplicates but for case, punctuation, spacing",
    "near_duplicate": "near-duplicates across parts",
}
MAX_CHARS = 8000
MIN_GROUNDED = 0.4
_QUOTED = 60


@dataclass(frozen=True)
class Finding:
    """One thing to look at.

    Attributes:
        kind: a key of ``KINDS``.
        part: the name of the part of the data that the pair is in.
        id: the pair's id.
        line: its line in the file, or its place in its part, from 1.
        message: what was found.
    """

    kind: str
    part: str
    id: str
    line: int
    message: str

    def __str__(self) -> str:
        """Render as ``part:line (id): message``."""
        return f"{self.part}:{self.line} ({self.id}): {self.message}"


@dataclass
class Absent:
    """A field's values that do not stand in their texts.

    Attributes:
        rows: how many pairs have a value in this field.
        places: a finding for each of those pairs in which some value is absent.
    """

    rows: int = 0
    places: list[Finding] = field(default_factory=list)


@dataclass
class CheckReport:
    """What ``check_pairs`` found.

    Attributes:
        sizes: number of pairs by part.
        findings: in the order in which the pairs came; near-duplicates last.
        absent: by field, where values do not stand in the text; no findings.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    absent: dict[str, Absent] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by kind, every kind named."""
        counted = Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in KINDS}

    def as_dict(self) -> dict[str, Any]:
        """The whole report as plain data, for JSON."""
        return {
            "sizes": dict(self.sizes),
            "counts": self.counts,
            "findings": [dict(vars(finding)) for finding in self.findings],
            "absent": {
                name: {"rows": each.rows, "places": [dict(vars(place)) for place in each.places]}
                for name, each in self.absent.items()
                if each.places
            },
        }

    def render(self, examples: int = 3) -> str:
        """Write the report as lines of text.

        Args:
            examples: how many findings of each kind, and absent values of each field, to show.
        """
        sizes = ", ".join(f"{size} in {part}" for part, size in self.sizes.items())
        total = sum(self.sizes.values())
        lines = [f"{total} pairs checked ({sizes}), {len(self.findings)} findings"]
        for kind, count in self.counts.items():
            lines.append(f"{count:7d}  {KINDS[kind]}")
            lines += _shown((each for each in self.findings if each.kind == kind), count, examples)
        noted = {name: each for name, each in self.absent.items() if each.places}
        if noted:
            lines.append(
                "Not counted, to be looked over: values of which few words stand in the text"
            )
        for name, each in noted.items():
            count = len(each.places)
            lines.append(f"{count:7d}  of {each.rows} pairs in {name}")
            lines += _shown(each.places, count, examples)
        return "\n".join(lines)


def _shown(findings: Iterable[Finding], count: int, examples: int) -> list[str]:
    shown = [f"         {finding}" for finding in islice(findings, examples)]
    return [*shown, f"         and {count - len(shown)} more"] if count > len(shown) > 0 else shown


def check_pairs(
    pairs: Rows | Mapping[str, Rows],
    task: Task,
    *,
    max_chars: int = MAX_CHARS,
    min_grounded: float = MIN_GROUNDED,
    near: float = NEAR,
) -> CheckReport:
    """Check pairs against their task and one another.

    Args:
        pairs: the pairs, or parts of a data set by name (``{"train": ..., "test": ...}``); as
            ``(line, pair)`` where they are not one to a line.
        task: for its schema; leaves that the schema restricts to given values need not occur in
            the text.
        max_chars: longest text, in characters.
        min_grounded: least share, 0 to 1, of the gold's words that must occur in the text.
        near: least similarity, 0 to 100, at which texts of two parts are near-duplicates.

    Returns:
        The report; nothing is raised for bad pairs.
    """
    parts = pairs if isinstance(pairs, Mapping) else {"pairs": pairs}
    report = CheckReport()
    known = Known(near)
    grounding = GoldEvidence(task)
    for part, rows in parts.items():
        report.sizes[part] = 0
        for place, row in enumerate(rows, start=1):
            line, pair = row if isinstance(row, tuple) else (place, row)
            report.sizes[part] = place

            def note(kind: str, message: str, at: tuple[str, str, int]) -> None:
                report.findings.append(Finding(kind, *at, message))

            at = (part, pair.id, line)
            for message in task.problems(pair.gold):
                note("invalid", message, at)
            for message in _empty(pair):
                note("empty", message, at)
            values = grounding.values(pair)
            for message in _ungrounded(values, min_grounded):
                note("ungrounded", message, at)
            _note_absent(report, values, at)
            if len(pair.text) > max_chars:
                note("too_long", f"{len(pair.text)} characters, at most {max_chars} allowed", at)
            for kind, message in known.compare(part, line, pair):
                note(kind, message, at)
    return report


def doubt_of_labels(pairs: Sequence[Pair]) -> str:
    """What is to be said of pairs that models labelled and no person has seen; empty where there
    are none.
    """
    found = Counter(pair.labelled_by for pair in pairs if pair.labelled_by)
    if not found:
        return ""
    names = ", ".join(name for name, _ in found.most_common(3))
    more = ", ..." if len(found) > 3 else ""
    return (
        f"The gold of {found.total()} of {len(pairs)} pairs was written by {names}{more} and seen "
        "by no person: figures say how far answers agree with it, not how right they are. Look "
        "them over with setaccio review."
    )


def _empty(pair: Pair) -> Iterator[str]:
    if not pair.text.strip():
        yield "the text is empty"
    if not pair.gold:
        yield "the gold is empty"
    yield from (f"{path} is empty" for path in _empty_parts(pair.gold))


def _empty_parts(value: Any, path: str = "$") -> Iterator[str]:
    # Null is no finding: it says that there is nothing, and the schema says whether it may.
    if value in ("", [], {}) or (isinstance(value, str) and not value.strip()):
        yield path
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _empty_parts(part, f"{path}.{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _empty_parts(part, f"{path}[{index}]")


def _ungrounded(values: list[Value], least: float) -> Iterator[str]:
    share, missing = share_of(values)
    gone, fields = absent_fields(values)
    if share < least:
        yield f"{share:.0%} of the gold's words occur; not: {missing}"
    elif least and len(gone) > fields / 2:  # a long field must not hide that others are invented
        yield f"{len(gone)} of {fields} fields do not stand in the text: {', '.join(gone)}"


def _note_absent(report: CheckReport, values: list[Value], at: tuple[str, str, int]) -> None:
    first: dict[str, Value | None] = dict.fromkeys((value.field for value in values), None)
    for value in values:
        if value.absent and first[value.field] is None:
            first[value.field] = value
    for name, absent in first.items():
        each = report.absent.setdefault(name, Absent())
        each.rows += 1
        if absent:
            said = absent.text if len(absent.text) <= _QUOTED else absent.text[:_QUOTED] + "..."
            place = Finding("absent", *at, json.dumps(said, ensure_ascii=False))
            each.places.append(place)
