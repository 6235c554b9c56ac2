"""What an adapter's configuration says that plain LoRA of linear layers does not cover.

Contract: ``beyond_plain(config)`` names those parts, for the two ways that know plain LoRA only:
the merge tensor by tensor and the adapter's own GGUF.

Format: ``adapter_config.json`` of PEFT (https://huggingface.co/docs/peft/package_reference/lora).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from setaccio.data.errors import ExportError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT puts before the names of the base's layers."""

_FLAGS = (
    "use_dora",
    "fan_in_fan_out",
    "alpha_pattern",
    "lora_bias",
    "trainable_token_indices",
    "target_parameters",
    "layer_replication",
)
# These change the base's own weights before training, so the saved factors fit no other base.
_REWRITES_BASE = ("pissa", "olora", "corda", "loftq")


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
    path = adapter / CONFIG
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: can not be read as JSON ({error}).") from error
    return content


def trained_whole(config: dict[str, Any]) -> list[str]:
    """Last parts of the names of layers that were trained whole beside the adapter."""
    names = config.get("modules_to_save") or []
    return sorted({str(name).rpartition(".")[2] for name in names})


def is_plain(adapter: Path) -> bool:
    """Whether an adapter can be a GGUF of its own: plain LoRA, no layer trained whole.

    Raises:
        ExportError: its configuration can not be read.
    """
    config = adapter_config(adapter)
    return not beyond_plain(config) and not trained_whole(config)
