"""The back end for an NVIDIA GPU: Unsloth's kernels under the same trainer.

Written against Unsloth 2026.10.7, which reports its use unless ``UNSLOTH_DISABLE_STATISTICS`` is
set; ``setaccio.data`` sets it before anything is imported here. Unsloth replaces parts of
transformers and TRL when it is imported, so :func:`load` comes before any import of those. It only
trains: merging, conversion and quantisation are Setaccio's own, because Unsloth's exporters may use
the network.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from setaccio.data.errors import MissingExtraError, TrainError
from setaccio.train.backend.base import Base
from setaccio.train.config.config import TrainConfig


def installed() -> bool:
    """Whether Unsloth can be imported, without importing it."""
    return importlib.util.find_spec("unsloth") is not None


def load() -> Any:
    """Import Unsloth, before transformers and TRL.

    Raises:
        MissingExtraError: it is not installed.
        TrainError: it is installed but does not start, as without a GPU.
    """
    if not installed():
        raise MissingExtraError("gpu", "unsloth")
    try:
        return importlib.import_module("unsloth")
    except (ImportError, NotImplementedError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrainError(f"Unsloth does not start ({reason}). Use --backend trl.") from error


def _quantisation_aware(config: TrainConfig) -> dict[str, str]:
    """What makes Unsloth round the weights while they are trained; torchao does the rounding.

    Raises:
        TrainError: torchao is not installed.
    """
    if config.quantisation_aware is None:
        return {}
    if importlib.util.find_spec("torchao") is None:
        raise TrainError("quantisation_aware: torchao is not installed. Run: pip install torchao")
    return {"qat_scheme": config.quantisation_aware}


def prepare_unsloth(config: TrainConfig, base: Base) -> tuple[Any, None]:
    """Load the base through Unsloth and put an adapter on it.

    Returns:
        The model, and None: the trainer makes no further adapter.

    Raises:
        MissingExtraError: Unsloth is not installed.
        TrainError: Unsloth does not start or can not load this base, or torchao is absent.
    """
    unsloth = load()
    import torch

    from setaccio.train.backend.backend_trl import adapter_settings, uses_bf16

    dtype = torch.bfloat16 if uses_bf16(config) else torch.float16
    checkpointing = "unsloth" if config.gradient_checkpointing else False
    try:
        model, _ = unsloth.FastLanguageModel.from_pretrained(
            model_name=str(base.folder),
            max_seq_length=config.max_length,
            dtype=dtype,
            load_in_4bit=config.method == "qlora",
            load_in_16bit=config.method == "lora",
            full_finetuning=config.method == "full",
            use_exact_model_name=True,  # else another, pre-quantised base may be taken
            use_gradient_checkpointing=checkpointing,
            random_state=config.seed,
            trust_remote_code=False,
            local_files_only=True,
        )
        if config.method == "full":
            return model, None
        model = unsloth.FastLanguageModel.get_peft_model(
            model,
            **adapter_settings(config, model),
            **_quantisation_aware(config),
            use_gradient_checkpointing=checkpointing,
            random_state=config.seed,
        )
    except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrainError(
            f"{base.folder}: Unsloth refuses it ({reason}). Use --backend trl."
        ) from error
    return model, None
