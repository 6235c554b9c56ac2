"""Layers that are one in the base and that an adapter changes apart.

Contract: ``tied_layers(base)`` names the layers that share their weights, as transformers ties them
(mostly the output layer with the token embeddings); ``check_tying(base, adapter)`` refuses an
adapter that changes only one of them, or each in its own way. With it on, the two are two matrices
where the model's configuration has room for one: merged and saved, it is another model than the one
that was trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from setaccio.data.errors import ExportError, short_reason
from setaccio.export.merging.adapter_config import PREFIX, WEIGHTS, adapter_config

if TYPE_CHECKING:
    import torch

_Parts = dict[str, str]  # what an adapter holds for a layer: end of the key, key

# What both layers have in common where they are changed as one: (in the embeddings, in the other).
_FACTORS = (("lora_embedding_A", "lora_B.weight"), ("lora_embedding_B", "lora_A.weight"))


def tied_layers(base: Path) -> list[tuple[str, str]]:
    """Names of layers that share their weights, such as ``("model.embed_tokens", "lm_head")``.

    Args:
        base: a model folder, of which only ``config.json`` is read.

    Raises:
        ExportError: the configuration is none that transformers knows by itself.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        shape = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(shape, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ExportError(f"{base}: can not be loaded. {short_reason(error)}") from error
    tied: dict[str, str] = getattr(model, "all_tied_weights_keys", None) or {}
    return [
        (source.removesuffix(".weight"), target.removesuffix(".weight"))
        for target, source in tied.items()
    ]


def check_tying(base: Path, adapter: Path) -> None:
    """Refuse an adapter that changes one of two layers that are one in the base.

    Args:
        base: the base's folder.
        adapter: folder with ``adapter_config.json`` and ``adapter_model.safetensors``.

    Raises:
        ExportError: so it is, or a configuration can not be read.
    """
    from safetensors import safe_open

    tied = tied_layers(base)
    if not tied:
        return
    ensured = bool(adapter_config(adapter).get("ensure_weight_tying"))
    with safe_open(adapter / WEIGHTS, "pt") as weights:
        for first, second in tied:
            parts = [_changed(weights, name, base, first) for name in (first, second)]
            if any(parts) and not _as_one(weights, *parts, ensured=ensured):
                layers = [name for name, held in zip((first, second), parts, strict=True) if held]
                raise ExportError(_refusal(adapter, first, second, layers, parts))


def _changed(weights: Any, name: str, base: Path, source: str) -> _Parts:
    """What the adapter holds for a layer, without mere copies of the base's weights."""
    start = f"{PREFIX}{name}."
    parts = {key.removeprefix(start): key for key in weights.keys() if key.startswith(start)}  # noqa: SIM118
    for end in ("base_layer.weight", "weight"):
        if end in parts and _is_copy(weights.get_tensor(parts[end]), base, f"{source}.weight"):
            del parts[end]
    return parts


def _is_copy(tensor: torch.Tensor, base: Path, name: str) -> bool:
    """Whether a tensor is the base's own, up to the type that it was saved in."""
    import torch
    from safetensors import safe_open

    for shard in sorted(base.glob("*.safetensors")):
        with safe_open(shard, "pt") as weights:
            if name in weights.keys():  # noqa: SIM118
                own = weights.get_tensor(name)
                return own.shape == tensor.shape and bool(torch.equal(own.to(tensor.dtype), tensor))
    return False


def _as_one(weights: Any, first: _Parts, second: _Parts, *, ensured: bool) -> bool:
    """Whether the embeddings and what shares them are changed in the same way."""
    import torch

    if not second:  # PEFT saves only the embeddings of two layers that it ties itself
        tokens = all(end.startswith("token_adapter.") for end in first)
        return tokens or (ensured and set(first) == {"weight"})
    if set(first) == set(second) == {"weight"}:
        return bool(torch.equal(*(weights.get_tensor(part["weight"]) for part in (first, second))))
    own, other = zip(*_FACTORS, strict=True)
    if set(first) != set(own) or set(second) != set(other):
        return False
    return all(
        torch.equal(weights.get_tensor(first[one]), weights.get_tensor(second[two]).T)
        for one, two in _FACTORS
    )


def _refusal(adapter: Path, first: str, second: str, layers: list[str], parts: list[_Parts]) -> str:
    names = " and ".join(layers)
    what = "LoRA on" if any("lora_" in end for held in parts for end in held) else "new weights for"
    apart = f"and not on {second if layers == [first] else first}" if len(layers) == 1 else "apart"
    return (
        f"{adapter}: has {what} {names} {apart}, but {first} and {second} share their weights in "
        "this base, so no single model holds both. Train again without them in target_modules, or "
        "with train_embeddings=true, which trains both as one (in PEFT: modules_to_save with "
        "ensure_weight_tying)."
    )
