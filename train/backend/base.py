"""Base models: found on disk, loaded from safetensors, identified by hash.

A base is a local folder, a GGUF, a known model's name, or an id whose files are already in the
Hub cache.
Nothing is fetched unless the caller allows it, no code from a model's folder is run
(``trust_remote_code`` stays off), and weights are read from safetensors only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from setaccio.data.errors import ModelError
from setaccio.data.files.digests import weights_digest
from setaccio.data.task.hf_tokenizer import load_hf_tokenizer
from setaccio.models import known_models, model_path
from setaccio.models.templates import Template, load_template
from setaccio.train.backend.device import shrink_heap

if TYPE_CHECKING:
    import torch

# Tokens at which llama.cpp stops whatever the model's files say (its `llama-vocab.cpp`).
END_TOKENS = frozenset(
    {
        "<|eot_id|>",
        "<|im_end|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<end_of_turn>",
        "<|endoftext|>",
        "<|eom_id|>",
        "</s>",
    }
)


@dataclass(frozen=True)
class Base:
    """A base model on disk.

    Attributes:
        name: what to call it in provenance: the Hub id, or the folder's name.
        folder: where its files are; of a GGUF, the folder that was made of it.
        gguf: the GGUF that the folder was made of, or None.
        gguf_sha256: its SHA-256 (hex), or None.
        template: a chat template to use in place of its own, or None.
    """

    name: str
    folder: Path
    gguf: Path | None = None
    gguf_sha256: str | None = None
    template: Template | None = None

    def digest(self) -> str:
        """SHA-256 (hex) of the weights, as ``weights_digest`` of ``data/files`` has it."""
        return weights_digest(self.folder)

    @property
    def quantised(self) -> bool:
        """Whether the weights on disk are quantised, so that merging needs another folder."""
        config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        return bool(config.get("quantization_config"))


def _from_cache(name: str, allow_download: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
    try:
        return Path(
            snapshot_download(name, local_files_only=not allow_download, allow_patterns=wanted)
        )
    except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelError(_not_found(name)) from error


def _not_found(name: str) -> str:
    place = "the path of a GGUF, or of a local folder with config.json and *.safetensors"
    if "/" in name:  # may be a Hub id
        return (
            f"{name}: not a folder, and not in the Hub cache. Give {place}, or allow the download "
            "with --allow-download."
        )
    known = ", ".join(each.name for each in known_models())
    return f"{name}: no known model, and no file or folder. Known are: {known}. Or give {place}."


def resolve_base(name: str, *, allow_download: bool = False, template: str | None = None) -> Base:
    """Find a base model on disk; a GGUF is dequantised and proved when it is first asked for.

    Args:
        name: a folder, a GGUF, a known model such as ``smollm2``, or a Hub id such as
            ``Qwen/Qwen2.5-1.5B-Instruct``.
        allow_download: fetch it from the Hub where it is absent.
        template: a chat template in place of the base's own: a name of
            :func:`setaccio.models.templates.template_names`, or a Jinja file.

    Raises:
        ModelError: it is not there, the folder holds no safetensors model, or the GGUF can not be
            a base; says what to do.
    """
    base = _find(name, allow_download)
    return base if template is None else replace(base, template=load_template(template))


def _find(name: str, allow_download: bool) -> Base:
    folder = Path(name)
    known = next((each for each in known_models() if each.name == name), None)
    if folder.is_file() or (known is None and _is_absent_gguf(folder)):
        return _from_gguf(folder, folder.stem)
    if known is not None and not (folder / "config.json").is_file():
        if known.hub is None:
            return _from_gguf(model_path(name), name)
        name = known.hub
        folder = _from_cache(name, allow_download)
        label = name
    elif folder.is_dir():
        label = folder.name
    else:
        folder, label = _from_cache(name, allow_download), name
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name}: no config.json in {folder}; this is not a transformers model.")
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{name}: no *.safetensors in {folder}. Other weight formats can run code when they "
            "are read; convert the model to safetensors."
        )
    return Base(label, folder)


def _is_absent_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf" and not path.is_dir()


def _from_gguf(path: Path, label: str) -> Base:
    """Find or make the folder of a GGUF; what is done the first time is shown on standard error."""
    from setaccio.models.gguf_base import base_folder

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    last = ""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task("", total=1.0, visible=False)

        def advance(doing: str, share: float) -> None:
            nonlocal last
            if not last:
                console.print(
                    f"Making {path.name} a base, once: it is dequantised and proved.", markup=False
                )
            if doing != last and not console.is_terminal:
                console.print(f"{doing} ...", markup=False)
            last = doing
            bar.update(row, description=doing, completed=share, visible=True)

        base = base_folder(path, advance)
    if last:
        shrink_heap()
        proof = base.record["proof"]
        console.print(
            f"Proved in {base.record['seconds']:.0f} s: the same token ids as llama.cpp on "
            f"{proof['strings']:,} texts, answers that diverge by {proof['mean_kl']:.2g} nats. "
            f"Kept in {base.folder}",
            markup=False,
        )
    return Base(label, base.folder, base.gguf, base.sha256)


def load_tokenizer(base: Base) -> Any:
    """Load a base's tokenizer.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: the files can not be read, or there is no chat template.
    """
    tokenizer = load_hf_tokenizer(base.folder)
    if base.template is not None:
        ends = tokenizer.convert_ids_to_tokens(sorted(end_token_ids(base, tokenizer)))
        tokenizer.chat_template = base.template.fitted(ends)
    if not isinstance(tokenizer.chat_template, str):
        raise ModelError(
            f"{base.gguf or base.folder}: has no chat template, so it is no instruct model. Give "
            "it one to be trained on: --template chatml, or a file with a Jinja template."
        )
    return tokenizer


def end_token_ids(base: Base, tokenizer: Any) -> set[int]:
    """Ids of the tokens at which generation stops: by the model's files, or by llama.cpp's list."""
    ids = {tokenizer.eos_token_id}
    generation = base.folder / "generation_config.json"
    if generation.is_file():
        stop = json.loads(generation.read_text(encoding="utf-8")).get("eos_token_id")
        ids.update(stop if isinstance(stop, list) else [stop])
    vocabulary = tokenizer.get_vocab()
    ids.update(vocabulary[token] for token in END_TOKENS if token in vocabulary)
    return ids - {None}


def load_base_model(base: Base, dtype: torch.dtype, quantization: Any = None) -> Any:
    """Load a base's weights.

    Args:
        base: where they are.
        dtype: what the weights are held in.
        quantization: a ``BitsAndBytesConfig`` for a 4-bit base.

    Raises:
        ModelError: the files do not make a causal language model.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            quantization_config=quantization,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{base.folder}: the model can not be loaded ({reason}).") from error
