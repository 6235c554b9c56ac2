"""A base as 4-bit training saw it: quantised to NF4 and back to 16 bits.

Contract: ``load_dequantised(folder)`` goes through bitsandbytes and transformers with the settings
of 4-bit training (NF4, double quantisation); the model that comes back has plain 16-bit weights,
each rounded as the adapter knew it. Needs the optional bitsandbytes.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from setaccio.data.errors import ExportError, MissingExtraError
from setaccio.export.merging.hf_folder import require_torch, stored_dtype


def has_bitsandbytes() -> bool:
    """Whether 4-bit bases can be loaded here."""
    return importlib.util.find_spec("bitsandbytes") is not None


def load_dequantised(folder: Path) -> Any:
    """Load a base through 4 bits.

    Args:
        folder: a 16-bit model, quantised while it loads, or one that was saved in 4 bits.

    Raises:
        ExportError: it can not be loaded.
        MissingExtraError: bitsandbytes, torch or transformers is not installed.
    """
    require_torch()
    if not has_bitsandbytes():
        raise MissingExtraError("gpu", "bitsandbytes")
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    kept = stored_dtype(folder)
    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=kept,
    )
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            quantization_config=quantisation,
            dtype=kept,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        model = model.dequantize()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ExportError(f"{folder}: can not be loaded in 4 bits. {reason}") from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # What is saved from here on is 16-bit.
    return model.to(kept).eval()
