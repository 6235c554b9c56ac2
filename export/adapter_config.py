"""What an adapter's configuration says that plain LoRA of linear layers does not cover.

Contract: ``beyond_plain(config)`` names those parts, for the two ways that know plain LoRA only:
the merge tensor by tensor and the adapter's own GGUF. ``check_tying(base, adapter)`` refuses an
adapter that changes only one of two layers that are one in the base.

Format: ``adapter_config.json`` of PEFT (https://huggingface.co/docs/peft/package_reference/lora).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from setaccio.data.errors import ExportError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_FLAGS = ("use_dora", "fan_in_fan_out", "alpha_pattern", "lora_bias")
# These change the base's own weights before training, so the saved factors fit no other base.
_REWRITES_BASE = ("pissa", "olora", "corda", "loftq")
_INPUT, _OUTPUT = "embed_tokens.weight", "lm_head.weight"


def beyond_plain(config: dict[str, Any]) -> list[str]:
    """Names of what is more than plain LoRA; empty for plain LoRA, whatever else is trained whole.

    Args:
        config: the content of ``adapter_config.json``.
    """
    found = [key for key in _FLAGS if config.get(key)]
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.lower().startswith(_REWRITES_BASE):
        found.append(f"init_lora_weights={start}")
    if config.get("bias", "none") != "none":
        found.append(f"bias={config['bias']}")
    if config.get("peft_type") != "LORA":
        found.append(str(config.get("peft_type")))
    return found


def adapter_config(adapter: Path) -> dict[str, Any]:
    """The content of an adapter's ``adapter_config.json``.

    Raises:
        ExportError: there is none, or it is not JSON.
    """
    return _read(adapter / CONFIG)


def trained_whole(config: dict[str, Any]) -> list[str]:
    """Last parts of the names of layers that were trained whole beside the adapter."""
    names = config.get("modules_to_save") or []
    return sorted({str(name).rpartition(".")[2] for name in names})


def check_tying(base: Path, adapter: Path) -> None:
    """Refuse new embeddings that the output layer, which shares them in the base, did not follow.

    Such a model has two matrices where its configuration has room for one: saved, it is another
    model than the one that was trained.

    Raises:
        ExportError: so it is, or a configuration is not JSON.
    """
    import torch
    from safetensors import safe_open

    if not _read(base / "config.json").get("tie_word_embeddings"):
        return
    with safe_open(adapter / WEIGHTS, "pt") as weights:
        whole = [key for key in weights.keys() if key.endswith((_INPUT, _OUTPUT))]  # noqa: SIM118
        if not whole:
            return
        values = [weights.get_tensor(key) for key in whole]
    together = bool(adapter_config(adapter).get("ensure_weight_tying"))
    if not all(torch.equal(values[0], value) for value in values[1:]) or (
        len(values) == 1 and not (together and whole[0].endswith(_INPUT))
    ):
        raise ExportError(
            f"{adapter}: its training changed the token embeddings apart from the output layer, "
            "which shares them in this base, so no single model holds both. Train again with "
            "train_embeddings=true (in PEFT: ensure_weight_tying)."
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: can not be read as JSON ({error}).") from error
    return content
