"""The model card: what a GGUF was made from, how it was proven, and what it is for.

Contract: ``write_card(folder)`` writes ``README.md`` from the folder's ``export.json`` and
``task.json``, with a comparison of ``setaccio eval`` as metrics where one is given. It reads
nothing else, so a card can be written again when an evaluation exists. The head is the metadata
that model hubs read (https://huggingface.co/docs/hub/model-cards).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import yaml

from setaccio.data.errors import ExportError
from setaccio.data.records import atomic_write
from setaccio.data.task.task import Task
from setaccio.export.inputs import TASK_FILE
from setaccio.export.publish.report import (
    HEADER,
    LEGEND,
    REPORT,
    is_foreign,
    proof,
    read_report,
    table,
)

CARD = "README.md"
OTHER_CARD = "MODEL_CARD.md"
MARK = "<!-- Written by setaccio export. -->"

# Markdown, in which nothing is escaped.
_TEMPLATES = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent))  # noqa: S701


def write_card(folder: Path, *, evaluation: Path | None = None, licence: str | None = None) -> Path:
    """Write the model card of an exported folder.

    Args:
        folder: holds ``export.json``.
        evaluation: ``comparison.json`` of ``setaccio eval --out``, or the folder with it.
        licence: an SPDX identifier such as ``apache-2.0``.

    Returns:
        ``README.md``, or ``MODEL_CARD.md`` where a README.md of another hand is there.

    Raises:
        ExportError: no export in the folder, or the evaluation can not be read.
    """
    try:
        report = read_report(folder)
    except ValueError as error:
        raise ExportError(f"{folder / REPORT}: not JSON ({error}).") from error
    if not report:
        raise ExportError(f"{folder}: no {REPORT} here. Export a run into this folder first.")
    task = None
    if (folder / TASK_FILE).is_file():
        text = (folder / TASK_FILE).read_text(encoding="utf-8")
        task = Task.from_metadata(text, source=str(folder / TASK_FILE))
    head = {
        "license": licence,
        "base_model": report["provenance"].get("base_model", report["model"]),
        "library_name": "gguf",
        "pipeline_tag": "text-generation",
        "tags": ["gguf", "structured-extraction", "setaccio"],
    }
    kept = {key: value for key, value in head.items() if value}
    card = _TEMPLATES.get_template("card.md.jinja").render(
        head=yaml.safe_dump(kept, sort_keys=False),
        mark=MARK,
        report=report,
        task=task,
        fields=", ".join(f"`{field}`" for field in task.fields) if task else "",
        schema=json.dumps(task.json_schema, indent=2, ensure_ascii=False) if task else "",
        licence=licence,
        table=markdown_rows(HEADER, table(report["files"])),
        legend=LEGEND,
        proof=proof(report),
        metrics=_metrics(evaluation) if evaluation else "",
    )
    path = own_card(folder)
    with atomic_write(path) as stream:
        stream.write(card.rstrip("\n") + "\n")
    return path


def own_card(folder: Path) -> Path:
    """Where the card goes: another hand's README.md is left alone."""
    return folder / (OTHER_CARD if is_foreign(folder / CARD, MARK) else CARD)


def markdown_rows(header: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _metrics(evaluation: Path) -> str:
    path = evaluation / "comparison.json" if evaluation.is_dir() else evaluation
    try:
        arms = json.loads(path.read_text(encoding="utf-8"))["arms"]
        rows = [_arm(arm) for arm in arms]
    except OSError as error:
        raise ExportError(f"{path}: can not be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path}: not a comparison of setaccio eval ({error}).") from error
    header = ("model", "decoding", "L1", "L2", "L3", "s/doc", "documents")
    return markdown_rows(header, rows)


def _arm(arm: dict[str, Any]) -> list[str]:
    summary = arm["summary"]
    levels = [f"{summary[level]['mean']:.1%}" for level in ("l1", "l2", "l3")]
    seconds = summary["seconds_mean"]
    decoding = {"schema": "schema", "none": "free"}.get(arm["constraint"], arm["constraint"])
    speed = "-" if seconds is None else f"{seconds:.2f}"
    return [arm["model"], decoding, *levels, speed, str(summary["documents"])]
