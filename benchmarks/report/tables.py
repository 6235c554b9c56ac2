"""Numbers as Markdown, and into a document between its markers: whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.arms.arms import LABELS
from benchmarks.report.summary import NEAR_TIE, Column, Row
from benchmarks.report.targets import TARGETS, Target
from setaccio.data.errors import UsageError
from setaccio.data.files.atomic import atomic_write

BEGIN = "<!-- benchmarks: begin -->"
END = "<!-- benchmarks: end -->"


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


def share(value: float | None, digits: int = 0) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def targets(columns: Sequence[Column]) -> str:
    """Every promise beside what was measured; what is missed is bold."""
    rows = []
    for target in TARGETS:
        values = [target.value(column) for column in columns]
        known = [value for value in values if value is not None]
        missed = sum(not target.met(value) for value in known)
        verdict = "not measured" if not known else "met" if not missed else "missed"
        if 0 < missed < len(known):
            verdict = f"{len(known) - missed} of {len(known)} met"
        rows.append([target.what, target.wanted, *(_cell(target, v) for v in values), verdict])
    places = [f"{column.subject}, {column.documents}" for column in columns]
    return table(["target", "wanted", *places, ""], rows)


def _cell(target: Target, value: float | None) -> str:
    words = number(value) + (" %" if "%" in target.wanted and value is not None else "")
    return words if value is None or target.met(value) else f"**{words}**"


def speeds(rows: Sequence[Row]) -> str:
    """What an arm does in its time, and what it answers."""
    head = ["", "documents", "documents/min", "tokens/s", "s/document", "first document, s"]
    head += ["answer, tokens", "valid", "as our serial arm"]
    lines = []
    for row in rows:
        slow = [number(row.per_document, 3), number(row.first_s), number(row.answer_tokens)]
        fast = [number(row.per_minute), number(row.tokens_per_second)]
        says = [share(row.valid), share(row.agree)]
        lines.append([_label(row), f"{row.documents:.0f}", *fast, *slow, *says])
    return table(head, lines)


def costs(rows: Sequence[Row]) -> str:
    """What an arm takes."""
    head = ["", "grammar, ms/token", "passes/token", "outside passes", "reading, GFLOP/s"]
    head += ["decoding, GFLOP/s", "waiting", "peak, MB", "set-up, s"]
    lines = []
    for row in rows:
        passes = [number(row.mask_ms), number(row.passes), share(row.overhead, 1)]
        rates = [number(rate and rate / 1e9) for rate in (row.reading_rate, row.decoding_rate)]
        process = [share(row.waiting), number(row.peak_mb), number(row.setup_s)]
        lines.append([_label(row), *passes, *rates, *process])
    return table(head, lines)


def _label(row: Row) -> str:
    return LABELS[row.arm] + (", one core busy" if row.busy else "")


def machine_words(facts: Mapping[str, Any], columns: Sequence[Column]) -> str:
    """What the machine can do, and machine and versions in a sentence or two."""
    head = ["", "float32 products, GFLOP/s", "weights' type", "its products, GFLOP/s"]
    lines = []
    for column in columns:
        if found := column.roofline:
            rates = [number(found[name] / 1e9) for name in ("float32", "weights")]
            lines.append([column.subject, rates[0], found["kind"], rates[1]])
    memory = max((c.roofline["bandwidth"] for c in columns if c.roofline), default=None)
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    words = (
        f"**{facts['level']}** is what llama.cpp was compiled for, {facts['cpu_level']} what the "
        f"processor has: {facts['cpu']}, {facts['threads']} threads. Memory is read and written "
        f"at {number(memory and memory / 1e9)} GB/s.\n"
    )
    rest = (
        f"{facts['parallel']} documents at once where an arm can, {facts['memory_gib']} GiB, "
        f"{facts['platform']}, Python {facts['python']}; {versions}. llama.cpp as "
        f"llama-cpp-python built it: {facts['compiler'] or 'unknown'}, {facts['llama_features']}\n"
    )
    return "\n".join([words, table(head, lines), rest] if lines else [words, rest])


def notes(column: Column) -> list[str]:
    """What no table says: agreement, memory over many documents, what failed."""
    found = []
    if of := column.agreement:
        found.append(
            f"Of {of['of']:.0f} answers of documents decoded together with guesses, "
            f"{of['same']:.0f} are the same to the last character as one at a time without. Of the "
            f"others {of['near']:.0f} part at a near tie (logarithmic probabilities within "
            f"{NEAR_TIE}); the greatest distance was {number(of['margin'], 3)}.\n"
        )
    if column.endurance:
        sizes = [number(size / 1e6) for size in column.endurance["resident_bytes"]]
        found.append(
            f"Resident after a tenth, half and all of {column.endurance['documents']:,} documents: "
            f"{', '.join(sizes)} MB.\n"
        )
    return found + [f"**{name} failed**: {why}\n" for name, why in column.failures.items()]


def report(
    facts: Mapping[str, Any],
    columns: Sequence[Column],
    labels: Mapping[str, str],
    image: str,
) -> str:
    """All of it.

    Args:
        facts: from :func:`benchmarks.measure.machine`.
        columns: all that was measured.
        labels: of models and document sets, by their names.
        image: path of the plot as the document says it; empty for none.
    """
    parts = [machine_words(facts, columns), "## Targets\n", targets(columns)]
    if image:
        parts += ["## Where a second goes\n", f"![Where a second of decoding goes]({image})\n"]
    for column in columns:
        subject, documents = (labels.get(n, n) for n in (column.subject, column.documents))
        rows = [*column.rows.values(), *column.busy.values()]
        parts.append(f"## {subject}: {column.documents}\n")
        parts += [f"{documents[:1].upper()}{documents[1:]}.\n", speeds(rows), costs(rows)]
        parts += notes(column)
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
