"""What an export made, as a value, as ``export.json`` and as a table.

Contract: ``write_export_report(report, ...)`` writes ``export.json`` beside the files, without
paths of this machine; ``table(files)`` gives the quantisation table's header and rows, which the
command line and the model card both show.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.records import atomic_write
from setaccio.export.gguf.convert import own_version
from setaccio.export.inputs import Inputs
from setaccio.export.merging.proof import MergeReport
from setaccio.export.proof.divergence import HeldOut
from setaccio.export.proof.parity import ParityReport
from setaccio.export.proof.reference import MAX_NEW_TOKENS

REPORT = "export.json"
HEADER = (
    "file", "type", "MB", "same answers", "perplexity", "KL to 16 bits", "same token", "ends",
)  # fmt: skip
LEGEND = (
    "Same answers: greedy answers equal the transformers model's, or at how many positions. "
    "Perplexity, KL (nats per token, from the 16-bit GGUF), same token (most likely one) and ends "
    "(an end token follows the answer) are measured on held-out gold answers."
)


class Exported(NamedTuple):
    """One file.

    Attributes:
        path: the GGUF.
        quantisation: its type.
        predicted_bytes: size said beforehand.
        bytes: size on disk.
        parity: the proof.
        imatrix: whether an importance matrix chose where the bits go.
        alternative: the same type made the other way (without or with a matrix) and not kept, on
            held-out answers.
    """

    path: Path
    quantisation: str
    predicted_bytes: int
    bytes: int
    parity: ParityReport
    imatrix: bool = False
    alternative: HeldOut | None = None


class BaseGguf(NamedTuple):
    """A GGUF that an adapter was proved on.

    Attributes:
        path: the file.
        sha256: its SHA-256 (hex).
        bytes: its size.
        trained_on: whether it is the very file that the adapter was trained on.
    """

    path: Path
    sha256: str
    bytes: int
    trained_on: bool


class ExportReport(NamedTuple):
    """What an export made.

    Attributes:
        folder: where the files are.
        files: one per quantisation, in the order asked for.
        merge: how the merge went, or None when a whole model was exported; its folder is gone
            unless it was to be kept.
        provenance: what was written into the metadata beside the task.
        task: name of the task that the files carry, or None.
        report: the same as JSON.
        conversion: the proof of the 16-bit GGUF that the others were made from.
        transformers: the transformers model on held-out answers, where there are pairs.
        base_gguf: what an adapter was proved on, where its base is a GGUF.
        scores: L1 to L3 of an adapter on its base and of the merged model, one row for each and
            for each decoding, where they were measured.
    """

    folder: Path
    files: tuple[Exported, ...]
    merge: MergeReport | None
    provenance: dict[str, str]
    task: str | None
    report: Path
    conversion: ParityReport | None = None
    transformers: HeldOut | None = None
    base_gguf: BaseGguf | None = None
    scores: tuple[dict[str, Any], ...] = ()


def write_export_report(report: ExportReport, inputs: Inputs) -> None:
    """Write ``export.json``."""
    merged = report.merge._asdict() if report.merge else None
    if merged:
        del merged["path"]
    content: dict[str, Any] = {
        "version": own_version(),
        "name": inputs.name,
        "model": inputs.model.name,
        "adapter": inputs.adapter.name if inputs.adapter else None,
        "task": report.task,
        "provenance": report.provenance,
        "merge": merged,
        "base_gguf": (
            {**report.base_gguf._asdict(), "path": report.base_gguf.path.name}
            if report.base_gguf
            else None
        ),
        "transformers": _held_out(report.transformers),
        "scores": list(report.scores),
        "conversion": _parity(report.conversion) if report.conversion else None,
        "files": [
            {
                **file._asdict(),
                "path": file.path.name,
                "parity": _parity(file.parity),
                "alternative": _held_out(file.alternative),
            }
            for file in report.files
        ],
        "max_new_tokens": MAX_NEW_TOKENS,
    }
    with atomic_write(report.report) as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False)
        stream.write("\n")


def _parity(parity: ParityReport) -> dict[str, Any]:
    changed = {"gguf": parity.gguf.name, "held_out": _held_out(parity.held_out), "ok": parity.ok}
    return {**parity._asdict(), **changed}


def _held_out(measured: HeldOut | None) -> dict[str, Any] | None:
    if measured is None:
        return None
    divergence = {name: value._asdict() for name, value in measured.divergence.items()}
    content = {**measured._asdict(), "divergence": divergence}
    del content["losses"]  # What they say is in the perplexity.
    return content


def table(files: list[dict[str, Any]]) -> list[list[str]]:
    """Rows of the quantisation table, in the order of :data:`HEADER`.

    Args:
        files: ``files`` of an ``export.json``.
    """
    rows = []
    for file in files:
        parity, held_out = file["parity"], file["parity"]["held_out"]
        kind = file["quantisation"] + (" imatrix" if file["imatrix"] else "")
        same = "yes" if parity["greedy_equal"] else f"{parity['top1_agreement']:.1%}"
        row = [file["path"], kind, f"{file['bytes'] / 1e6:.2f}", same]
        rows.append(row + _measured(held_out))
        if file["alternative"]:
            other = "plain" if file["imatrix"] else "imatrix"
            what = f"{file['quantisation']} {other}, not kept"
            rows.append(["", what, "", "", *_measured(file["alternative"])])
    return rows


def proof(content: dict[str, Any]) -> list[str]:
    """What was proven of all files, one sentence each.

    Args:
        content: an ``export.json``.
    """
    files = [(file["quantisation"], file["parity"]) for file in content["files"]]
    if content["conversion"]:
        files.insert(0, ("16 bits", content["conversion"]))
    said = [
        f"{what}: {_where_not(files, key)}"
        for what, key in (
            (f"Token ids of {files[0][1]['prompts']} prompts, a hard text among them", "ids_equal"),
            ("Chat template", "template_equal"),
            ("End token", "eos_equal"),
        )
    ]
    stops = ", ".join(name for name, parity in files if not parity["stops"])
    heeded = f"not heeded in {stops}" if stops else "all heeded"
    said.append(f"Tokens that end an answer: {heeded}")
    name, parity = files[0]
    kl, same = parity["mean_kl"], parity["top1_agreement"]
    line = f"{name} against transformers: KL {kl:.6f}, same token {same:.1%} of greedy answers"
    measured = (parity["held_out"] or {}).get("divergence", {}).get("transformers")
    if measured:
        kl, same = measured["mean_kl"], measured["top1_agreement"]
        line += f"; KL {kl:.6f}, same token {same:.1%} on held-out answers"
    return [*said, line]


def _where_not(files: list[tuple[str, dict[str, Any]]], key: str) -> str:
    wrong = [name for name, parity in files if not parity[key]]
    return f"differs in {', '.join(wrong)}" if wrong else "equal in every file"


def _measured(held_out: dict[str, Any] | None) -> list[str]:
    if held_out is None:
        return ["-"] * 4
    to_full = held_out["divergence"].get("f16")
    kl = f"{to_full['mean_kl']:.5f}" if to_full else "-"
    same = f"{to_full['top1_agreement']:.1%}" if to_full else "-"
    return [f"{held_out['perplexity']:.4f}", kl, same, f"{held_out['ends']:.0%}"]


def is_foreign(path: Path, mark: str) -> bool:
    """Whether a file of another hand is there: one without our mark, which is left alone."""
    return path.is_file() and mark not in path.read_text(encoding="utf-8", errors="replace")


def read_report(folder: Path) -> dict[str, Any]:
    """Read a folder's ``export.json``; empty where there is none.

    Raises:
        ValueError: it is not JSON.
    """
    path = folder / REPORT
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
