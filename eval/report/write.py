"""Write the report of a run: one HTML file that opens from disk, without network or server.

    >>> from setaccio.eval.report.write import report
    >>> report("runs/recipes")
    PosixPath('runs/recipes/report.html')

It is made from what the run folder holds (:mod:`setaccio.eval.report.data`) and can be made again
at any time: headline table, charts, and every document with its source, gold and predictions.
:func:`setaccio.eval.figures.figures` writes the same charts as files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from setaccio.data.records import Pair, atomic_write
from setaccio.eval.report.canvas import ARM_COLOURS, Canvas
from setaccio.eval.report.charts import field_chart, levels_chart, radar_chart
from setaccio.eval.report.cost_charts import cost_chart, reliability_chart
from setaccio.eval.report.data import LEVELS, Run, read_run
from setaccio.eval.report.documents import document_payload
from setaccio.eval.report.page import render_page

GREATEST_FIELD_CHARTS = 24
"""Fields that get a chart; ``comparison.json`` has the numbers of all."""


def write_report(
    folder: str | Path,
    pairs: Sequence[Pair] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``report.html`` into a run folder.

    Args:
        folder: the folder that ``setaccio eval --out`` wrote.
        pairs: texts and gold, for a folder without ``documents.jsonl``.
        progress: told documents done and documents in all.

    Returns:
        The file.

    Raises:
        UsageError: there is no such folder, no comparison in it, or it can not be written.
        DataError: one of its files can not be read.
    """
    run = read_run(folder, pairs)
    documents: list[dict[str, Any]] = []
    for name in run.ids:
        documents.append(document_payload(run, name))
        if progress:
            progress(len(documents), len(run.ids))
    page = render_page(run, charts(run), _payload(run, documents))
    file = run.folder / "report.html"
    with atomic_write(file) as stream:
        stream.write(page)
    return file


def charts(run: Run) -> dict[str, Canvas]:
    """Every chart of a run by its name, in the order of the report."""
    drawn = [levels_chart(run), radar_chart(run)]
    drawn += [field_chart(run, path) for path in run.shown_fields[:GREATEST_FIELD_CHARTS]]
    drawn += filter(None, (cost_chart(run), reliability_chart(run)))
    named: dict[str, Canvas] = {}
    for canvas in drawn:
        while canvas.name in named:  # fields whose names differ in signs that no file name has
            canvas.name += "_"
        named[canvas.name] = canvas
    return named


def _payload(run: Run, documents: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page's script reads."""
    statuses = {str(row.get("status", "")) for arm in run.arms for row in arm.scores.values()}
    fields = dict.fromkeys(path.partition(".")[0] for path in run.fields)
    scores = [found.mean if (found := arm.estimate("score")) else 0.0 for arm in run.arms]
    return {
        "arms": [arm.label for arm in run.arms],
        "start": scores.index(max(scores)) if scores else 0,
        "levels": [title for _, title in LEVELS],
        "fields": list(fields),
        "statuses": sorted(statuses, key=lambda status: (status != "ok", status)),
        "colours": ARM_COLOURS,
        "documents": documents,
    }
