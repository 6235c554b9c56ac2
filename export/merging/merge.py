"""Merge a LoRA adapter into its base, and prove that it happened and went well.

Contract: ``merge(base, adapter, out)`` writes a model folder (16-bit safetensors, tokenizer, chat
template). The base is the 16-bit one, or the same after a way through 4 bits, as 4-bit training saw
it; with pairs the loss of both is reported. A base too large for the memory is merged tensor by
tensor (:mod:`setaccio.export.merging.streamed`). The proofs that come with it are
:mod:`setaccio.export.merging.proof`'s. What is compared is the folder as written, loaded again:
saving may drop or tie weights that the model in memory still has.
"""

from __future__ import annotations

import gc
from pathlib import Path

import psutil

from setaccio.data.errors import ExportError
from setaccio.data.files.atomic import atomic_path
from setaccio.data.records import Pair
from setaccio.data.task.task import Task
from setaccio.export.hf_folder import (
    check_weights,
    has_bitsandbytes,
    load_hf_model,
    require_torch,
    save_tokenizer,
    stored_dtype,
)
from setaccio.export.merging.adapter_config import WEIGHTS, adapter_config, trained_whole
from setaccio.export.merging.loaded import (
    BaseKind,
    adapter_tokenizer,
    attach,
    load_base,
    merge_loaded,
    report_merge,
    sums,
)
from setaccio.export.merging.proof import MergeReport, judge
from setaccio.export.merging.streamed import merge_streamed
from setaccio.export.merging.tied_layers import check_tying
from setaccio.export.proof.gold_tokens import HELD_OUT_PAIRS, GoldTokens, answer_loss
from setaccio.export.proof.reference import Loaded
from setaccio.models.gguf_base.loading import folder_bytes, read_config

# Share of the free memory that a model in 16 bits may take before its tensors are streamed.
MEMORY_SHARE = 0.8

BASE_KINDS: tuple[BaseKind, ...] = ("16-bit", "4-bit")


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    *,
    into: BaseKind = "16-bit",
    task: Task | None = None,
    pairs: list[Pair] | None = None,
    held_out: int = HELD_OUT_PAIRS,
    stream: bool | None = None,
    prove: bool = True,
) -> MergeReport:
    """Write base + adapter as one model.

    Args:
        base: model folder with 16-bit (or wider) safetensors.
        adapter: folder with ``adapter_config.json`` and ``adapter_model.safetensors``; its
            tokenizer, if it has one, goes into the result, else the base's.
        out: folder to write; it must not exist yet.
        into: ``16-bit``, or ``4-bit`` for the base that 4-bit training saw, dequantised.
        task: renders the pairs.
        pairs: held-out pairs to report losses on.
        held_out: greatest number of them.
        stream: merge tensor by tensor without loading the model; by default where it would not
            fit into the free memory.
        prove: refuse what equals the base or disagrees with base + adapter; a training that has
            hardly begun may.

    Returns:
        What was changed and how it was proved.

    Raises:
        ExportError: a folder is not what it should be, merged equals base, or merged disagrees
            with base + adapter.
        MissingExtraError: torch, transformers or peft is not installed, or for ``4-bit``
            bitsandbytes.
    """
    _check(base, adapter, out, into)
    whole = tuple(trained_whole(adapter_config(adapter)))
    if stream is None:
        stream = into == "16-bit" and not _fits(base)
    if stream:
        return _merge_streamed(base, adapter, out, into, prove)._replace(whole=whole)
    stored = stored_dtype(base)
    chosen = (pairs or [])[:held_out]
    held = merge_loaded(base, adapter, into, stored=stored, task=task, pairs=chosen)
    answers, losses = held.answers, held.losses
    with atomic_path(out) as part:
        rounded = held.model.to(stored)
        written = sums(rounded, stored)
        rounded.save_pretrained(part)
        del rounded
        save_tokenizer(held.tokenizer, base, part)
        held = held._replace(model=None)
        gc.collect()  # PEFT's modules know their parents, so only this frees the memory.
        merged = load_hf_model(part)
        if answers:
            losses[into] = answer_loss(merged, answers)
        read = sums(merged, stored)
        lost = tuple(name for name, value in written.items() if read.get(name, value) != value)
        report = report_merge(held, merged, stored, into)
        report = report._replace(path=out, whole=whole, lost=lost)
        if prove:
            judge(report, adapter)
    del merged
    if answers and has_bitsandbytes() and not _is_quantised(base):
        other: BaseKind = "4-bit" if into == "16-bit" else "16-bit"
        losses[other] = _loss_of(base, adapter, other, answers)
    return report


def merge_in_memory(base: Path, adapter: Path) -> tuple[Loaded, MergeReport] | None:
    """Base + adapter as one model, for a proof that needs no folder of it.

    Arguments and errors are those of :func:`merge`.

    Returns:
        The merged model, not rounded, and what was changed; None where the base does not fit into
        the memory.
    """
    _check(base, adapter, None, "16-bit")
    if not _fits(base):
        return None
    held = merge_loaded(base, adapter, "16-bit")
    report = report_merge(held, held.model, held.model.dtype, "16-bit")
    judge(report, adapter)
    return Loaded(held.model, held.tokenizer), report


def _loss_of(base: Path, adapter: Path, into: BaseKind, answers: list[GoldTokens]) -> float:
    """Loss of the merge that was not asked for, for comparison."""
    merged = attach(load_base(base, into), adapter).merge_and_unload()
    stored = stored_dtype(base)
    return answer_loss(merged.to(stored).float(), answers)


def _merge_streamed(
    base: Path, adapter: Path, out: Path, into: BaseKind, prove: bool
) -> MergeReport:
    if into != "16-bit":
        raise ExportError(f"{base}: too large to be merged through 4 bits in this memory.")
    tokenizer = adapter_tokenizer(base, adapter)
    with atomic_path(out) as part:
        report = merge_streamed(base, adapter, part)._replace(path=out)
        if prove:
            judge(report, adapter)
        save_tokenizer(tokenizer, base, part)
    return report


def _fits(base: Path) -> bool:
    return folder_bytes(base) <= MEMORY_SHARE * psutil.virtual_memory().available


def _check(base: Path, adapter: Path, out: Path | None, into: BaseKind) -> None:
    if not (adapter / WEIGHTS).is_file():
        raise ExportError(f"{adapter}: not an adapter, {WEIGHTS} is missing.")
    if not (base / "config.json").is_file():
        raise ExportError(f"{base}: not a model folder, config.json is missing.")
    if into not in BASE_KINDS:
        raise ExportError(f"{into}: no such base. Choose from {', '.join(BASE_KINDS)}.")
    if into == "16-bit" and _is_quantised(base):
        raise ExportError(
            f"{base}: a quantised base. Merging into it would lose precision; give the 16-bit "
            "base that it was made from, or merge into the 4-bit one on purpose."
        )
    if out is not None and out.exists():
        raise ExportError(f"{out}: exists already. Remove it or choose another folder.")
    require_torch()
    check_weights(adapter)
    check_weights(base)
    check_tying(base, adapter)


def _is_quantised(base: Path) -> bool:
    return bool(read_config(base).get("quantization_config"))
