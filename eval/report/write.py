"""Write the report of a run: one HTML file that opens from disk, without network or server.

    >>> from setaccio.eval.report.write import write_report
    >>> write_report("runs/recipes")
    PosixPath('runs/recipes/report.html')

It is made from what the run folder holds (:mod:`setaccio.eval.report.data`) and can be made again
at any time: headline table, charts, and every document with its source, gold and predictions.
:func:`setaccio.eval.figures.figures` writes the same charts as files.

Nothing in the page can come from elsewhere or run but its own script: the content security policy
names the hashes of the one style sheet and the one script, forbids every request, and makes the
browser refuse text where a script could be made of it. The templates escape what the run holds;
the documents are JSON whose ``<``, ``>`` and ``&`` are escaped, and the script turns them into
text nodes only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from setaccio.data.records import Pair, atomic_write
from setaccio.data.task.task import Json, dump_compact
from setaccio.eval.report.canvas import ARM_COLOURS, TEMPLATES, Canvas
from setaccio.eval.report.charts import field_chart, levels_chart, radar_chart
from setaccio.eval.report.columns import (
    details_columns,
    difference_cells,
    headline_columns,
    run_facts,
)
from setaccio.eval.report.cost_charts import cost_chart, reliability_chart
from setaccio.eval.report.data import LEVELS, OUTCOME_WORDS, Run, read_run
from setaccio.eval.report.documents import document_payload
from setaccio.eval.table import DIFFERENCE_LEGEND, LEGEND

ASSETS = Path(__file__).parent / "assets"
STYLES = ("base.css", "documents.css", "print.css")
SCRIPTS = ("data.js", "list.js", "detail.js", "main.js")
GREATEST_FIELD_CHARTS = 24
"""Fields that get a chart; ``comparison.json`` has the numbers of all."""


def write_report(folder: str | Path, pairs: Sequence[Pair] | None = None) -> Path:
    """Write ``report.html`` into a run folder.

    Args:
        folder: the folder that ``setaccio eval --out`` wrote.
        pairs: texts and gold, for a folder without ``documents.jsonl``.

    Returns:
        The file.

    Raises:
        UsageError: there is no such folder, no comparison in it, or it can not be written.
        DataError: one of its files can not be read.
    """
    run = read_run(folder, pairs)
    documents = [document_payload(run, name) for name in run.ids]
    page = _render_page(run, charts(run), _payload(run, documents))
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


def _render_page(run: Run, drawn: dict[str, Canvas], payload: dict[str, Any]) -> str:
    """The whole page, such that it can be encoded as UTF-8."""
    fields = [chart for name, chart in drawn.items() if name.startswith("field_")]
    task = run.config.get("task")
    page = TEMPLATES.get_template("page.html").render(
        run=run,
        charts={"cost": None, "reliability": None, **drawn},
        headline=headline_columns(run),
        details=details_columns(run),
        differences=difference_cells(run),
        fields=[_field(run, chart) for chart in fields],
        facts=run_facts(run),
        task=json.dumps(task, ensure_ascii=False, indent=2) if task else "",
        legend=LEGEND,
        difference_legend=DIFFERENCE_LEGEND,
        outcome_words=OUTCOME_WORDS,
        styles=STYLES,
        scripts=SCRIPTS,
        data=Markup(embed_json(payload)),  # noqa: S704 - escaped for a script element
    )
    # An identifier made from a file name may hold lone surrogates, which UTF-8 can not carry.
    return page.encode("utf-8", "backslashreplace").decode()


def embed_json(value: Json) -> str:
    """JSON that can stand inside a ``<script>`` element: nothing in it can end the element."""
    text = dump_compact(value)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _field(run: Run, chart: Canvas) -> tuple[str, str, Canvas]:
    """Path, method of its scoring rule, and chart of a field."""
    path = chart.title.removeprefix("Field ")
    method = next((str(a.field(path)["method"]) for a in run.arms if a.field(path)), "")
    return path, method, chart


def _asset(name: str) -> Markup:
    return Markup((ASSETS / name).read_text(encoding="utf-8"))  # noqa: S704 - a file of ours


def _svg(chart: Canvas) -> Markup:
    return Markup(chart.to_svg())  # noqa: S704 - its template escapes


def _sha256(content: str) -> str:
    """A source expression of the content security policy."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


TEMPLATES.globals.update(asset=_asset, svg=_svg)
TEMPLATES.filters["sha256"] = _sha256
