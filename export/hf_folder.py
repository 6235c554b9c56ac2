"""Load models and tokenizers of a folder through transformers: safetensors only, no foreign code.

Contract: ``load_hf_model`` gives an evaluation-mode model in float32, or in its own 16-bit type
where memory does not suffice, or with ``offload`` with most layers left on disk;
``load_dequantised`` the same model as 4-bit training saw it; ``load_folder_tokenizer`` the
tokenizer. Nothing is fetched: a folder is a folder.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from setaccio.data.errors import ExportError, MissingExtraError, ModelError, short_reason
from setaccio.data.task.hf_tokenizer import load_hf_tokenizer
from setaccio.models.gguf_base import VOCABULARY_FILE
from setaccio.models.gguf_base.loading import (
    MEMORY_SHARE,
    fits_as_float32,
    folder_bytes,
    load_causal_lm,
    read_config,
)

if TYPE_CHECKING:
    import torch

# Share of the free memory for the layers of a model that does not fit: the rest is read when run.
_RESIDENT_SHARE = 0.4
_REFUSED = (OSError, ValueError, KeyError, RuntimeError)


def require_torch() -> None:
    """Raise MissingExtraError when the training extra is not installed."""
    for package in ("torch", "transformers", "peft"):
        try:
            __import__(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError("train", package) from error
    # Its bars for loading and saving would stand between this program's own lines.
    from transformers.utils import logging

    logging.disable_progress_bar()


def load_folder_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder.

    Raises:
        ExportError: there is none, or it can not be read.
    """
    require_torch()
    try:
        return load_hf_tokenizer(folder)
    except ModelError as error:
        raise ExportError(str(error)) from error


def save_tokenizer(tokenizer: Any, base: Path, folder: Path) -> None:
    """Save a tokenizer, and beside it the files of its base that transformers leaves behind.

    llama.cpp's converter reads some vocabularies from ``tokenizer.model`` and nothing else, such
    as Phi-3's; that of a base that was a GGUF is copied from ``vocabulary.gguf``.
    """
    tokenizer.save_pretrained(folder)
    for name in ("tokenizer.model", VOCABULARY_FILE):
        if (base / name).is_file() and not (folder / name).is_file():
            shutil.copyfile(base / name, folder / name)


def load_hf_model(folder: Path, *, offload: bool = False, memory: int | None = None) -> Any:
    """Load the causal language model of a folder for evaluation on the CPU.

    Args:
        folder: a model folder.
        offload: leave layers that do not fit on disk, to be read each time they are run; such a
            model can be run, but not changed.
        memory: bytes that may be counted on; by default what is free.

    Raises:
        ExportError: not a model folder, no safetensors, or an architecture that needs code of
            its own.
    """
    require_torch()
    import torch

    check_weights(folder)
    free = psutil.virtual_memory().available if memory is None else memory
    placed: dict[str, Any] = {}
    if offload and folder_bytes(folder) > MEMORY_SHARE * free:
        placed = {"device_map": "auto", "max_memory": {"cpu": int(_RESIDENT_SHARE * free)}}
    try:
        dtype = torch.float32 if fits_as_float32(folder, free) else stored_dtype(folder)
        return load_causal_lm(folder, dtype, **placed)
    except _REFUSED as error:
        raise ExportError(f"{folder}: can not be loaded. {short_reason(error)}") from error


def has_bitsandbytes() -> bool:
    """Whether 4-bit bases can be loaded here."""
    return importlib.util.find_spec("bitsandbytes") is not None


def load_dequantised(folder: Path) -> Any:
    """Load a base as 4-bit training saw it: quantised to NF4 and back to 16 bits.

    Each weight is rounded as the adapter knew it. The settings are those of 4-bit training (NF4,
    double quantisation).

    Args:
        folder: a 16-bit model, quantised while it loads, or one that was saved in 4 bits.

    Raises:
        ExportError: it can not be loaded.
        MissingExtraError: bitsandbytes, torch or transformers is not installed.
    """
    require_torch()
    if not has_bitsandbytes():
        raise MissingExtraError("gpu", "bitsandbytes")
    from transformers import BitsAndBytesConfig

    kept = stored_dtype(folder)
    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=kept,
    )
    try:
        model = load_causal_lm(folder, kept, quantization_config=quantisation).dequantize()
    except _REFUSED as error:
        raise ExportError(
            f"{folder}: can not be loaded in 4 bits. {short_reason(error)}"
        ) from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # What is saved from here on is 16-bit.
    return model.to(kept).eval()


def check_weights(folder: Path) -> None:
    """Open every safetensors file of a folder, which compares its size with its header.

    Raises:
        ExportError: a file is cut off, or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "numpy"):
                pass
        except (OSError, SafetensorError) as error:
            raise ExportError(
                f"{path}: cut off, or no safetensors ({short_reason(error)}). "
                "Copy, fetch or make it anew."
            ) from error


def stored_dtype(folder: Path) -> torch.dtype:
    """The 16-bit type in which a folder's weights are kept: float16 if it says so, or bfloat16."""
    import torch

    config = read_config(folder)
    named = config.get("dtype") or config.get("torch_dtype")
    return torch.float16 if named == "float16" else torch.bfloat16
