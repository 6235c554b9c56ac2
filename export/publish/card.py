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

import yaml

from setaccio.data.errors import ExportError
from setaccio.data.records import atomic_write
from setaccio.data.task.task import Task
from setaccio.export.inputs import TASK_FILE
from setaccio.export.publish.report import HEADER, LEGEND, REPORT, proof, read_report, table

CARD = "README.md"
OTHER_CARD = "MODEL_CARD.md"
MARK = "<!-- Written by setaccio export. -->"


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
    metrics = _metrics(evaluation) if evaluation else []
    path = own_card(folder)
    with atomic_write(path) as stream:
        stream.write(_text(report, task, metrics, licence))
    return path


def own_card(folder: Path) -> Path:
    """Where the card goes: another hand's README.md is left alone."""
    path = folder / CARD
    if path.is_file() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        return folder / OTHER_CARD
    return path


def markdown_rows(header: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _text(
    report: dict[str, Any], task: Task | None, metrics: list[str], licence: str | None
) -> str:
    head = {
        "license": licence,
        "base_model": report["provenance"].get("base_model", report["model"]),
        "library_name": "gguf",
        "pipeline_tag": "text-generation",
        "tags": ["gguf", "structured-extraction", "setaccio"],
    }
    kept = {key: value for key, value in head.items() if value}
    parts = [
        f"---\n{yaml.safe_dump(kept, sort_keys=False)}---\n{MARK}",
        f"# {report['name']}",
        *_use(report, task),
        *_origin(report, licence),
        *_quantisations(report),
        *metrics,
        *_limits(task),
    ]
    return "\n\n".join(parts) + "\n"


def _use(report: dict[str, Any], task: Task | None) -> list[str]:
    first = report["files"][0]["path"]
    if task is None:
        return ["A language model in GGUF form.", f"    setaccio extract notes.txt --model {first}"]
    fields = ", ".join(f"`{field}`" for field in task.fields) or "what its schema names"
    return [
        "## Intended use",
        f"Extracts {fields} from a text as JSON that fits a schema (task `{task.name}`: "
        f"{task.instruction}). The files carry the task, so no schema has to be given:",
        f"    setaccio extract notes.txt --model {first}",
        f"With Ollama: `ollama create {first.removesuffix('.gguf')} -f Modelfile`, then ask with "
        "the schema as the request's `format`, as `ollama-request.json` does.",
        f"```json\n{json.dumps(task.json_schema, indent=2, ensure_ascii=False)}\n```",
    ]


def _origin(report: dict[str, Any], licence: str | None) -> list[str]:
    known = report["provenance"]
    lines = [f"- Base model: {known.get('base_model', report['model'])}"]
    if known.get("base_sha256"):
        lines.append(f"- SHA-256 of the base's weights: `{known['base_sha256']}`")
    if known.get("training_data_sha256"):
        lines.append(f"- SHA-256 of the training pairs: `{known['training_data_sha256']}`")
    if known.get("training_pairs"):
        lines.append(f"- Training pairs: {known['training_pairs']}")
    merged = report["merge"]
    if merged:
        lines.append(
            f"- A LoRA adapter, merged into the {merged['into']} base: {merged['changed']} of "
            f"{merged['tensors']} weights changed"
        )
        if merged.get("whole"):
            lines.append(f"- Trained whole beside the adapter: {', '.join(merged['whole'])}")
        lines += [
            f"- Loss on held-out answers, {name}: {loss:.4f} nats per token"
            for name, loss in merged["losses"].items()
        ]
    lines.append(
        f"- Licence: {licence or 'not stated; the terms of the base model and of the data apply'}"
    )
    return ["## Data and licence", "\n".join(lines)]


def _quantisations(report: dict[str, Any]) -> list[str]:
    parts = ["## Quantisations", markdown_rows(HEADER, table(report["files"])), LEGEND]
    parts.append("\n".join(f"- {line}" for line in proof(report)))
    model = report["transformers"]
    if model:
        parts.append(
            f"The transformers model itself has a perplexity of {model['perplexity']:.4f} on the "
            f"same {model['pairs']} pairs ({model['positions']} tokens)."
        )
    return parts


def _limits(task: Task | None) -> list[str]:
    said = "Small models err: what comes out has the right form, which does not make it true."
    return ["## Limits", said] if task else []


def _metrics(evaluation: Path) -> list[str]:
    path = evaluation / "comparison.json" if evaluation.is_dir() else evaluation
    try:
        arms = json.loads(path.read_text(encoding="utf-8"))["arms"]
        rows = [_arm(arm) for arm in arms]
    except OSError as error:
        raise ExportError(f"{path}: can not be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path}: not a comparison of setaccio eval ({error}).") from error
    header = ("model", "decoding", "L1", "L2", "L3", "s/doc", "documents")
    legend = "L1: valid JSON. L2: valid against the schema. L3: every field agrees with gold."
    return ["## Metrics", markdown_rows(header, rows), legend]


def _arm(arm: dict[str, Any]) -> list[str]:
    summary = arm["summary"]
    levels = [f"{summary[level]['mean']:.1%}" for level in ("l1", "l2", "l3")]
    seconds = summary["seconds_mean"]
    decoding = {"schema": "schema", "none": "free"}.get(arm["constraint"], arm["constraint"])
    speed = "-" if seconds is None else f"{seconds:.2f}"
    return [arm["model"], decoding, *levels, speed, str(summary["documents"])]
