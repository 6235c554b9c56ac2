"""Read a LoRA adapter's GGUF back into the tensors that PEFT holds.

Contract: ``read_lora(path)`` checks the file and tells rank and alpha; ``lora_tensors(lora, base)``
gives the factors under PEFT's names, with the rows of llama's queries and keys back in
transformers' order. Only architectures for which this was proved with llama.cpp's own converter are
taken (``tests/models/gguf_base/test_lora_back.py``): a row in the wrong place would be noticed by
nobody.

Format: ``convert_lora_to_gguf.py`` of llama.cpp; the order of rows is ``LlamaModel.permute``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from setaccio.data.errors import MissingExtraError, ModelError
from setaccio.models.gguf_base.loading import empty_model
from setaccio.models.gguf_base.reader import GgufFile, read_gguf

if TYPE_CHECKING:
    import torch

_PERMUTED = frozenset({"llama", "smollm3"})
_PLAIN = frozenset({"gemma3", "lfm2", "phi3", "qwen2", "qwen3"})
_DOWN, _UP = ".lora_a", ".lora_b"
_NUMBER = re.compile(r"\.(\d+)\.")
_QUERIES, _KEYS = ".attn_q.weight", ".attn_k.weight"


class LoraFile(NamedTuple):
    """An adapter's GGUF.

    Attributes:
        gguf: the file.
        rank: of every factor.
        alpha: the delta is scaled by alpha / rank.
    """

    gguf: GgufFile
    rank: int
    alpha: float

    def said(self, key: str) -> str | None:
        """What the file says of its origin, such as ``base_sha256``."""
        value = self.gguf.metadata.get(f"setaccio.{key}")
        return None if value is None else str(value)


def read_lora(path: Path) -> LoraFile:
    """Check that a GGUF is a LoRA adapter whose factors can be read back.

    Raises:
        ModelError: no such file, no LoRA adapter, several ranks, or an architecture whose rows
            are not known to be where they should.
    """
    gguf = read_gguf(path)
    kind = gguf.metadata.get("adapter.type")
    if gguf.metadata.get("general.type") != "adapter" or kind != "lora":
        raise ModelError(
            f"{path}: is no LoRA adapter. Give what `setaccio export --adapter-only` wrote, or the "
            "folder of a training run."
        )
    if gguf.architecture not in _PERMUTED | _PLAIN:
        known = ", ".join(sorted(_PERMUTED | _PLAIN))
        raise ModelError(
            f"{path}: adapters of the architecture {gguf.architecture!r} can not be read back "
            f"({known} can). Give the training run's folder."
        )
    ranks = {place.shape[0] for name, place in gguf.tensors.items() if name.endswith(_DOWN)}
    ranks |= {place.shape[1] for name, place in gguf.tensors.items() if name.endswith(_UP)}
    if len(ranks) != 1:
        raise ModelError(
            f"{path}: its factors do not all have one rank. Give the training run's folder."
        )
    return LoraFile(gguf, ranks.pop(), float(gguf.metadata.get("adapter.lora.alpha", 0.0)))


def lora_tensors(lora: LoraFile, base: Path) -> dict[str, torch.Tensor]:
    """The factors in float32.

    Args:
        lora: from :func:`read_lora`.
        base: folder of the base in Hugging Face format; only its configuration is read.

    Returns:
        By PEFT's names, such as ``base_model.model.model.layers.0.mlp.up_proj.lora_A.weight``:
        A is (rank, inputs), B is (outputs, rank).

    Raises:
        ModelError: a factor has no place in the base, or lacks its other half.
    """
    import numpy as np
    import torch

    gguf = lora.gguf
    config, places = _linear_layers(base, gguf.architecture)
    found: dict[str, torch.Tensor] = {}
    for name in gguf.tensors:
        whole = name.removesuffix(_DOWN).removesuffix(_UP)
        other = whole + (_UP if name.endswith(_DOWN) else _DOWN)
        if whole == name or whole not in places or other not in gguf.tensors:
            raise ModelError(f"{gguf.path}: {name} has no place in {base}. Is it another base's?")
        layer, shape = places[whole]
        is_down = name.endswith(_DOWN)
        expected = (lora.rank, shape[1]) if is_down else (shape[0], lora.rank)
        values = torch.from_numpy(np.array(gguf.tensor(name), np.float32))
        if tuple(values.shape) != expected:
            raise ModelError(
                f"{gguf.path}: {name} is {list(values.shape)}, and {base} wants {list(expected)}. "
                "It is an adapter for another base."
            )
        if not is_down and gguf.architecture in _PERMUTED:
            values = _hf_rows(values, whole, config)
        found[f"base_model.model.{layer}.lora_{'A' if is_down else 'B'}.weight"] = values
    return found


Layer = tuple[int, str]
"""Number and name of a linear layer, such as ``(0, "up_proj")``."""


def lora_layers(lora: LoraFile, base: Path) -> tuple[list[Layer], list[Layer]]:
    """The layers that an adapter changes, and all that the base has inside its blocks.

    Raises:
        ModelError: a factor has no place in a block of the base.
    """
    _, places = _linear_layers(base, lora.gguf.architecture)
    inside = {
        theirs: (int(found[1]), name.rpartition(".")[2])
        for theirs, (name, _) in places.items()
        if (found := _NUMBER.search(name))
    }
    changed = {name.removesuffix(_DOWN).removesuffix(_UP) for name in lora.gguf.tensors}
    if homeless := sorted(changed - set(inside)):
        raise ModelError(
            f"{lora.gguf.path}: {homeless[0]} has no place in the blocks of {base}. Is it another "
            "base's?"
        )
    return [inside[name] for name in sorted(changed)], list(inside.values())


def _hf_rows(values: torch.Tensor, name: str, config: Any) -> torch.Tensor:
    """Rows of queries and keys as transformers has them; all others stay."""
    if not name.endswith((_QUERIES, _KEYS)):
        return values
    heads = config.num_attention_heads if name.endswith(_QUERIES) else config.num_key_value_heads
    halves = values.reshape(heads, values.shape[0] // heads // 2, 2, values.shape[1])
    return halves.swapaxes(1, 2).reshape(values.shape).contiguous()


def _linear_layers(base: Path, architecture: str) -> tuple[Any, dict[str, tuple[str, Any]]]:
    """The base's configuration, and by llama.cpp's name each layer's own name and shape."""
    import torch

    try:
        import gguf
    except ImportError as error:
        raise MissingExtraError("train", "gguf") from error
    model = empty_model(base)
    config = model.config.get_text_config()
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(kinds[architecture], config.num_hidden_layers)
    layers = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            theirs = names.get_name(f"{name}.weight", (".weight",))
            layers[theirs] = (name, module.weight.shape)
    return config, layers
