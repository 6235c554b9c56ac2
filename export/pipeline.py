"""From a training run, an adapter or a model folder to proven GGUF files.

Contract: ``export(run, out_dir, quantisations=("q8_0",))`` merges (where there is an adapter),
converts, quantises, compares every file with the merged transformers model and writes
``export.json``, a model card and Ollama's files beside them: a folder ready to upload. A file gets
its final name ``<name>-<type>.gguf`` only after its proof; what fails it is reported and removed,
and so is an older file of that name.

Command line: ``setaccio export RUN --quant q8_0,q4_k_m``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from setaccio.data.errors import ExportError, UsageError
from setaccio.data.records import Pair, atomic_write
from setaccio.data.task.hf_tokenizer import chat_format
from setaccio.data.task.task import Task
from setaccio.export.gguf.convert import convert
from setaccio.export.gguf.imatrix import CALIBRATION_PAIRS, FEWEST_TOKENS, make_imatrix
from setaccio.export.gguf.llamacpp_source import converter_root
from setaccio.export.gguf.quantise import canonical_name
from setaccio.export.hf_folder import load_folder_tokenizer, require_torch
from setaccio.export.inputs import TASK_FILE, Inputs, find_inputs, make_folder
from setaccio.export.job import ExportJob, Tell
from setaccio.export.make_files import FULL, Proven, make_files
from setaccio.export.merging.loaded import BaseKind
from setaccio.export.merging.merge import merge
from setaccio.export.merging.proof import MergeReport
from setaccio.export.proof.gold_tokens import HELD_OUT_PAIRS, encode_answers
from setaccio.export.proof.parity import compare_tokens
from setaccio.export.proof.reference import Reference
from setaccio.export.publish.card import own_card, write_card
from setaccio.export.publish.modelfile import remove_modelfile, write_modelfile
from setaccio.export.publish.report import REPORT, Exported, ExportReport
from setaccio.models.gguf_base.loading import folder_bytes, read_config

QUANTISATIONS = ("q8_0",)


def export(
    adapter_or_model: Path,
    out_dir: Path,
    *,
    quantisations: Sequence[str] = QUANTISATIONS,
    base: Path | None = None,
    task: Task | None = None,
    pairs: list[Pair] | None = None,
    calibration: list[Pair] | None = None,
    source: Path | None = None,
    name: str | None = None,
    merged_dir: Path | None = None,
    merge_into: BaseKind = "16-bit",
    held_out: int = HELD_OUT_PAIRS,
    licence: str | None = None,
    progress: Tell | None = None,
) -> ExportReport:
    """Make GGUF files that carry their task, and prove each.

    Args:
        adapter_or_model: a training run's folder, an adapter's or a whole model's.
        out_dir: folder for the files; files of the same names are replaced.
        quantisations: names such as ``q8_0`` and ``f16``, in either case.
        base: the 16-bit base of an adapter; by default the one that the adapter names.
        task: written into the files; by default the run's ``task.json``.
        pairs: held-out pairs. The shortest are the prompts of the proof, and on the gold answers
            of the first the files are measured.
        calibration: pairs to compute an importance matrix from; those that are among ``pairs`` are
            left out. Each type is made with and without it, and the better one on ``pairs`` kept.
        source: where llama.cpp's converter is, for a machine without network.
        name: first part of the files' names; by default the input folder's name.
        merged_dir: keep the merged model in this new folder; by default it is removed.
        merge_into: ``16-bit``, or ``4-bit`` for the base that 4-bit training saw, dequantised.
        held_out: greatest number of pairs that are measured.
        licence: SPDX identifier for the model card.
        progress: called with one line at the start of each stage.

    Raises:
        UsageError: the folder is not there, the output folder is a file, or a quantisation is
            unknown.
        ExportError: an input is not usable, the disk is too small, a stage failed, or a file
            differs too much from the model; the files that passed stay, and so does the report.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    names = list(dict.fromkeys(canonical_name(kind) for kind in quantisations))
    if not names:
        raise UsageError("No quantisation was asked for. Name at least one, such as q8_0.")
    tell = progress or (lambda line: None)
    inputs = find_inputs(adapter_or_model, base=base, task=task)
    inputs = inputs._replace(name=name or inputs.name)
    chosen = _calibration(calibration, pairs, inputs.task)
    require_torch()
    tell("Making llama.cpp's converter ready (fetched once)")
    root = converter_root(source)
    make_folder(out_dir)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".export-") as folder:
        job = ExportJob(inputs, out_dir, Path(folder), root, pairs, held_out, tell)
        model, merged = _merge(job, merged_dir or job.work / "merged", merge_into)
        tell("Running the transformers model for the proof")
        reference = job.reference(model)
        proven = _convert(job, model, reference)
        files: list[Exported] = []
        if proven.parity.ok:
            files = make_files(job, proven, names, _imatrix(job, model, proven, chosen))
    report = job.write_report(REPORT, files, reference, merge=merged, conversion=proven.parity)
    _require_proof(report, [job.path(kind) for kind in names])
    _publish(report, inputs, reference, licence)
    return report


def _calibration(
    given: list[Pair] | None, pairs: list[Pair] | None, task: Task | None
) -> list[Pair]:
    """Pairs for an importance matrix, none of which the result is measured on."""
    if not given:
        return []
    if task is None:
        raise ExportError("An importance matrix is computed from prompts of a task. Give a task.")
    held_out = {pair.text for pair in pairs or []}
    chosen = [pair for pair in given if pair.text not in held_out]
    if not chosen:
        raise ExportError("All calibration pairs are held-out pairs too. Give others, or none.")
    return chosen


def _merge(job: ExportJob, out: Path, into: BaseKind) -> tuple[Path, MergeReport | None]:
    """The folder of the model to export: the merged one, or the given one without an adapter."""
    base, adapter = job.inputs.model, job.inputs.adapter
    job.require_disk(folder_bytes(base) * (2 if adapter else 1), "the merged and 16-bit model")
    if adapter is None:
        return base, None
    job.tell(f"Merging {adapter} into {base}")
    merged = merge(
        base,
        adapter,
        out,
        into=into,
        task=job.inputs.task,
        pairs=job.pairs,
        held_out=job.held_out,
    )
    return out, merged


def _convert(job: ExportJob, model: Path, reference: Reference) -> Proven:
    """The 16-bit GGUF and its proof."""
    job.tell("Converting to GGUF")
    inputs, logits = job.inputs, job.work / "f16"
    full = convert(
        model,
        job.work / "full.gguf",
        task=inputs.task,
        provenance=inputs.provenance,
        name=inputs.name,
        source=job.converter,
    )
    job.tell(f"Proving the conversion ({FULL})")
    return Proven(full, compare_tokens(reference, full, keep=logits), reference, logits)


def _imatrix(job: ExportJob, model: Path, proven: Proven, chosen: list[Pair]) -> Path | None:
    task = job.inputs.task
    if not chosen or task is None:
        return None
    tokenizer = load_folder_tokenizer(model)
    answers = encode_answers(
        tokenizer,
        chat_format(tokenizer),
        task,
        chosen,
        context=read_config(model).get("max_position_embeddings"),
        most=CALIBRATION_PAIRS,
    )
    fitting = [ids for ids, _ in answers]
    tokens = sum(map(len, fitting))
    few = f": few, give {FEWEST_TOKENS} or more" if tokens < FEWEST_TOKENS else ""
    job.tell(f"Computing the importance matrix of {len(fitting)} pairs ({tokens} tokens{few})")
    if proven.reference.held_out is None:
        job.tell("No held-out pairs (--pairs) show whether the matrix helps; it is used unmeasured")
    out = job.work / "imatrix.gguf"
    return make_imatrix(proven.gguf, fitting, out, dataset=f"{len(fitting)} pairs of {task.name}")


def _require_proof(report: ExportReport, wanted: list[Path]) -> None:
    """Raise if a proof failed, and leave no older file in the place of what failed."""
    conversion = report.conversion
    if conversion is not None and not conversion.ok:
        failed, reasons = wanted, f"{FULL}: {' '.join(conversion.problems)}"
    else:
        wrong = [file for file in report.files if not file.parity.ok]
        failed = [file.path for file in wrong]
        reasons = " ".join(
            f"{file.quantisation}: {' '.join(file.parity.problems)}" for file in wrong
        )
    if not failed:
        return
    for path in [*failed, own_card(report.folder)]:
        path.unlink(missing_ok=True)
    remove_modelfile(report.folder)
    raise ExportError(f"Not exported, the proof failed. {reasons} See {report.report}.")


def _publish(
    report: ExportReport, inputs: Inputs, reference: Reference, licence: str | None
) -> None:
    """Make the folder ready to upload."""
    if inputs.task is not None:
        with atomic_write(report.folder / TASK_FILE) as stream:
            stream.write(inputs.task.to_metadata() + "\n")
    first = report.files[0].path.name
    write_modelfile(report.folder, first, reference.chat, inputs.task, context=reference.context)
    write_card(report.folder, licence=licence)
