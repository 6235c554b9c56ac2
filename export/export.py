"""From a training run, an adapter or a model folder to proven GGUF files.

Contract: ``export(run, out_dir, quantisations=("q8_0",))`` merges (where there is an adapter),
converts, quantises, compares every file with the merged transformers model and writes
``export.json`` beside the files. A file gets its final name ``<name>-<type>.gguf`` only after its
proof; what fails it is reported and removed.

Command line: ``setaccio export RUN --quant q8_0,q4_k_m``.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import ExportError
from setaccio.data.records import Pair
from setaccio.data.task import Task
from setaccio.export._transformers import require_torch, weight_bytes
from setaccio.export.convert import convert, own_version
from setaccio.export.inputs import Inputs, find_inputs
from setaccio.export.llamacpp_source import converter_root
from setaccio.export.merge import MergeReport, merge
from setaccio.export.parity import ParityReport, compare
from setaccio.export.quantise import canonical_name, predicted_size, quantise
from setaccio.export.reference import MAX_NEW_TOKENS, Reference, make_reference

QUANTISATIONS = ("q8_0",)
PROBES = 3
REPORT = "export.json"
# Used where no pairs are given: prose enough to make the model answer.
PROBE_TEXTS = (
    "Heat the oven to 180°C. Mix 2 cups of flour with ½ cup of sugar and two eggs, then bake it "
    "for 25 minutes.",
    "Anna Müller, born 3 May 1987 in Graz, ordered 12 boxes at 4.50 each on Monday.",
)


class Exported(NamedTuple):
    """One file.

    Attributes:
        path: the GGUF.
        quantisation: its type.
        predicted_bytes: size said beforehand.
        bytes: size on disk.
        parity: the proof.
    """

    path: Path
    quantisation: str
    predicted_bytes: int
    bytes: int
    parity: ParityReport


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
    """

    folder: Path
    files: tuple[Exported, ...]
    merge: MergeReport | None
    provenance: dict[str, str]
    task: str | None
    report: Path


def export(
    adapter_or_model: Path,
    out_dir: Path,
    *,
    quantisations: Sequence[str] = QUANTISATIONS,
    base: Path | None = None,
    task: Task | None = None,
    pairs: list[Pair] | None = None,
    source: Path | None = None,
    name: str | None = None,
    merged_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> ExportReport:
    """Make GGUF files that carry their task, and prove each.

    Args:
        adapter_or_model: a training run's folder, an adapter's or a whole model's.
        out_dir: folder for the files; files of the same names are replaced.
        quantisations: names such as ``q8_0`` and ``f16``, in either case.
        base: the 16-bit base of an adapter; by default the one that the adapter names.
        task: written into the files; by default the run's ``task.json``.
        pairs: the shortest of them are the prompts of the proof.
        source: where llama.cpp's converter is, for a machine without network.
        name: first part of the files' names; by default the input folder's name.
        merged_dir: keep the merged model in this new folder; by default it is removed.
        progress: called with one line at the start of each stage.

    Raises:
        ExportError: an input is not usable, the disk is too small, a stage failed, or a file
            differs too much from the model; the files that passed stay, and so does the report.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    names = list(dict.fromkeys(canonical_name(kind) for kind in quantisations))
    if not names:
        raise ExportError("No quantisation was asked for. Name at least one, such as q8_0.")
    tell = progress or (lambda line: None)
    inputs = find_inputs(adapter_or_model, base=base, task=task)
    require_torch()
    tell("Making llama.cpp's converter ready (fetched once)")
    root = converter_root(source)
    out_dir.mkdir(parents=True, exist_ok=True)
    weights = weight_bytes(inputs.model)
    _require_disk(out_dir, weights * (2 if inputs.adapter else 1), "the merged and 16-bit model")
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".export-") as folder:
        work = Path(folder)
        merged = None
        if inputs.adapter:
            tell(f"Merging {inputs.adapter} into {inputs.model}")
            merged = merge(inputs.model, inputs.adapter, merged_dir or work / "merged")
        hf_dir = merged.path if merged else inputs.model
        tell("Running the transformers model for the proof")
        reference = make_reference(hf_dir, inputs.task, _probe_texts(pairs))
        stem = name or inputs.name
        tell("Converting to GGUF")
        full = convert(
            hf_dir,
            work / "full.gguf",
            task=inputs.task,
            provenance=inputs.provenance,
            name=stem,
            source=root,
        )
        files = _quantise_all(full, names, reference, out_dir / stem, tell)
    report = ExportReport(
        folder=out_dir,
        files=tuple(files),
        merge=merged,
        provenance=inputs.provenance,
        task=inputs.task.name if inputs.task else None,
        report=out_dir / REPORT,
    )
    _write_report(report, inputs)
    _judge(report)
    return report


def _probe_texts(pairs: list[Pair] | None) -> list[str]:
    """The shortest texts: a proof needs decisions of the model, not length."""
    texts = sorted({pair.text for pair in pairs or []}, key=lambda text: (len(text), text))
    return texts[:PROBES] or list(PROBE_TEXTS)


def _quantise_all(
    full: Path, names: list[str], reference: Reference, stem: Path, tell: Callable[[str], None]
) -> list[Exported]:
    predicted = {name: predicted_size(full, name) for name in names}
    _require_disk(full.parent, sum(predicted.values()), ", ".join(names))
    files = []
    for name in sorted(names, key=lambda name: name == "F16"):  # Moving it ends the others' source.
        tell(f"Quantising to {name}, {predicted[name] / 1e6:.1f} MB")
        part = full
        if name != "F16":  # The converted file is that one already.
            part = quantise(full, full.with_name(f"{name}.gguf"), name)
        tell(f"Proving {name}")
        parity = compare(reference, part)
        path = stem.with_name(f"{stem.name}-{name.lower()}.gguf")
        size = part.stat().st_size
        if parity.ok:
            part.replace(path)
        files.append(Exported(path, name, predicted[name], size, parity._replace(gguf=path)))
        part.unlink(missing_ok=True)
    return sorted(files, key=lambda file: names.index(file.quantisation))


def _require_disk(folder: Path, needed: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ExportError(
            f"{folder}: {needed / 1e9:.2f} GB are needed for {what}, but only {free / 1e9:.2f} GB "
            "are free. Free some space or choose another folder."
        )


def _write_report(report: ExportReport, inputs: Inputs) -> None:
    merged = report.merge._asdict() if report.merge else None
    if merged:
        del merged["path"]
    content: dict[str, Any] = {
        "version": own_version(),
        "model": str(inputs.model),
        "adapter": str(inputs.adapter) if inputs.adapter else None,
        "task": report.task,
        "provenance": report.provenance,
        "merge": merged,
        "files": [
            {
                **file._asdict(),
                "path": file.path.name,
                "parity": {**file.parity._asdict(), "gguf": file.path.name, "ok": file.parity.ok},
            }
            for file in report.files
        ],
        "max_new_tokens": MAX_NEW_TOKENS,
    }
    part = report.report.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(report.report)


def _judge(report: ExportReport) -> None:
    failed = [file for file in report.files if not file.parity.ok]
    if failed:
        reasons = " ".join(f"{f.quantisation}: {' '.join(f.parity.problems)}" for f in failed)
        raise ExportError(f"Not exported, the proof failed. {reasons} See {report.report}.")
