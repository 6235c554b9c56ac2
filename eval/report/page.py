"""The report's HTML: ``templates/page.html`` filled, everything inside one file.

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
from pathlib import Path
from typing import Any

from markupsafe import Markup

from setaccio.data.task.task import Json, dump_compact
from setaccio.eval.report.canvas import TEMPLATES, Canvas
from setaccio.eval.report.data import OUTCOME_WORDS, Run
from setaccio.eval.report.tables import (
    details_columns,
    difference_cells,
    headline_columns,
    run_facts,
)
from setaccio.eval.table import DIFFERENCE_LEGEND, LEGEND

ASSETS = Path(__file__).parent / "assets"
STYLES = ("base.css", "documents.css", "print.css")
SCRIPTS = ("data.js", "list.js", "detail.js", "main.js")


def render_page(run: Run, charts: dict[str, Canvas], documents: dict[str, Any]) -> str:
    """The whole page.

    Args:
        run: what the folder holds.
        charts: canvases by name.
        documents: what the script needs, ready for JSON.

    Returns:
        HTML that can be encoded as UTF-8.
    """
    fields = [chart for name, chart in charts.items() if name.startswith("field_")]
    task = run.config.get("task")
    page = TEMPLATES.get_template("page.html").render(
        run=run,
        charts={"cost": None, "reliability": None, **charts},
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
        data=Markup(embed_json(documents)),  # noqa: S704 - escaped for a script element
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
