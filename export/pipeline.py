"""From a training run, an adapter or a model folder to proven GGUF files.

Contract: ``export(run, out_dir, quantisations=("q8_0",))`` merges (where there is an adapter),
converts, quantises, compares every file with the merged transformers model and writes
``export.json``, a model card and Ollama's files beside them: a folder ready to upload. A file gets
its final name ``<name>-<type>.gguf`` only after its proof; what fails it is reported and removed,
and so is an older file of that name.

Command line: ``setaccio export RUN --quant q8_0,q4_k_m``.
"""

from __future__ import annotations

import json
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
from setaccio.export.inputs import TASK_FILE, Inputs, find_inputs, make_folder
from setaccio.export.make_files import FULL, Bench, Tell, make_files, require_disk
from setaccio.export.merging.hf_folder import folder_bytes, load_folder_tokenizer, require_torch
from setaccio.export.merging.loaded import BaseKind
from setaccio.export.merging.merge import merge
from setaccio.export.proof.gold_tokens import HELD_OUT_PAIRS, encode_answers
from setaccio.export.proof.parity import compare_tokens
from setaccio.export.proof.reference import Reference, make_reference
from setaccio.export.publish.card import own_card, write_card
from setaccio.export.publish.modelfile import remove_modelfile, write_modelfile
from setaccio.export.publish.report import REPORT, Exported, ExportReport, write_export_report

QUANTISATIONS = ("q8_0",)
PROBES = 3
# Used where no pairs are given: prose enough to make the model answer.
PROBE_TEXTS = (
    "Heat the oven to 180°C. Mix 2 cups of flour with ½ cup of sugar and two eggs, then bake it "
    "for 25 minutes.",
    "Anna Müller, born 3 May 1987 in Graz, ordered 12 boxes at 4.50 each on Monday.",
)


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
    weights = folder_bytes(inputs.model)
    require_disk(out_dir, weights * (2 if inputs.adapter else 1), "the merged and 16-bit model")
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".export-") as folder:
        work = Path(folder)
        merged, hf_dir = None, inputs.model
        if inputs.adapter:
            tell(f"Merging {inputs.adapter} into {inputs.model}")
            hf_dir = merged_dir or work / "merged"
            merged = merge(
                inputs.model,
                inputs.adapter,
                hf_dir,
                into=merge_into,
                task=inputs.task,
                pairs=pairs,
                held_out=held_out,
            )
        tell("Running the transformers model for the proof")
        reference = make_reference(
            hf_dir,
            inputs.task,
            probe_texts(pairs),
            pairs=pairs,
            folder=work / "transformers",
            held_out=held_out,
        )
        tell("Converting to GGUF")
        full = convert(
            hf_dir,
            work / "full.gguf",
            task=inputs.task,
            provenance=inputs.provenance,
            name=inputs.name,
            source=root,
        )
        tell(f"Proving the conversion ({FULL})")
        conversion = compare_tokens(reference, full, keep=work / "f16")
        bench = Bench(full, conversion, reference, work / "f16", out_dir / inputs.name, tell)
        files: list[Exported] = []
        if conversion.ok:
            matrix = _imatrix(bench, hf_dir, inputs.task, chosen)
            files = make_files(bench, names, matrix)
    report = ExportReport(
        folder=out_dir,
        files=tuple(files),
        merge=merged,
        provenance=inputs.provenance,
        task=inputs.task.name if inputs.task else None,
        report=out_dir / REPORT,
        conversion=conversion,
        transformers=reference.held_out.measured if reference.held_out else None,
    )
    write_export_report(report, inputs)
    _judge(report, names, bench.stem)
    _write_beside(report, inputs, reference, licence)
    return report


def probe_texts(pairs: list[Pair] | None) -> list[str]:
    """The shortest texts: a proof needs decisions of the model, not length."""
    texts = sorted({pair.text for pair in pairs or []}, key=lambda text: (len(text), text))
    return texts[:PROBES] or list(PROBE_TEXTS)


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


def _imatrix(bench: Bench, hf_dir: Path, task: Task | None, chosen: list[Pair]) -> Path | None:
    if not chosen or task is None:
        return None
    tokenizer = load_folder_tokenizer(hf_dir)
    config = json.loads((hf_dir / "config.json").read_text(encoding="utf-8"))
    answers = encode_answers(
        tokenizer,
        chat_format(tokenizer),
        task,
        chosen,
        context=config.get("max_position_embeddings"),
        most=CALIBRATION_PAIRS,
    )
    fitting = [ids for ids, _ in answers]
    tokens = sum(map(len, fitting))
    few = f": few, give {FEWEST_TOKENS} or more" if tokens < FEWEST_TOKENS else ""
    bench.tell(f"Computing the importance matrix of {len(fitting)} pairs ({tokens} tokens{few})")
    if bench.reference.held_out is None:
        bench.tell(
            "No held-out pairs (--pairs) show whether the matrix helps; it is used unmeasured"
        )
    out = bench.full.with_name("imatrix.gguf")
    return make_imatrix(bench.full, fitting, out, dataset=f"{len(fitting)} pairs of {task.name}")


def _judge(report: ExportReport, names: list[str], stem: Path) -> None:
    """Raise if a proof failed, and leave no older file in the place of what failed."""
    conversion = report.conversion
    if conversion is not None and not conversion.ok:
        failed = [stem.with_name(f"{stem.name}-{name.lower()}.gguf") for name in names]
        reasons = f"{FULL}: {' '.join(conversion.problems)}"
    else:
        failed = [file.path for file in report.files if not file.parity.ok]
        reasons = " ".join(
            f"{file.quantisation}: {' '.join(file.parity.problems)}"
            for file in report.files
            if not file.parity.ok
        )
    if not failed:
        return
    for path in [*failed, own_card(report.folder)]:
        path.unlink(missing_ok=True)
    remove_modelfile(report.folder)
    raise ExportError(f"Not exported, the proof failed. {reasons} See {report.report}.")


def _write_beside(
    report: ExportReport, inputs: Inputs, reference: Reference, licence: str | None
) -> None:
    """Make the folder ready to upload."""
    if inputs.task is not None:
        with atomic_write(report.folder / TASK_FILE) as stream:
            stream.write(inputs.task.to_metadata() + "\n")
    first = report.files[0].path.name
    write_modelfile(report.folder, first, reference.chat, inputs.task, context=reference.context)
    write_card(report.folder, licence=licence)
