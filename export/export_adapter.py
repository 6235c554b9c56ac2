"""Export only the adapter, as a GGUF to be put on its base while that is running.

Contract: ``export_adapter(run, out_dir)`` writes ``<name>-adapter.gguf`` after a proof: on the
base's own 16-bit GGUF, through llama.cpp's adapter interface, it must give what the merged
transformers model gives. ``export-adapter.json`` holds the numbers.

Command line: ``setaccio export RUN --adapter-only``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from setaccio.data.errors import ExportError
from setaccio.data.records import Pair
from setaccio.data.task import Task
from setaccio.export._transformers import require_torch
from setaccio.export.answers import HELD_OUT_PAIRS
from setaccio.export.convert import convert
from setaccio.export.convert_adapter import convert_adapter
from setaccio.export.export import probe_texts
from setaccio.export.inputs import find_inputs, make_folder
from setaccio.export.llamacpp_source import converter_root
from setaccio.export.merge import merge
from setaccio.export.parity import compare
from setaccio.export.reference import make_reference
from setaccio.export.report import Exported, ExportReport, write_report

ADAPTER_REPORT = "export-adapter.json"


def export_adapter(
    run: Path,
    out_dir: Path,
    *,
    base: Path | None = None,
    task: Task | None = None,
    pairs: list[Pair] | None = None,
    source: Path | None = None,
    name: str | None = None,
    held_out: int = HELD_OUT_PAIRS,
    base_gguf: Path | None = None,
    report_name: str = ADAPTER_REPORT,
    progress: Callable[[str], None] | None = None,
) -> ExportReport:
    """Make and prove an adapter's GGUF.

    Args:
        run: a training run's folder or an adapter's.
        out_dir: folder for the file; one of the same name is replaced.
        base: the adapter's 16-bit base; by default the one that it names.
        task: written into the file; by default the run's ``task.json``.
        pairs: held-out pairs, for prompts and for measuring.
        source: where llama.cpp's converter is.
        name: first part of the file's name.
        held_out: greatest number of pairs that are measured.
        base_gguf: the base's 16-bit GGUF for the proof; by default it is made.
        report_name: file of the numbers.
        progress: called with one line at the start of each stage.

    Raises:
        UsageError: there is no such run, or the output folder is a file.
        ExportError: no adapter, not a plain LoRA, or the proof failed; then no file is left.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    tell = progress or (lambda line: None)
    inputs = find_inputs(run, base=base, task=task)
    adapter = inputs.adapter
    if adapter is None:
        raise ExportError(f"{run}: a whole model has no adapter to export.")
    inputs = inputs._replace(name=name or inputs.name)
    require_torch()
    root = converter_root(source)
    make_folder(out_dir)
    path = out_dir / f"{inputs.name}-adapter.gguf"
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".export-") as folder:
        work = Path(folder)
        tell("Converting the adapter")
        part = convert_adapter(
            inputs.model,
            adapter,
            work / path.name,
            task=inputs.task,
            provenance=inputs.provenance,
            source=root,
        )
        plain = base_gguf
        if plain is None:
            tell("Converting the base, for the proof only")
            plain = convert(inputs.model, work / "base.gguf", source=root)
        tell("Running base + adapter, merged, for the proof")
        merged = merge(inputs.model, adapter, work / "merged")
        reference = make_reference(
            merged.path,
            inputs.task,
            probe_texts(pairs),
            pairs=pairs,
            folder=work / "transformers",
            held_out=held_out,
        )
        tell("Proving the adapter on its base")
        parity = compare(reference, plain, lora=part)
        size = part.stat().st_size
        if parity.ok:
            part.replace(path)
    made = Exported(path, parity.quantisation, size, size, parity._replace(gguf=path))
    report = ExportReport(
        folder=out_dir,
        files=(made,),
        merge=merged,
        provenance=inputs.provenance,
        task=inputs.task.name if inputs.task else None,
        report=out_dir / report_name,
        transformers=reference.held_out.measured if reference.held_out else None,
    )
    write_report(report, inputs)
    if not parity.ok:
        path.unlink(missing_ok=True)
        raise ExportError(
            f"Not exported, the proof failed. {' '.join(parity.problems)} See {report.report}."
        )
    return report
