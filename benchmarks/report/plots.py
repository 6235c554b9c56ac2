"""The growth curves as one SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.arms.arms import LABELS
from benchmarks.report.summary import Row

Series = Mapping[str, Sequence[tuple[int, Row]]]

_COLOURS = {
    "ours-batched-schema": "#0b6e4f",
    "ours-serial-schema": "#42b883",
    "outlines-outlines_core": "#b3541e",
    "outlines-llguidance": "#e09f3e",
    "gbnf": "#6a4c93",
    "server": "#1d5b99",
}
_PANELS = (
    ("documents", "per_minute", "documents a minute", "documents"),
    ("documents", "peak_mib", "peak memory, MiB", "documents"),
    ("length", "per_document", "seconds a document", "document, tokens"),
    ("fields", "tokens_per_second", "answer tokens a second", "properties of the schema"),
)


def plot_growth(path: Path, grown: Mapping[str, Series]) -> None:
    """Draw the growth with documents, document length and schema size.

    Args:
        path: SVG to write; appears when it is complete.
        grown: by group, arm and size.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "setaccio"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for axis, (group, what, title, unit) in zip(axes.flat, _PANELS, strict=True):
        for arm, series in grown.get(group, {}).items():
            sizes = [size for size, _ in series]
            values = [getattr(row, what) for _, row in series]
            axis.plot(sizes, values, marker="o", color=_COLOURS[arm], label=LABELS[arm])
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_title(title, loc="left", fontsize=11)
        axis.set_xlabel(unit)
        axis.grid(color="#dddddd", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    found = {}
    for axis in axes.flat:
        found.update(dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True)))
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=3, frameon=False)
    temporary = path.with_name(f".{path.name}.part")
    figure.savefig(temporary, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    temporary.replace(path)
