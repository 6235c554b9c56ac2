"""Export only the adapter, as a GGUF to be put on its base while that is running.

Contract: ``export_adapter(run, out_dir)`` writes ``<name>-adapter.gguf`` after a proof: on the
quantised GGUF that it was trained on, through llama.cpp's adapter interface, it must give what the
merged transformers model gives; where the base was a folder, on that folder's own 16-bit GGUF.
``export-adapter.json`` holds the numbers. Only what the proof needs is made: the merged model stays
in memory where it fits, and no base is converted where there is a GGUF of it.

Command line: ``setaccio export RUN --adapter-only``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from setaccio.data.errors import ExportError, ModelError
from setaccio.data.records import Pair
from setaccio.data.task.task import Task
from setaccio.export.gguf.convert import AdapterType, convert, convert_adapter
from setaccio.export.gguf.llamacpp_source import converter_root
from setaccio.export.hf_folder import require_torch, save_tokenizer, stored_dtype
from setaccio.export.inputs import Inputs, find_inputs, make_folder
from setaccio.export.job import ExportJob, Tell
from setaccio.export.merging.merge import merge, merge_in_memory
from setaccio.export.merging.proof import MergeReport
from setaccio.export.proof.gold_tokens import HELD_OUT_PAIRS
from setaccio.export.proof.parity import compare_tokens
from setaccio.export.proof.reference import Loaded
from setaccio.export.publish.report import BaseGguf, Exported, ExportReport
from setaccio.models import verified_sha256
from setaccio.runtime.model.gguf_header import read_header

ADAPTER_REPORT = "export-adapter.json"
ADAPTER_TYPE: AdapterType = "q8_0"

Candidate = tuple[Path, Path | None]
Scorer = Callable[[Mapping[str, Candidate]], list[dict[str, Any]]]
"""Extracts held-out documents with each GGUF (and the adapter beside it) and scores the answers;
one dictionary for each row of the comparison. Handed in: export does not know the evaluation."""


def export_adapter(
    run: Path,
    out_dir: Path,
    *,
    base: Path | None = None,
    base_gguf: Path | None = None,
    task: Task | None = None,
    pairs: list[Pair] | None = None,
    source: Path | None = None,
    name: str | None = None,
    held_out: int = HELD_OUT_PAIRS,
    adapter_type: AdapterType = ADAPTER_TYPE,
    scorer: Scorer | None = None,
    plain: Path | None = None,
    report_name: str = ADAPTER_REPORT,
    progress: Tell | None = None,
) -> ExportReport:
    """Make and prove an adapter's GGUF.

    Args:
        run: a training run's folder or an adapter's.
        out_dir: folder for the file; one of the same name is replaced.
        base: as for :func:`setaccio.export.export`, like ``task``, ``pairs``, ``source``, ``name``,
            ``held_out`` and ``progress``.
        base_gguf: the GGUF to prove it on, which the metadata then name; by default the one that it
            was trained on, if it was one.
        adapter_type: type of the adapter's matrices; rows that ``q8_0`` can not divide stay
            ``f16``.
        scorer: extracts with base + adapter and with the merged model, for the report.
        plain: the 16-bit GGUF of a base that was a folder, if it is there already.
        report_name: file of the numbers.

    Raises:
        UsageError: there is no such run, or the output folder is a file.
        ExportError: no adapter, not a plain LoRA, the GGUF that it was trained on is gone or
            another one, or the proof failed; then no file is written, and an earlier one stays.
        ModelError: the base's GGUF can not be used.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    tell = progress or (lambda line: None)
    inputs = find_inputs(run, base=base, task=task)
    adapter = inputs.adapter
    if adapter is None:
        raise ExportError(f"{run}: a whole model has no adapter to export.")
    inputs = inputs._replace(name=name or inputs.name)
    proof_base = _proof_base(inputs, base_gguf)
    inputs = inputs._replace(provenance=_provenance(inputs, proof_base))
    require_torch()
    root = converter_root(source)
    make_folder(out_dir)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".export-") as folder:
        job = ExportJob(inputs, out_dir, Path(folder), root, pairs, held_out, tell)
        path = job.path("adapter")
        tell("Converting the adapter")
        part = convert_adapter(
            inputs.model,
            adapter,
            job.work / path.name,
            outtype=adapter_type,
            task=inputs.task,
            provenance=inputs.provenance,
            source=root,
        )
        proof_on = proof_base.path if proof_base else plain
        if proof_on is None:
            tell("Converting the base, for the proof only")
            proof_on = convert(inputs.model, job.work / "base.gguf", source=root)
        tell("Running base + adapter, merged, for the proof")
        merged = _Merged(job, adapter)
        reference = job.reference(merged.folder, merged.loaded)
        tell(f"Proving the adapter on {proof_base.path.name if proof_base else 'its base'}")
        parity = compare_tokens(
            reference, proof_on, lora=part, same_base=not proof_base or proof_base.trained_on
        )
        scores: list[dict[str, Any]] = []
        if parity.ok and scorer is not None and inputs.task is not None:
            tell("Extracting with base + adapter and with the merged model")
            scores = scorer({"base + adapter": (proof_on, part), "merged": (merged.gguf(), None)})
        size = part.stat().st_size
        if parity.ok:
            part.replace(path)
    made = Exported(path, f"{adapter_type.upper()} LoRA", size, size, parity._replace(gguf=path))
    report = job.write_report(
        report_name,
        [made],
        reference,
        merge=merged.report,
        base_gguf=proof_base,
        scores=tuple(scores),
    )
    if not parity.ok:
        kept = f" {path} is still the file of an earlier export." if path.is_file() else ""
        raise ExportError(
            f"Not exported, the proof failed. {' '.join(parity.problems)} See {report.report}."
            f"{kept}"
        )
    return report


def _proof_base(inputs: Inputs, given: Path | None) -> BaseGguf | None:
    """The GGUF that the adapter is proved on; None where its base was a folder."""
    path = given or inputs.base_gguf
    if path is None:
        return None
    wanted = inputs.provenance.get("base_gguf_sha256")
    if given is None and not path.is_file():
        raise ExportError(
            f"{path}: the GGUF that {inputs.name} was trained on is not there. Say where it is "
            "with --base-gguf FILE."
        )
    header = read_header(path)
    if header.metadata.get("general.type", "model") != "model":
        raise ModelError(f"{path}: is no model. Give the GGUF of the base with --base-gguf FILE.")
    _check_template(path, header.metadata.get("tokenizer.chat_template"), inputs)
    found = verified_sha256(path)
    if given is None and wanted and found != wanted:
        raise ExportError(
            f"{path}: is not the file any more that {inputs.name} was trained on (SHA-256 "
            f"{wanted[:12]}..., found {found[:12]}...). Give that one with --base-gguf FILE, or "
            "this one to prove the adapter on it as it is."
        )
    return BaseGguf(path, found, path.stat().st_size, trained_on=found == wanted)


def _check_template(path: Path, own: str | None, inputs: Inputs) -> None:
    """Refuse, before anything is run, a base that would be asked in another way than training."""
    folders = [folder for folder in (inputs.adapter, inputs.model) if folder is not None]
    files = [folder / "chat_template.jinja" for folder in folders]
    used = next((file.read_text(encoding="utf-8") for file in files if file.is_file()), None)
    if own and (used is None or used.splitlines() == own.splitlines()):
        return
    what = "has another chat template than" if own else "has no chat template, unlike"
    raise ExportError(
        f"{path}: {what} the training of {inputs.name}, and an adapter can not bring its own. "
        "Export the merged model, which carries it (without --adapter-only)."
    )


def _provenance(inputs: Inputs, base: BaseGguf | None) -> dict[str, str]:
    """What the file says of its origin, its base's GGUFs among it."""
    known = dict(inputs.provenance)
    if inputs.base_gguf is not None:
        known["base_gguf"] = inputs.base_gguf.name
    if base is not None and not base.trained_on:
        known["proved_gguf"] = base.path.name
        known["proved_gguf_sha256"] = base.sha256
    return known


class _Merged:
    """Base + adapter as one model: in memory where it fits, else in a folder."""

    def __init__(self, job: ExportJob, adapter: Path) -> None:
        self.job = job
        self.loaded: Loaded | None = None
        self.report: MergeReport
        held = merge_in_memory(job.inputs.model, adapter)
        if held is not None:
            self.folder = job.inputs.model  # Of it, nothing but the name is used.
            self.loaded, self.report = held
        else:
            self.folder = job.work / "merged"
            self.report = merge(job.inputs.model, adapter, self.folder)

    def gguf(self) -> Path:
        """It as a 16-bit GGUF."""
        if self.loaded is not None:
            base, self.folder = self.folder, self.job.work / "merged"
            self.loaded.model.to(stored_dtype(base)).save_pretrained(self.folder)
            save_tokenizer(self.loaded.tokenizer, base, self.folder)
            self.loaded = None
        out, task = self.job.work / "merged.gguf", self.job.inputs.task
        return convert(self.folder, out, task=task, source=self.job.converter)
