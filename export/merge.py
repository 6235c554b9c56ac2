"""Merge a LoRA adapter into its 16-bit base, and prove that it happened and went well.

Contract: ``merge(base, adapter, out)`` writes a model folder (16-bit safetensors, tokenizer, chat
template). Two proofs come with it: the weights differ from the base's, and the merged model's
logits on a probe text are those of base + adapter. Neither is taken for granted: an adapter whose
weights were never trained, never loaded or vanish in rounding merges into the base without a word.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from setaccio.data.errors import ExportError
from setaccio.export._transformers import load_model, load_tokenizer, stored_dtype

if TYPE_CHECKING:
    import torch

PROBE = "Beat 2 eggs with ½ cup of sugar, then fold in the flour. <|im_end|> Serves four."
# Greatest logit difference between merged and base + adapter that rounding explains, absolute and
# as a share of what the adapter changes.
LOGIT_TOLERANCE = 0.25
EFFECT_TOLERANCE = 0.25


class MergeReport(NamedTuple):
    """What the merge changed, and how well it agrees with base + adapter.

    Attributes:
        path: the merged model's folder.
        dtype: type of the saved weights.
        tensors: how many weights the adapter is about.
        changed: how many of them differ from the base's once saved.
        max_delta: greatest change of a single weight.
        adapter_effect: greatest logit difference between base + adapter and the base.
        disagreement: greatest logit difference between the merged model as saved and base +
            adapter.
    """

    path: Path
    dtype: str
    tensors: int
    changed: int
    max_delta: float
    adapter_effect: float
    disagreement: float


def merge(base: Path, adapter: Path, out: Path) -> MergeReport:
    """Write base + adapter as one model.

    Args:
        base: model folder with 16-bit (or wider) safetensors.
        adapter: folder with ``adapter_config.json`` and ``adapter_model.safetensors``; its
            tokenizer, if it has one, goes into the result, else the base's.
        out: folder to write; it must not exist yet.

    Returns:
        What was changed and how it was proved.

    Raises:
        ExportError: a folder is not what it should be, merged equals base, or merged disagrees
            with base + adapter.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    _check(base, adapter, out)
    tokenizer = load_tokenizer(adapter if (adapter / "tokenizer.json").is_file() else base)
    model = load_model(base)
    working = model.dtype
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ExportError(
            f"{adapter}: its tokenizer has {len(tokenizer)} tokens, but the base only {rows} rows "
            "of embeddings. Train with the base's own tokenizer."
        )
    stored = stored_dtype(base)
    probe = tokenizer.encode(PROBE, add_special_tokens=False)
    plain = _logits(model, probe)
    model = _attach(model, adapter)
    adapted = _logits(model, probe)
    deltas = list(_merge_layers(model, stored))
    merged = model.unload().to(stored).to(working)  # Through the type that it is saved in.
    disagreement = _difference(_logits(merged, probe), adapted)
    report = MergeReport(
        path=out,
        dtype=str(stored).removeprefix("torch."),
        tensors=len(deltas),
        changed=sum(delta > 0 for delta in deltas),
        max_delta=max(deltas, default=0.0),
        adapter_effect=_difference(adapted, plain),
        disagreement=disagreement,
    )
    _judge(report, adapter)
    _save(merged.to(stored), tokenizer, out)
    return report


def _check(base: Path, adapter: Path, out: Path) -> None:
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ExportError(f"{adapter}: not an adapter, adapter_model.safetensors is missing.")
    if not (base / "config.json").is_file():
        raise ExportError(f"{base}: not a model folder, config.json is missing.")
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    if config.get("quantization_config"):
        raise ExportError(
            f"{base}: a quantised base. Merging into it would lose precision; give the 16-bit "
            "base that it was made from."
        )
    if out.exists():
        raise ExportError(f"{out}: exists already. Remove it or choose another folder.")


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

    for module in list(model.modules()):
        if isinstance(module, BaseTunerLayer):
            weight = module.get_base_layer().weight
            before = weight.detach().to(stored, copy=True)
            module.merge()
            yield _difference(module.get_base_layer().weight.detach().to(stored), before)
        elif isinstance(module, ModulesToSaveWrapper):
            chosen = module.modules_to_save[module.active_adapters[0]]
            yield _difference(chosen.weight.to(stored), module.original_module.weight.to(stored))


def _logits(model: Any, ids: list[int]) -> torch.Tensor:
    import torch

    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids])).logits[0].float()
    return logits


def _difference(left: torch.Tensor, right: torch.Tensor) -> float:
    return float((left.detach().float() - right.detach().float()).abs().max())


def _judge(report: MergeReport, adapter: Path) -> None:
    if report.tensors == 0:
        raise ExportError(f"{adapter}: the adapter touches no weight of the base.")
    if report.changed == 0:
        raise ExportError(
            f"{adapter}: the merged model equals the base. The adapter's weights are zero or too "
            f"small for {report.dtype}; it was not trained, or trained with a tiny learning rate."
        )
    bound = max(LOGIT_TOLERANCE, EFFECT_TOLERANCE * report.adapter_effect)
    if not report.disagreement <= bound:  # Not `>`: a NaN must fail too.
        raise ExportError(
            f"{adapter}: the merged model disagrees with base + adapter by "
            f"{report.disagreement:.3g} (allowed: {bound:.3g}) on the probe's logits."
        )


def _save(model: Any, tokenizer: Any, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
