"""Load causal language models through transformers: safetensors only, no foreign code, no network.

Contract: ``load_causal_lm(folder)`` gives a model in evaluation mode; nothing is fetched.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from setaccio.data.errors import ModelError, short_reason

if TYPE_CHECKING:
    import torch

MEMORY_SHARE = 0.7
"""Share of the free memory that a float32 copy may take, activations and a second weight aside."""


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Keep transformers' bars from standing between this program's own lines."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def folder_bytes(folder: Path) -> int:
    """Bytes of all safetensors in a model folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def read_config(folder: Path) -> dict[str, Any]:
    """The content of a model folder's ``config.json``."""
    content: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return content


def fits_as_float32(folder: Path, memory: int | None = None) -> bool:
    """Whether a 16-bit model can be computed in float32 in so many bytes (default: the free)."""
    free = psutil.virtual_memory().available if memory is None else memory
    return 2 * folder_bytes(folder) < MEMORY_SHARE * free


def empty_model(folder: Path) -> Any:
    """The causal language model of a folder without its weights, to see its layers.

    Raises:
        ModelError: the configuration is none that transformers knows by itself.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        shape = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(shape, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: can not be loaded ({short_reason(error)}).") from error


def load_causal_lm(folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    """Load the causal language model of a folder for evaluation.

    Args:
        folder: a model folder with safetensors.
        dtype: type to compute in.
        options: further ones of ``from_pretrained``.

    Raises:
        OSError, ValueError, KeyError, RuntimeError: transformers can not load it.
    """
    from transformers import AutoModelForCausalLM

    with without_bars():
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **options,
        )
    return model.eval()
