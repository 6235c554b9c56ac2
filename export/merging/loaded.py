"""Merge an adapter into a model that is in memory, and keep what the proof of it needs.

Contract: ``merge_loaded(base, adapter)`` loads the base, runs it on a probe before and after the
adapter is put on, and merges layer by layer; ``report_merge`` compares any form of the result with
base + adapter. :mod:`setaccio.export.merging.merge` makes folders and proofs of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from setaccio.data.errors import ExportError, ModelError, short_reason
from setaccio.data.records import Pair
from setaccio.data.task.hf_tokenizer import chat_format
from setaccio.data.task.task import Task
from setaccio.export.hf_folder import (
    load_dequantised,
    load_folder_tokenizer,
    load_hf_model,
)
from setaccio.export.merging.proof import MergeReport, difference
from setaccio.export.proof.gold_tokens import GoldTokens, answer_loss, encode_answers

if TYPE_CHECKING:
    import torch

PROBE = "Beat 2 eggs with ½ cup of sugar, then fold in the flour. <|im_end|> Serves four."

BaseKind = Literal["16-bit", "4-bit"]


class LoadedMerge(NamedTuple):
    """A model in memory with its adapter merged in, and what was measured on the way.

    Attributes:
        model: a plain model again, not rounded yet.
        tokenizer: the adapter's, or the base's.
        probe: token ids of :data:`PROBE`.
        adapted: logits of base + adapter on them.
        effect: greatest difference of these from the base's alone.
        exact: greatest difference of these from the merged model's, before it is rounded.
        deltas: greatest change of each weight that the adapter is about.
        answers: held-out pairs as tokens.
        losses: of ``base`` and ``base + adapter`` on them.
    """

    model: Any
    tokenizer: Any
    probe: list[int]
    adapted: torch.Tensor
    effect: float
    exact: float
    deltas: list[float]
    answers: list[GoldTokens]
    losses: dict[str, float]


def merge_loaded(
    base: Path,
    adapter: Path,
    into: BaseKind,
    *,
    stored: torch.dtype | None = None,
    task: Task | None = None,
    pairs: list[Pair] | None = None,
) -> LoadedMerge:
    """Load a base and merge an adapter into it.

    Args:
        base: model folder.
        adapter: the adapter's folder.
        into: which form of the base.
        stored: what the result will be rounded to; None keeps what it is computed in.
        task: renders the pairs.
        pairs: held-out pairs to measure losses on.

    Raises:
        ExportError: the two do not fit together.
    """
    tokenizer = adapter_tokenizer(base, adapter)
    model = load_base(base, into)
    _check_rows(model, tokenizer, adapter)
    answers = _answers(model, tokenizer, task, pairs or [])
    losses: dict[str, float] = {}
    probe = tokenizer.encode(PROBE, add_special_tokens=False)
    plain = _logits(model, probe)
    if answers:
        losses["base"] = answer_loss(model, answers)
    model = attach(model, adapter)
    adapted = _logits(model, probe)
    if answers:
        losses["base + adapter"] = answer_loss(model, answers)
    deltas = list(_merge_layers(model, stored or model.dtype))
    effect = difference(adapted, plain)
    model = model.unload()
    exact = difference(adapted, _logits(model, probe))
    return LoadedMerge(model, tokenizer, probe, adapted, effect, exact, deltas, answers, losses)


def sums(model: Any, dtype: torch.dtype) -> dict[str, float]:
    """A sum of each weight, by which two models can be compared that do not fit into memory."""
    return {
        name: float(weight.to(dtype).double().sum()) for name, weight in model.state_dict().items()
    }


def report_merge(held: LoadedMerge, merged: Any, dtype: torch.dtype, into: BaseKind) -> MergeReport:
    """Compare a merged model with base + adapter.

    Args:
        held: what was kept while it was merged.
        merged: the model, as it will be used.
        dtype: type of its weights.
        into: which form of the base it is.
    """
    return MergeReport(
        path=None,
        dtype=str(dtype).removeprefix("torch."),
        tensors=len(held.deltas),
        changed=sum(delta > 0 for delta in held.deltas),
        max_delta=max(held.deltas, default=0.0),
        adapter_effect=held.effect,
        disagreement=difference(_logits(merged, held.probe), held.adapted),
        into=into,
        streamed=False,
        losses=held.losses,
        exact=held.exact,
    )


def adapter_tokenizer(base: Path, adapter: Path) -> Any:
    """The adapter's tokenizer, if it has one, else the base's."""
    return load_folder_tokenizer(adapter if (adapter / "tokenizer.json").is_file() else base)


def load_base(base: Path, into: BaseKind) -> Any:
    """The base in 16 bits, or after its way through 4 bits."""
    if into == "16-bit":
        return load_hf_model(base)
    return load_dequantised(base).float()


def _check_rows(model: Any, tokenizer: Any, adapter: Path) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ExportError(
            f"{adapter}: its tokenizer has {len(tokenizer)} tokens, but the base only {rows} rows "
            "of embeddings. Train with the base's own tokenizer."
        )


def _answers(model: Any, tokenizer: Any, task: Task | None, pairs: list[Pair]) -> list[GoldTokens]:
    if task is None or not pairs:
        return []
    context = getattr(model.config, "max_position_embeddings", None)
    try:
        chat = chat_format(tokenizer)
        return encode_answers(tokenizer, chat, task, pairs, context=context, most=None)
    except ModelError as error:
        raise ExportError(str(error)) from error


def attach(model: Any, adapter: Path) -> Any:
    """Put an adapter on a model.

    Raises:
        ExportError: it does not fit.
    """
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(adapter)).eval()
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{adapter}: does not fit the base: {short_reason(error)}") from error


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
            if weight.data_ptr() in seen:
                continue
            seen.add(weight.data_ptr())
            before = weight.detach().to(stored, copy=True)
            module.merge()
            yield difference(module.get_base_layer().weight.detach().to(stored), before)
        elif isinstance(module, ModulesToSaveWrapper):
            chosen = module.modules_to_save[module.active_adapters[0]]
            if chosen.weight.data_ptr() in seen:
                continue
            seen.add(chosen.weight.data_ptr())
            yield difference(chosen.weight.to(stored), module.original_module.weight.to(stored))


def _logits(model: Any, ids: list[int]) -> torch.Tensor:
    import torch

    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids])).logits[0].float()
    return logits
