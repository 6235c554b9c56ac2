"""Where a second of decoding goes, as one SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.arms.arms import LABELS
from benchmarks.report.summary import SHARES, Column

_COLOURS = ("#1d5b99", "#42b883", "#e09f3e", "#b3541e", "#cccccc")
Bar = tuple[str, Mapping[str, Any]]


def profiles(
    columns: Sequence[Column], before: Iterable[Mapping[str, Any]]
) -> dict[str, list[Bar]]:
    """What a plot shows, of each model's first documents: a name and the shares of every arm.

    Args:
        columns: all that was measured.
        before: rows of an earlier run, as :func:`saved_rows` made them.
    """
    earlier = {(row["place"], row["arm"], row["busy"]): row for row in before}
    firsts = {column.subject: column for column in reversed(columns)}.values()
    found: dict[str, list[Bar]] = {}
    for row in saved_rows(list(firsts)[::-1]):
        place, label = row["place"], LABELS[row["arm"]]
        label += ", one core busy" if row["busy"] else ""
        for name, shares in ((label, row), (f"{label}, before", earlier.get(_key(row), {}))):
            if shares.get("decoding") is not None:
                found.setdefault(place, []).append((name, shares))
    return found


def saved_rows(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Every row as a dictionary, with ``place``: model and documents."""
    return [
        {"place": f"{column.subject}: {column.documents}", **vars(row)}
        for column in columns
        for row in (*column.rows.values(), *column.busy.values())
    ]


def _key(row: Mapping[str, Any]) -> tuple[str, str, bool]:
    return row["place"], row["arm"], row["busy"]


def plot_profiles(path: Path, bars: Mapping[str, Sequence[Bar]]) -> None:
    """Draw where a second goes, an arm a bar.

    Args:
        path: SVG to write; appears when it is complete.
        bars: from :func:`profiles`.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "setaccio"
    from matplotlib import pyplot

    heights = [len(series) for series in bars.values()]
    size = (10, 1.6 + 0.36 * sum(heights))
    figure, axes = pyplot.subplots(
        len(bars), 1, figsize=size, layout="constrained", height_ratios=heights, squeeze=False
    )
    for axis, (place, series) in zip(axes.flat, bars.items(), strict=True):
        names = [name for name, _ in series]
        left = [0.0] * len(series)
        for (share, label), colour in zip(SHARES.items(), _COLOURS, strict=True):
            widths = [shares[share] or 0.0 for _, shares in series]
            axis.barh(names, widths, left=left, color=colour, label=label, height=0.7)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axis.invert_yaxis()
        axis.set_xlim(0, 1)
        axis.set_title(place, loc="left", fontsize=11)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    temporary = path.with_name(f".{path.name}.part")
    figure.savefig(temporary, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    temporary.replace(path)
