"""Numbers as Markdown, and into a document between its markers: whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.arms.arms import LABELS
from benchmarks.random_models.models import SUBJECTS
from benchmarks.report.summary import Row, Verdict
from setaccio.data.errors import UsageError
from setaccio.data.files.atomic import atomic_write

BEGIN = "<!-- benchmarks: begin -->"
END = "<!-- benchmarks: end -->"
GROWTH = (
    ("documents", "documents", "per_minute", "Documents a minute, by number of documents"),
    ("documents", "documents", "peak_mib", "Peak memory, MiB"),
    ("length", "tokens", "per_document", "Seconds a document, by its length in tokens or so"),
    (
        "fields",
        "properties",
        "tokens_per_second",
        "Answer tokens a second, by the schema's properties",
    ),
    ("fields", "properties", "setup_s", "Seconds to load, compile and warm up"),
)
"""Group, what grows, the number that is shown, title."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def number(value: float | None, digits: int = 2) -> str:
    """A number for a table: three significant digits or so, a dash where there is none."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else digits}f}"


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.0f}%"


def targets(verdicts: Sequence[Verdict]) -> str:
    """Ratios beside their targets."""
    rows = []
    for verdict in verdicts:
        unit = f" {verdict.unit}" if verdict.unit else ""
        wanted = f"{'≤' if verdict.at_most else '≥'} {verdict.target:.2f}{unit}"
        met = "met" if verdict.met else "**missed**"
        rows.append([verdict.what, f"{verdict.value:.2f}{unit}", wanted, met])
    return table(["ratio", "measured", "target", ""], rows)


def speeds(rows: Sequence[Row]) -> str:
    """What an arm does in its time."""
    head = ["", "documents/min", "tokens/s", "s/document", "first document, s", "answer, tokens"]
    lines = []
    for row in rows:
        slow = [number(row.per_document, 3), number(row.first_s, 3)]
        fast = [number(row.per_minute), number(row.tokens_per_second)]
        lines.append([LABELS[row.arm], *fast, *slow, number(row.answer_tokens)])
    return table(head, lines)


def costs(rows: Sequence[Row]) -> str:
    """What an arm takes."""
    head = ["", "grammar, ms/token", "passes/token", "outside passes", "peak, MiB", "set-up, s"]
    head += ["valid", "as the transcript"]
    lines = []
    for row in rows:
        outside = "–" if row.overhead is None else f"{100 * row.overhead:.1f}%"
        passes = [number(row.mask_ms), number(row.passes), outside]
        process = [number(row.peak_mib), number(row.setup_s)]
        lines.append([LABELS[row.arm], *passes, *process, share(row.valid), share(row.right)])
    return table(head, lines)


def growth(head: str, rows: Mapping[str, Sequence[tuple[int, Row]]], what: str) -> str:
    """One number's growth, an arm a row.

    Args:
        head: name of what grows.
        rows: by arm, the sizes and their measurements.
        what: attribute of :class:`benchmarks.report.summary.Row`.
    """
    sizes = sorted({size for series in rows.values() for size, _ in series})
    lines = []
    for arm, series in rows.items():
        known = {size: getattr(row, what) for size, row in series}
        lines.append([LABELS[arm], *(number(known.get(size), 3) for size in sizes)])
    return table([head, *(f"{size:,}" for size in sizes)], lines)


def machine_words(facts: Mapping[str, Any]) -> str:
    """Machine and versions in a sentence or two."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['cpu']}, {facts['threads']} threads, {facts['parallel']} documents at once where "
        f"an arm can, {facts['memory_gib']} GiB, {facts['platform']}, Python {facts['python']}; "
        f"{versions}. llama.cpp as llama-cpp-python built it: {facts['compiler'] or 'unknown'}, "
        f"{facts['llama_features']}\n"
    )


def report(
    facts: Mapping[str, Any],
    rows: Sequence[Row],
    verdicts: Sequence[Verdict],
    grown: Mapping[str, Mapping[str, Sequence[tuple[int, Row]]]],
    image: str,
    failures: Mapping[str, str],
) -> str:
    """All of it.

    Args:
        facts: from :func:`benchmarks.measure.machine`.
        rows: the comparison.
        verdicts: the ratios.
        grown: by group (``documents``, ``length``, ``fields``), arm and size.
        image: path of the plot as the document says it; empty for none.
        failures: parts that failed, with why.
    """
    parts = [machine_words(facts)]
    parts += [f"**{name} failed**: {why}\n" for name, why in failures.items()]
    if verdicts:
        parts += ["## Targets\n", targets(verdicts)]
    for model in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == model]
        parts += [f"## {SUBJECTS[model].label}\n", speeds(own), costs(own)]
    if grown:
        parts.append("## Growth\n")
        if image:
            parts.append(f"![Growth with documents, document length and schema size]({image})\n")
    for group, unit, what, title in GROWTH:
        if grown.get(group):
            parts += [f"{title}:\n", growth(unit, grown[group], what)]
    return "\n".join(parts)


def write_between(path: Path, text: str) -> None:
    """Replace what stands between a document's markers, whole or not at all.

    Args:
        path: the document.
        text: Markdown.

    Raises:
        UsageError: it has no such markers.
    """
    old = path.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UsageError(f"{path}: the lines {BEGIN} and {END} are missing. Put them in.")
    with atomic_write(path) as stream:
        stream.write(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
