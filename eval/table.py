"""The comparison as a table: one set of rows for the terminal and for Markdown.

The columns are the model, how it was decoded, the three levels, one number per field (micro F1 of a
list, the rate of right values of anything else), seconds per document and the number of documents.
Rates are percentages. A field of a nested object is shown by its path.
"""

from __future__ import annotations

from rich import box
from rich.table import Table

from setaccio.eval.result import ArmResult, Comparison
from setaccio.eval.summary import FieldSummary

_DECODING = {"schema": "schema", "none": "free", "": "-"}
LEGEND = (
    "L1: valid JSON. L2: valid against the schema. L3: the document as a whole is right. "
    "F1: list items, micro average. s/doc: mean wall seconds per document."
)
GREATEST_FIELDS = 6  # more columns than this fit no terminal; comparison.json has all


def field_names(comparison: Comparison) -> list[str]:
    """Paths of the fields that have a column, in schema order, then as they were met."""
    met: dict[str, None] = {}
    for arm in comparison.arms:
        met.update(dict.fromkeys(arm.summary.fields))
    order = {name: at for at, name in enumerate(comparison.task.fields)}
    ranked = sorted(met, key=lambda path: order.get(path.partition(".")[0], len(order)))
    known = [path for path in ranked if path.partition(".")[0] in order]
    return (known or ranked)[:GREATEST_FIELDS]


def header(comparison: Comparison) -> list[str]:
    """Column titles."""
    fields = [_title(comparison, path) for path in field_names(comparison)]
    return ["model", "decoding", "L1", "L2", "L3", *fields, "s/doc", "docs"]


def rows(comparison: Comparison) -> list[list[str]]:
    """Cells, one row per arm, in the order of :func:`header`."""
    paths = field_names(comparison)
    return [_row(arm, paths) for arm in comparison.arms]


def _title(comparison: Comparison, path: str) -> str:
    found = [arm.summary.fields[path] for arm in comparison.arms if path in arm.summary.fields]
    return f"{path} {'F1' if found and found[0].f1 is not None else 'right'}"


def _row(arm: ArmResult, paths: list[str]) -> list[str]:
    summary = arm.summary
    levels = [percent(one.mean) for one in (summary.l1, summary.l2, summary.l3)]
    fields = [_field(summary.fields.get(path)) for path in paths]
    seconds = "-" if summary.seconds_mean is None else f"{summary.seconds_mean:.2f}"
    decoding = _DECODING.get(arm.constraint, arm.constraint)
    return [arm.name, decoding, *levels, *fields, seconds, str(summary.documents)]


def _field(field: FieldSummary | None) -> str:
    if field is None:
        return "-"
    return percent(field.headline) if field.f1 is None else f"{field.headline:.3f}"


def percent(rate: float) -> str:
    """A rate as a percentage with one digit, ``100%`` and ``0%`` without it.

    Anything short of all is shown as less than 100%, and anything above none as more than 0%.
    """
    if rate in (0.0, 1.0):
        return f"{rate:.0%}"
    return f"{min(max(rate, 0.001), 0.999):.1%}"


def rich_table(comparison: Comparison) -> Table:
    """The table for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for at, title in enumerate(header(comparison)):
        table.add_column(title, justify="left" if at < 2 else "right")
    for row in rows(comparison):
        table.add_row(*row)
    return table


def markdown_table(comparison: Comparison) -> str:
    """The same table in Markdown, with lines that say what columns and models are."""
    titles = header(comparison)
    lines = [
        titles,
        [":--" if at < 2 else "--:" for at in range(len(titles))],
        *rows(comparison),
    ]
    table = "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )
    files = {arm.name: arm.model for arm in comparison.arms if arm.model != arm.name}
    return (
        f"{table}\n\n{LEGEND}\n" + "".join(f"\n- {name}: `{file}`" for name, file in files.items())
    ).rstrip("\n") + "\n"
