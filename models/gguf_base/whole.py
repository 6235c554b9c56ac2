"""Weights of an architecture that is not checked here, through transformers' own GGUF reader.

Contract: ``write_whole(gguf, folder)`` writes safetensors and ``config.json``. The reader holds the
whole model in memory, and what it leaves out of the configuration is left out; whether the result
is the model that llama.cpp runs, the proof decides.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from setaccio.data.errors import ModelError
from setaccio.models.gguf_base.reader import GgufFile
from setaccio.models.gguf_base.vocabulary import Vocabulary
from setaccio.models.gguf_base.weights import no_room, stored_type


def write_whole(gguf: GgufFile, vocabulary: Vocabulary, folder: Path) -> None:
    """Let transformers read the file and save what it made of it.

    Args:
        gguf: the file.
        vocabulary: what llama.cpp says about it, which holds where the reader says otherwise.
        folder: where to write.

    Raises:
        ModelError: it can not, or there is no room for the result.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(gguf.path.resolve().parent),
            gguf_file=gguf.path.name,
            dtype=getattr(torch, stored_type(gguf)),
            local_files_only=True,
            trust_remote_code=False,
        )
        # As a quantised model it would refuse to be saved; dequantised, it is none any more.
        model.config.__dict__.pop("quantization_config", None)
        model.hf_quantizer = None
        for name in ("bos", "eos", "pad"):
            setattr(model.config, f"{name}_token_id", getattr(vocabulary, name))
        size, free = 2 * model.num_parameters(), shutil.disk_usage(folder).free
        try:
            model.save_pretrained(folder, max_shard_size="1GB")
        except (SafetensorError, OSError) as error:
            for file in folder.glob("*.safetensors"):
                file.unlink()  # whole or not, nothing says
            raise ModelError(no_room(folder, gguf, size, free, error)) from error
    except ModelError:
        raise
    except Exception as error:  # this reader raises whatever its many steps do
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{gguf.path}: transformers can not read this {gguf.architecture} GGUF ({reason}). Use "
            "the model's safetensors folder."
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.pop("quantization_config", None) is not None:
        text = json.dumps(config, indent=2) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")
