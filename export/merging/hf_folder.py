"""Load models and tokenizers of a folder through transformers: safetensors only, no foreign code.

Contract: ``load_model`` gives an evaluation-mode model in float32, or in its own 16-bit type where
memory does not suffice, or with ``offload`` with most layers left on disk; ``load_tokenizer`` the
tokenizer. Nothing is fetched: a folder is a folder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from setaccio.data.errors import ExportError, MissingExtraError, ModelError
from setaccio.data.task.hf_tokenizer import load_hf_tokenizer
from setaccio.models.gguf_base import VOCABULARY_FILE

if TYPE_CHECKING:
    import torch

# Share of the free memory that a float32 copy may take, activations and a second weight aside.
_MEMORY_SHARE = 0.7
# Share of it that the layers of a model may take which does not fit: the rest is read when needed.
_RESIDENT_SHARE = 0.4


def folder_bytes(folder: Path) -> int:
    """Bytes of all safetensors in a model folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


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
    check_weights(folder)
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    free = psutil.virtual_memory().available if memory is None else memory
    placed: dict[str, Any] = {}
    if offload and folder_bytes(folder) > _MEMORY_SHARE * free:
        placed = {"device_map": "auto", "max_memory": {"cpu": int(_RESIDENT_SHARE * free)}}
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=_working_dtype(folder, free),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **placed,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ExportError(f"{folder}: can not be loaded. {_short(error)}") from error
    finally:
        if shown:
            logging.enable_progress_bar()
    return model.eval()


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
            reason = _short(error)
            raise ExportError(
                f"{path}: cut off, or no safetensors ({reason}). Copy, fetch or make it anew."
            ) from error


def stored_dtype(folder: Path) -> torch.dtype:
    """The 16-bit type in which a folder's weights are kept: float16 if it says so, or bfloat16."""
    import torch

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    named = config.get("dtype") or config.get("torch_dtype")
    return torch.float16 if named == "float16" else torch.bfloat16


def _working_dtype(folder: Path, free: int) -> torch.dtype:
    import torch

    as_float32 = 2 * folder_bytes(folder)
    fits = as_float32 < _MEMORY_SHARE * free
    return torch.float32 if fits else stored_dtype(folder)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
