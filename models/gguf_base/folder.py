"""From a GGUF to the folder that training starts from: made once, proved once, then found again.

Contract: ``base_folder(path)`` gives a folder of the user's cache with safetensors,
``config.json``, ``generation_config.json``, the tokenizer's files and ``gguf.json``, which says
what it was made of and how it was proved. It gets its name only when the proof has passed. What was
cut off goes on where it was, and two processes at once wait for each other. The version of the
proof is part of the folder's name, so that a stricter one looks again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from setaccio.data.errors import MissingExtraError, ModelError
from setaccio.data.task.hf_tokenizer import load_hf_tokenizer
from setaccio.models.bases import RECORD, bases_folder, file_sizes, locked, part_of, read_record
from setaccio.models.digest_cache import verified_sha256
from setaccio.models.gguf_base.config import CHECKED, check_kind, model_config
from setaccio.models.gguf_base.proof import prove_answers, prove_tokenizer
from setaccio.models.gguf_base.reader import GgufFile, read_gguf
from setaccio.models.gguf_base.tokenizer import write_tokenizer
from setaccio.models.gguf_base.vocabulary import Vocabulary, ask_vocabulary
from setaccio.models.gguf_base.weights import (
    SHARD_BYTES,
    stored_type,
    write_weights,
    write_whole,
)

VERSION = 2
"""Of what the folder holds and of its proof."""

_PACKAGES = ("torch", "transformers", "tokenizers", "gguf", "llama-cpp-python")
_ROOM = 1.05  # files beside the weights
_REQUIRED = ("torch", "transformers", "gguf")

Progress = Callable[[str, float], None]
"""Is told what is being done, and the share of it that is done."""


@dataclass(frozen=True)
class GgufBase:
    """A GGUF that may be trained on.

    Attributes:
        folder: what transformers loads.
        gguf: the file.
        sha256: its SHA-256 (hex).
        record: what ``gguf.json`` says.
    """

    folder: Path
    gguf: Path
    sha256: str
    record: dict[str, Any]


def base_folder(path: Path, progress: Progress = lambda doing, share: None) -> GgufBase:
    """Find the folder of a GGUF, or make it and prove it.

    Args:
        path: a model in GGUF format, with its weights.
        progress: is called now and then while something is made.

    Raises:
        ModelError: no such file, not a model that can be a base, its proof failed, or there is no
            room for it; the message says what to do.
        MissingExtraError: torch, transformers or gguf is not installed.
    """
    for package in _REQUIRED:
        try:
            __import__(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError("train", package) from error
    if not path.is_file():
        raise ModelError(f"{path}: no such model file. Check the path.")
    digest = verified_sha256(path)
    target = bases_folder() / f"{digest[:16]}-v{VERSION}"
    record = _read_record(target, digest)
    if record is None:
        doing = "Waiting for another process that prepares this base"
        try:
            with locked(target, wait=True, waiting=lambda: progress(doing, 0.0)):
                record = _read_record(target, digest) or _make(path, digest, target, progress)
        except OSError as error:
            raise ModelError(
                f"{error.filename or target}: can not be written ({error.strerror}). Make room, "
                "or name another cache folder in XDG_CACHE_HOME."
            ) from error
    return GgufBase(target, path, digest, record)


def _read_record(target: Path, digest: str) -> dict[str, Any] | None:
    """What the folder's record says, if it is that file's and the other files are all there."""
    record = read_record(target)
    if record is None or record.get("sha256") != digest:
        return None
    return record if record.get("files") == file_sizes(target) else None


def _make(path: Path, digest: str, target: Path, progress: Progress) -> dict[str, Any]:
    begun = time.monotonic()
    progress("Reading the vocabulary", 0.0)
    gguf = read_gguf(path)
    check_kind(gguf)
    vocabulary = ask_vocabulary(path, gguf.metadata)
    part = part_of(target)
    _check_room(gguf, part)
    part.mkdir(exist_ok=True)
    write_tokenizer(gguf, vocabulary, part)
    with tempfile.TemporaryDirectory(prefix="setaccio-proof-") as scratch:
        progress("Comparing the tokenizer with llama.cpp's", 0.0)
        tokenizer = load_hf_tokenizer(part)
        prompts = prove_tokenizer(gguf, vocabulary, tokenizer, Path(scratch))
        _write_model(gguf, vocabulary, part, progress)
        progress("Comparing the answers with llama.cpp's", 0.0)
        try:
            agreement = prove_answers(gguf, part, prompts, Path(scratch))
        except ModelError:
            shutil.rmtree(part, ignore_errors=True)
            raise
    record = {
        "source": str(path.resolve()),
        "sha256": digest,
        "name": gguf.metadata.get("general.name"),
        "architecture": gguf.architecture,
        "dtype": stored_type(gguf),
        "proof": {"version": VERSION, **agreement},
        "files": file_sizes(part),
        "seconds": round(time.monotonic() - begun, 1),
        "versions": {name: metadata.version(name) for name in _PACKAGES},
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (part / RECORD).write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)  # a damaged one
    part.rename(target)
    return record


def _write_model(gguf: GgufFile, vocabulary: Vocabulary, folder: Path, progress: Progress) -> None:
    doing = "Dequantising the weights"
    if gguf.architecture in CHECKED:
        config = model_config(gguf, vocabulary)
        write_weights(gguf, config, folder, lambda share: progress(doing, share))
        _write_config(gguf, config, folder)
    else:
        progress(doing, 0.0)
        write_whole(gguf, vocabulary, folder)
    _write_generation_config(vocabulary, folder)


def _write_config(gguf: GgufFile, config: dict[str, Any], folder: Path) -> None:
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = config["model_type"]
    values = {key: value for key, value in config.items() if key != "model_type"}
    made = AutoConfig.for_model(kind, **values)
    made.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]]
    made.dtype = stored_type(gguf)
    made.save_pretrained(folder)


def _write_generation_config(vocabulary: Vocabulary, folder: Path) -> None:
    ends = sorted({*vocabulary.ends, *([] if vocabulary.eos is None else [vocabulary.eos])})
    generation = {"eos_token_id": ends, "do_sample": False}
    for name in ("bos", "pad"):
        token = getattr(vocabulary, name)
        if token is not None:
            generation[f"{name}_token_id"] = token
    text = json.dumps(generation, indent=2)
    (folder / "generation_config.json").write_text(text + "\n", encoding="utf-8")


def _check_room(gguf: GgufFile, part: Path) -> None:
    """Refuse before an hour's work what the disk or the memory can not hold."""
    weights = sum(place.weights for place in gguf.tensors.values())
    largest = max(place.weights for place in gguf.tensors.values())
    for left in part.glob(".*.safetensors.*"):  # of a write that was cut off
        left.unlink(missing_ok=True)
    there = sum(file.stat().st_size for file in part.glob("*.safetensors"))
    wanted = int(2 * weights * _ROOM) - there
    free = shutil.disk_usage(part.parent).free
    if free < wanted:
        raise ModelError(
            f"{part.parent}: {wanted / 2**30:.1f} GiB are needed to dequantise {gguf.path.name}, "
            f"{free / 2**30:.1f} GiB are free. Make room, or name another cache folder in "
            "XDG_CACHE_HOME."
        )
    # A shard, its largest tensor in float32 twice, and then the whole model in 16 bits.
    needed = max(min(SHARD_BYTES, 2 * weights) + 8 * largest, 2 * weights)
    available = psutil.virtual_memory().available
    if available < needed:
        raise ModelError(
            f"{gguf.path}: {needed / 2**30:.1f} GiB of memory are needed to make it a base, "
            f"{available / 2**30:.1f} GiB are free. Close other programs, or use a smaller model."
        )
