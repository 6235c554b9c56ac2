"""Merge an adapter into a base that does not fit into memory, one tensor at a time.

Contract: ``merge_streamed(base, adapter, out)`` reads the base's safetensors shard by shard and
writes shards of the same names; at no time is more than one weight in memory, with the adapter.
Only plain LoRA of linear layers goes this way, and layers that were trained whole beside it. The
model is never run, so the proof is made weight by weight: on a random input, the merged matrix must
give what base + adapter gives.

Format: https://huggingface.co/docs/safetensors/index#format.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from setaccio.data.errors import ExportError
from setaccio.export.merging.adapter_config import PREFIX, WEIGHTS, adapter_config, beyond_plain
from setaccio.export.merging.proof import MergeReport, difference
from setaccio.models.gguf_base.loading import read_config

if TYPE_CHECKING:
    import torch

_A, _B = ".lora_A.weight", ".lora_B.weight"
_OUTPUT = "lm_head.weight"
_COPY = ".base_layer"  # PEFT's name for the base's own weights beside a pair of factors
# Not weights, and not the tokenizer, which the caller saves.
_COPIED = ("config.json", "generation_config.json", "model.safetensors.index.json")


def merge_streamed(base: Path, adapter: Path, out: Path) -> MergeReport:
    """Write the merged weights and the base's configuration into ``out``, a new folder.

    Returns:
        What was changed; effect and disagreement are those of single layers on a random input.

    Raises:
        ExportError: an adapter of another kind than plain LoRA, or one that does not fit the base.
    """
    from safetensors import safe_open

    scale_of = _scaling(adapter)
    out.mkdir(parents=True)
    found: list[_Change] = []
    with safe_open(adapter / WEIGHTS, "pt") as lora:
        wanted, whole = _pairs(list(lora.keys()), adapter)
        left = set(wanted) | set(whole)
        for shard in sorted(base.glob("*.safetensors")):
            with safe_open(shard, "pt") as weights, (out / shard.name).open("wb") as stream:
                names = list(weights.keys())
                _write_header(stream, weights, names)
                for name in names:
                    tensor = weights.get_tensor(name)
                    if name in whole:
                        tensor, change = _replaced(name, tensor, lora.get_tensor(whole[name]))
                        found.append(change)
                    if name in wanted:
                        a, b = (lora.get_tensor(key) for key in wanted[name])
                        tensor, change = _merged(name, tensor, a, b, scale_of(a.shape[0]))
                        found.append(change)
                    left.discard(name)
                    _write_tensor(stream, tensor)
    if read_config(base).get("tie_word_embeddings"):
        left.discard(_OUTPUT)  # the embeddings once more
    if left:
        raise ExportError(
            f"{adapter}: does not fit the base, which has no {', '.join(sorted(left)[:3])}."
        )
    for name in _COPIED:
        if (base / name).is_file():
            shutil.copyfile(base / name, out / name)
    return MergeReport(
        path=out,
        dtype=found[0].dtype if found else "none",
        tensors=len(found),
        changed=sum(change.delta > 0 for change in found),
        max_delta=max((change.delta for change in found), default=0.0),
        adapter_effect=max((change.effect for change in found), default=0.0),
        disagreement=max((change.disagreement for change in found), default=0.0),
        into="16-bit",
        streamed=True,
        losses={},
    )


class _Change(NamedTuple):
    dtype: str
    delta: float
    effect: float
    disagreement: float


def _scaling(adapter: Path) -> Any:
    """How the adapter's product is scaled, from its rank; refuse what is more than plain LoRA."""
    config = adapter_config(adapter)
    if more := beyond_plain(config):
        raise ExportError(
            f"{adapter}: only plain LoRA is merged without loading the model, not "
            f"{', '.join(more)}. Merge on a machine with more memory."
        )
    alpha, rooted = float(config["lora_alpha"]), bool(config.get("use_rslora"))
    return lambda rank: alpha / (math.sqrt(rank) if rooted else rank)


def _pairs(keys: list[str], adapter: Path) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Weights with a pair of factors, and weights that the adapter brings whole."""
    pairs = {
        key.removeprefix(PREFIX).removesuffix(_A) + ".weight": (key, key.removesuffix(_A) + _B)
        for key in keys
        if key.endswith(_A)
    }
    used = {key for pair in pairs.values() for key in pair}
    whole = {key.removeprefix(PREFIX).replace(_COPY, ""): key for key in keys if key not in used}
    odd = sorted(used - set(keys)) + sorted(key for key in whole.values() if "lora_" in key)
    if odd:
        raise ExportError(f"{adapter}: {odd[0]} is no part of a plain LoRA of linear layers.")
    return pairs, whole


def _replaced(name: str, weight: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, _Change]:
    _check_shape(name, weight, tuple(new.shape))
    stored = new.to(weight.dtype)
    delta, rounding = difference(stored, weight), difference(stored, new)
    return stored, _Change(str(weight.dtype).removeprefix("torch."), delta, delta, rounding)


def _merged(
    name: str, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float
) -> tuple[torch.Tensor, _Change]:
    import torch

    _check_shape(name, weight, (b.shape[0], a.shape[1]))
    delta = scale * (b.float() @ a.float())
    merged = (weight.float() + delta).to(weight.dtype)
    probe = torch.randn(a.shape[1], generator=torch.Generator().manual_seed(0))
    alone = scale * (b.float() @ (a.float() @ probe))
    expected = weight.float() @ probe + alone
    change = _Change(
        dtype=str(weight.dtype).removeprefix("torch."),
        delta=difference(merged, weight),
        effect=float(alone.abs().max()),
        disagreement=difference(merged.float() @ probe, expected),
    )
    return merged, change


def _check_shape(name: str, weight: torch.Tensor, found: tuple[int, ...]) -> None:
    if found != tuple(weight.shape):
        raise ExportError(
            f"{name}: the adapter's {' x '.join(map(str, found))} does not fit the base's "
            f"{' x '.join(map(str, weight.shape))}."
        )


def _write_header(stream: IO[bytes], weights: Any, names: list[str]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, kind, shape, size in _layout(weights, names):
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)


def _layout(weights: Any, names: list[str]) -> Iterator[tuple[str, str, list[int], int]]:
    for name in names:
        part = weights.get_slice(name)
        shape, kind = list(part.get_shape()), str(part.get_dtype())
        bits = {"BOOL": 8}.get(kind) or int("".join(c for c in kind.split("_")[0] if c.isdigit()))
        yield name, kind, shape, math.prod(shape) * bits // 8


def _write_tensor(stream: IO[bytes], tensor: torch.Tensor) -> None:
    import torch

    flat = tensor.contiguous().reshape(-1)
    stream.write(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
