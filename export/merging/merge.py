"""Merge a LoRA adapter into its base, and prove that it happened and went well.

Contract: ``merge(base, adapter, out)`` writes a model folder (16-bit safetensors, tokenizer, chat
template). The base is the 16-bit one, or the same after a way through 4 bits, as 4-bit training saw
it; with pairs the loss of both is reported. A base too large for the memory is merged tensor by
tensor (:mod:`setaccio.export.merging.streamed`). The proofs that come with it are
:mod:`setaccio.export.merging.proof`'s. What is compared is the folder as written, loaded again:
saving may drop or tie weights that the model in memory still has.
"""

from __future__ import annotations

import contextlib
import gc
import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from setaccio.data.errors import ExportError
from setaccio.data.records import Pair
from setaccio.data.task.task import Task
from setaccio.export.merging.adapter_config import adapter_config, trained_whole
from setaccio.export.merging.dequantise import has_bitsandbytes
from setaccio.export.merging.hf_folder import (
    check_weights,
    folder_bytes,
    load_folder_tokenizer,
    load_hf_model,
    require_torch,
    save_tokenizer,
    stored_dtype,
)
from setaccio.export.merging.loaded import (
    BaseKind,
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
    _check_weights(base, adapter)
    whole = tuple(trained_whole(adapter_config(adapter)))
    if stream is None:
        stream = into == "16-bit" and not _fits(base)
    if stream:
        return _merge_streamed(base, adapter, out, into, prove)._replace(whole=whole)
    stored = stored_dtype(base)
    chosen = (pairs or [])[:held_out]
    held = merge_loaded(base, adapter, into, stored=stored, task=task, pairs=chosen)
    answers, losses = held.answers, held.losses
    with _appearing(out) as part:
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

    Args:
        base: model folder with 16-bit (or wider) safetensors.
        adapter: folder with ``adapter_config.json`` and ``adapter_model.safetensors``; its
            tokenizer, if it has one, comes with the model, else the base's.

    Returns:
        The merged model, not rounded, and what was changed; None where the base does not fit into
        the memory.

    Raises:
        ExportError: as for :func:`merge`.
        MissingExtraError: as for :func:`merge`.
    """
    _check(base, adapter, None, "16-bit")
    _check_weights(base, adapter)
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
    tokenizer = load_folder_tokenizer(adapter if (adapter / "tokenizer.json").is_file() else base)
    with _appearing(out) as part:
        done = merge_streamed(base, adapter, part)
        report = MergeReport(path=out, **done._asdict(), into=into, streamed=True, losses={})
        if prove:
            judge(report, adapter)
        save_tokenizer(tokenizer, base, part)
    return report


def _fits(base: Path) -> bool:
    return folder_bytes(base) <= MEMORY_SHARE * psutil.virtual_memory().available


def _check_weights(base: Path, adapter: Path) -> None:
    require_torch()
    check_weights(adapter)
    check_weights(base)
    check_tying(base, adapter)


def _check(base: Path, adapter: Path, out: Path | None, into: BaseKind) -> None:
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ExportError(f"{adapter}: not an adapter, adapter_model.safetensors is missing.")
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


def _is_quantised(base: Path) -> bool:
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return bool(config.get("quantization_config"))


@contextlib.contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name only when nothing went wrong."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
