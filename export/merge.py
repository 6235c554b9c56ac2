"""Merge a LoRA adapter into its base, and prove that it happened and went well.

Contract: ``merge(base, adapter, out)`` writes a model folder (16-bit safetensors, tokenizer, chat
template). The base is the 16-bit one, or the same after a way through 4 bits, as 4-bit training saw
it; with pairs the loss of both is reported. A base too large for the memory is merged tensor by
tensor (:mod:`setaccio.export.merge_streamed`). The proofs that come with it are
:mod:`setaccio.export.merge_proof`'s. What is compared is the folder as written, loaded again:
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
from typing import TYPE_CHECKING, Any, Literal

import psutil

from setaccio.data.errors import ExportError, ModelError
from setaccio.data.hf_tokens import chat_format
from setaccio.data.records import Pair
from setaccio.data.task import Task
from setaccio.export._transformers import (
    check_weights,
    load_model,
    load_tokenizer,
    require_torch,
    save_tokenizer,
    stored_dtype,
    weight_bytes,
)
from setaccio.export.adapter_config import adapter_config, check_tying, trained_whole
from setaccio.export.answers import HELD_OUT_PAIRS, Answer, answer_loss, encode_answers
from setaccio.export.dequantise import has_bitsandbytes, load_dequantised
from setaccio.export.merge_proof import MergeReport, judge
from setaccio.export.merge_streamed import merge_streamed

if TYPE_CHECKING:
    import torch

PROBE = "Beat 2 eggs with ½ cup of sugar, then fold in the flour. <|im_end|> Serves four."
# Share of the free memory that a model in 16 bits may take before its tensors are streamed.
MEMORY_SHARE = 0.8

BaseKind = Literal["16-bit", "4-bit"]
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
    require_torch()
    check_weights(adapter)
    check_weights(base)
    check_tying(base, adapter)
    whole = tuple(trained_whole(adapter_config(adapter)))
    if stream is None:
        free = psutil.virtual_memory().available
        stream = into == "16-bit" and weight_bytes(base) > MEMORY_SHARE * free
    if stream:
        return _merge_streamed(base, adapter, out, into, prove)._replace(whole=whole)
    tokenizer = load_tokenizer(adapter if (adapter / "tokenizer.json").is_file() else base)
    model = _load(base, into)
    _check_rows(model, tokenizer, adapter)
    stored = stored_dtype(base)
    answers = _answers(model, tokenizer, task, (pairs or [])[:held_out])
    losses: dict[str, float] = {}
    probe = tokenizer.encode(PROBE, add_special_tokens=False)
    plain = _logits(model, probe)
    if answers:
        losses["base"] = answer_loss(model, answers)
    model = _attach(model, adapter)
    adapted = _logits(model, probe)
    if answers:
        losses["base + adapter"] = answer_loss(model, answers)
    deltas = list(_merge_layers(model, stored))
    with _appearing(out) as part:
        model.unload().to(stored).save_pretrained(part)
        save_tokenizer(tokenizer, base, part)
        del model
        gc.collect()  # PEFT's modules know their parents, so only this frees the memory.
        merged = load_model(part)
        if answers:
            losses[into] = answer_loss(merged, answers)
        report = MergeReport(
            path=out,
            dtype=str(stored).removeprefix("torch."),
            tensors=len(deltas),
            changed=sum(delta > 0 for delta in deltas),
            max_delta=max(deltas, default=0.0),
            adapter_effect=_difference(adapted, plain),
            disagreement=_difference(_logits(merged, probe), adapted),
            into=into,
            streamed=False,
            losses=losses,
            whole=whole,
        )
        if prove:
            judge(report, adapter)
    del merged
    if answers and has_bitsandbytes() and not _is_quantised(base):
        other: BaseKind = "4-bit" if into == "16-bit" else "16-bit"
        losses[other] = _loss_of(base, adapter, other, answers)
    return report


def _load(base: Path, into: BaseKind) -> Any:
    if into == "16-bit":
        return load_model(base)
    return load_dequantised(base).float()


def _check_rows(model: Any, tokenizer: Any, adapter: Path) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ExportError(
            f"{adapter}: its tokenizer has {len(tokenizer)} tokens, but the base only {rows} rows "
            "of embeddings. Train with the base's own tokenizer."
        )


def _answers(model: Any, tokenizer: Any, task: Task | None, pairs: list[Pair]) -> list[Answer]:
    if task is None or not pairs:
        return []
    context = getattr(model.config, "max_position_embeddings", None)
    try:
        chat = chat_format(tokenizer)
        return encode_answers(tokenizer, chat, task, pairs, context=context, most=None)
    except ModelError as error:
        raise ExportError(str(error)) from error


def _loss_of(base: Path, adapter: Path, into: BaseKind, answers: list[Answer]) -> float:
    """Loss of the merge that was not asked for, for comparison."""
    merged = _attach(_load(base, into), adapter).merge_and_unload()
    stored = stored_dtype(base)
    return answer_loss(merged.to(stored).float(), answers)


def _merge_streamed(
    base: Path, adapter: Path, out: Path, into: BaseKind, prove: bool
) -> MergeReport:
    if into != "16-bit":
        raise ExportError(f"{base}: too large to be merged through 4 bits in this memory.")
    tokenizer = load_tokenizer(adapter if (adapter / "tokenizer.json").is_file() else base)
    with _appearing(out) as part:
        done = merge_streamed(base, adapter, part)
        report = MergeReport(path=out, **done._asdict(), into=into, streamed=True, losses={})
        if prove:
            judge(report, adapter)
        save_tokenizer(tokenizer, base, part)
    return report


def _check(base: Path, adapter: Path, out: Path, into: BaseKind) -> None:
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
    if out.exists():
        raise ExportError(f"{out}: exists already. Remove it or choose another folder.")


def _is_quantised(base: Path) -> bool:
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return bool(config.get("quantization_config"))


def _attach(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(adapter)).eval()
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ExportError(f"{adapter}: does not fit the base: {reason}") from error


def _merge_layers(model: Any, stored: torch.dtype) -> Iterator[float]:
    """Merge layer by layer, so that only one weight is held twice.

    Yields:
        Greatest change of each weight that the adapter is about, after rounding to ``stored``.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    seen: set[int] = set()  # Tied layers are one weight under two names.
    for module in list(model.modules()):
        if isinstance(module, BaseTunerLayer):
            weight = module.get_base_layer().weight
            before = weight.detach().to(stored, copy=True)
            module.merge()
            yield _difference(module.get_base_layer().weight.detach().to(stored), before)
        elif isinstance(module, ModulesToSaveWrapper):
            chosen = module.modules_to_save[module.active_adapters[0]]
            if id(chosen.weight) in seen:
                continue
            seen.add(id(chosen.weight))
            yield _difference(chosen.weight.to(stored), module.original_module.weight.to(stored))


def _logits(model: Any, ids: list[int]) -> torch.Tensor:
    import torch

    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids])).logits[0].float()
    return logits


def _difference(left: torch.Tensor, right: torch.Tensor) -> float:
    return float((left.detach().float() - right.detach().float()).abs().max())


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
