"""The comparison as a table: one set of rows for the terminal and for Markdown.

The columns are the model, how it was decoded, the three levels, one number per field (micro F1 of a
list, the rate of right values of anything else), seconds per document and the number of documents.
Rates are percentages. A field of a nested object is shown by its path.

Below it stand the details (:func:`detail_rows`: score and ANLS* with their intervals, strict
agreement, leaves, cost) and the paired differences (:func:`difference_rows`), in which what chance
alone may have made is marked as noise.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from setaccio.eval.formats import fixed, megabytes, percent
from setaccio.eval.result import ArmResult, Comparison, decoding, shown_fields
from setaccio.eval.scoring.fields import SCORING
from setaccio.eval.scoring.normalise import NORMALISATION, STEPS
from setaccio.eval.stats.summary import FieldSummary, Interval, Summary

LEGEND = (
    "L1: valid JSON. L2: valid against the schema. L3: the document as a whole is right. "
    "exact: right to the last field. "
    "F1: list items, micro average. s/doc: mean wall seconds per document."
)
DETAIL_LEGEND = (
    "Brackets: 95% bootstrap interval. ANLS*: scalar of arXiv:2402.03848. Quantity, unit, name, "
    "strict: texts that begin with a quantity, each part and all together. Correct to "
    "hallucinated: leaves. Strict L1: nothing but JSON."
)
DIFFERENCE_LEGEND = (
    "Paired differences in points with their 95% bootstrap interval; noise: chance alone may make "
    "as much (for L1 to L3 and exact also by McNemar's exact test)."
)
PARTS = {"quantity": "quantity", "unit": "unit", "name": "name", "agreed": "strict"}
"""Parts of strict agreement, and how their columns are called."""

_SHORT = ("L1", "L2", "L3", "exact", "score")
GREATEST_FIELDS = 6  # more columns than this fit no terminal; comparison.json has all


def field_names(comparison: Comparison) -> list[str]:
    """Paths of the fields that have a column, in schema order, then as they were met."""
    summaries = [arm.summary.fields for arm in comparison.arms]
    return shown_fields(summaries, comparison.task.fields)[:GREATEST_FIELDS]


def header(comparison: Comparison) -> list[str]:
    """Column titles."""
    fields = [_title(comparison, path) for path in field_names(comparison)]
    return ["model", "decoding", "L1", "L2", "L3", "exact", *fields, "s/doc", "docs"]


def field_title(path: str, is_list: bool) -> str:
    """Title of a field's column."""
    return f"{path} {'F1' if is_list else 'right'}"


def has_quantities(gold: int, leaves: int) -> bool:
    """Whether so many of a field's gold texts begin with a quantity that strict columns tell."""
    return 2 * gold >= leaves > 0


def table_rows(comparison: Comparison) -> list[list[str]]:
    """Cells, one row per arm, in the order of :func:`header`."""
    paths = field_names(comparison)
    return [_row(arm, paths) for arm in comparison.arms]


def _title(comparison: Comparison, path: str) -> str:
    found = [arm.summary.fields[path] for arm in comparison.arms if path in arm.summary.fields]
    return field_title(path, bool(found) and found[0].f1 is not None)


def _row(arm: ArmResult, paths: list[str]) -> list[str]:
    summary = arm.summary
    fields = [_field(summary.fields.get(path)) for path in paths]
    costs = [fixed(summary.seconds_mean, 2), str(summary.documents)]
    exact = percent(summary.exact.mean) if summary.exact else "-"
    levels = [*level_cells(summary), exact]
    return [arm.name, decoding(arm.constraint, "-"), *levels, *fields, *costs]


def level_cells(summary: Summary) -> list[str]:
    """L1, L2 and L3 as percentages."""
    return [percent(one.mean) for one in (summary.l1, summary.l2, summary.l3)]


def _field(field: FieldSummary | None) -> str:
    if field is None:
        return "-"
    return percent(field.headline) if field.f1 is None else f"{field.headline:.3f}"


def detail_rows(comparison: Comparison) -> list[list[str]]:
    """What has no room in the first table, header first; columns that nothing fills are left out.

    A field has strict columns where at least half of its gold texts begin with a quantity.
    """
    measured = [path for path in field_names(comparison) if _is_measured(comparison, path)]
    head = ["model", "decoding", "score", "ANLS*"]
    head += [f"{path} {part}" for path in measured for part in PARTS.values()]
    head += ["correct", "wrong", "omitted", "hallucinated", "strict L1", "calibration", "grounded"]
    head += ["tokens/s", "memory MB", "model MB", "J/doc", "status"]
    lines = [head, *(_details(arm, measured) for arm in comparison.arms)]
    kept = [at for at in range(len(head)) if any(line[at] != "-" for line in lines[1:])]
    return [[line[at] for at in kept] for line in lines]


def _is_measured(comparison: Comparison, path: str) -> bool:
    found = [arm.summary.fields.get(path) for arm in comparison.arms]
    known = [field.strict for field in found if field and field.strict]
    return any(has_quantities(strict.gold, strict.leaves) for strict in known)


def _details(arm: ArmResult, measured: list[str]) -> list[str]:
    summary = arm.summary
    cells = [arm.name, decoding(arm.constraint, "-")]
    cells += [interval(summary.score), interval(summary.anls)]
    for path in measured:
        field = summary.fields.get(path)
        strict = field.strict if field else None
        cells += [percent(getattr(strict, name)) if strict else "-" for name in PARTS]
    leaves = summary.leaves
    cells += [str(n) for n in (leaves.correct, leaves.wrong, leaves.omitted, leaves.hallucinated)]
    calibration, grounding = summary.calibration, summary.grounding
    per_document = arm.joules / summary.documents if arm.joules is not None else None
    return [
        *cells,
        percent(summary.l1_strict.mean),
        fixed(calibration.ece_equal_mass if calibration else None, 3),
        percent(grounding.rate) if grounding else "-",
        fixed(summary.tokens_per_second, 0),
        megabytes(arm.peak_memory or None, 0),
        megabytes(arm.size_bytes or None),
        fixed(per_document, 1),
        ", ".join(f"{name} {count}" for name, count in summary.statuses.items()),
    ]


def interval(estimate: Interval | None) -> str:
    """A mean with its 95% interval, such as ``0.812 [0.780, 0.841]``."""
    if estimate is None:
        return "-"
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def difference_rows(comparison: Comparison) -> list[list[str]]:
    """Paired differences in points, header first; nothing when no two arms can be compared."""
    groups = comparison.differences
    if not groups:
        return []
    titles = list(dict.fromkeys(one.metric for group in groups for one in group))
    paths = field_names(comparison)
    titles = [one for one in titles if " " not in one or one.rpartition(" ")[0] in paths]
    lines = [["from", "to", *titles]]
    for group in groups:
        found = {one.metric: one.short() for one in group}
        lines.append([group[0].before, group[0].after, *(found.get(one, "-") for one in titles)])
    return lines


def difference_lines(comparison: Comparison) -> list[str]:
    """The same for a terminal: one line per pair of arms, levels and score only."""
    return [
        f"{group[0].before} to {group[0].after}: "
        + "; ".join(f"{one.metric} {one.short()}" for one in group if one.metric in _SHORT)
        for group in comparison.differences
    ]


def rich_table(comparison: Comparison) -> Table:
    """The table for a terminal, with the paired differences below it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for at, title in enumerate(header(comparison)):
        table.add_column(title, justify="left" if at < 2 else "right")
    for row in table_rows(comparison):
        table.add_row(*row)
    lines = difference_lines(comparison)
    if lines:
        table.caption_justify = "left"
        # As text, since square brackets would be read as markup.
        table.caption = Text("\n".join(["", DIFFERENCE_LEGEND, *lines]))
    return table


def markdown_table(comparison: Comparison) -> str:
    """The same tables in Markdown, with lines that say what columns and models are."""
    files = {arm.name: arm.model for arm in comparison.arms if arm.model != arm.name}
    names = "\n".join(f"- {name}: `{file}`" for name, file in files.items())
    differences = difference_rows(comparison)
    parts = [
        markdown([header(comparison), *table_rows(comparison)], 2),
        LEGEND,
        names,
        markdown(detail_rows(comparison), 2),
        DETAIL_LEGEND,
        markdown(differences, 2) if differences else "",
        DIFFERENCE_LEGEND if differences else "",
        f"Text normalisation {NORMALISATION} ({', '.join(STEPS)}), scoring {SCORING}.",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def markdown(rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """A table in Markdown.

    Args:
        rows: cells, the header first.
        text_columns: how many columns from the left are words; the others are set to the right.
    """
    head, *body = rows
    marks = [":--" if at < text_columns else "--:" for at in range(len(head))]
    lines = [head, marks, *body]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)
