"""The report's HTML: tables and charts put into the template, everything inside one file.

Nothing in the page can come from elsewhere or run but its own script: the content security policy
names the hashes of the one style sheet and the one script, forbids every request, and makes the
browser refuse text where a script could be made of it. What the run holds enters the HTML escaped,
the documents as JSON whose ``<``, ``>`` and ``&`` are escaped; the script turns them into text
nodes only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from setaccio.data.task.task import Json, dump_compact
from setaccio.eval.report.canvas import PALETTE, Canvas, palette_css
from setaccio.eval.report.chart_parts import OUTCOME_WORDS
from setaccio.eval.report.data import OUTCOMES, Run
from setaccio.eval.report.tables import (
    details_table,
    differences_table,
    facts_table,
    headline_table,
)
from setaccio.eval.table import LEGEND

ASSETS = Path(__file__).parent / "assets"
STYLES = ("base.css", "documents.css", "print.css")
SCRIPTS = ("data.js", "list.js", "detail.js", "main.js")
_NO_CONFIDENCE = "None of these outputs carries confidences, so there is nothing to calibrate."
_NO_TIMES = "None of these outputs was timed."


def render_page(run: Run, charts: dict[str, Canvas], documents: dict[str, Any]) -> str:
    """The whole page.

    Args:
        run: what the folder holds.
        charts: canvases by name.
        documents: what the script needs, ready for JSON.

    Returns:
        HTML that can be encoded as UTF-8.
    """
    style = palette_css() + "".join(f".b-{name}{{background:var(--{name})}}" for name in PALETTE)
    style += "".join(_asset(name) for name in STYLES)
    script = '(() => {\n"use strict";\n' + "".join(_asset(name) for name in SCRIPTS) + "})();\n"
    cost, reliability = charts.get("cost"), charts.get("reliability")
    fields = [chart for name, chart in charts.items() if name.startswith("field_")]
    count = len(run.ids)
    page = Template(_asset("page.html")).substitute(
        policy=escape(_policy(style, script)),
        style=style,
        script=script,
        data=embed_json(documents),
        title=escape(f"Evaluation: {run.name}"),
        subtitle=escape(
            f"{_count(len(run.arms), 'arm')} on {_count(count, 'document')}; "
            f"task {str(run.comparison.get('task_digest', ''))[:12]}, "
            f"normalisation {run.comparison.get('normalisation', '?')}"
        ),
        headline=headline_table(run),
        details=details_table(run),
        differences=differences_table(run),
        legend=escape(f"{LEGEND} Small figures: 95% bootstrap interval."),
        levels=charts["levels"].to_svg(),
        radar=charts["radar"].to_svg(),
        markdown=_folded("The table as Markdown", run.markdown),
        outcomes=_outcome_key(),
        fields="".join(_field_figure(run, chart) for chart in fields),
        cost=_figure(cost, "The disc's area grows with the model's file")
        if cost
        else _none(_NO_TIMES),
        reliability=_figure(
            reliability, "Leaves by confidence; the diagonal is perfect calibration"
        )
        if reliability
        else _none(_NO_CONFIDENCE),
        provenance=facts_table(run) + _folded("The task", _task(run)),
    )
    # An identifier made from a file name may hold lone surrogates, which UTF-8 can not carry.
    return page.encode("utf-8", "backslashreplace").decode()


def embed_json(value: Json) -> str:
    """JSON that can stand inside a ``<script>`` element: nothing in it can end the element."""
    text = dump_compact(value)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _none(words: str) -> str:
    return f'<p class="quiet">{escape(words)}</p>'


def _figure(chart: Canvas, caption: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{chart.to_svg()}</figure>"


def _folded(title: str, text: str) -> str:
    if not text:
        return ""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def _field_figure(run: Run, chart: Canvas) -> str:
    path = chart.title.removeprefix("Field ")
    method = next((str(a.field(path)["method"]) for a in run.arms if a.field(path)), "")
    caption = f"{escape(path)} <span>{escape(method)}</span>"
    return f"<figure><figcaption>{caption}</figcaption>{chart.to_svg()}</figure>"


def _outcome_key() -> str:
    return "Leaves: " + "".join(
        f'<span><i class="swatch b-{name}"></i>{OUTCOME_WORDS.get(name, name)}</span>'
        for name in OUTCOMES
    )


def _task(run: Run) -> str:
    task = run.config.get("task")
    return json.dumps(task, ensure_ascii=False, indent=2) if task else ""
