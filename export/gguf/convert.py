"""Convert a transformers model folder, or an adapter, into a GGUF that knows its task.

Contract: ``convert(model_dir, out, ...)`` and ``convert_adapter(base, adapter, out, ...)`` run
llama.cpp's own converter in a child process. Ours are three things around it: the pre-tokenizer is
decided from the tokenizer's regex, or where the base was a GGUF the whole vocabulary is copied from
it; the task and the provenance go into the GGUF metadata; and no code or data is loaded from
anywhere but the folder. The file appears under its name only when it is complete.

An adapter's file holds the adapter only (``general.type`` is ``adapter``); llama.cpp puts it on any
GGUF of the same base, whatever its quantisation, and can exchange it for another without loading
the base again.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

from setaccio.data.errors import ExportError
from setaccio.data.files.atomic import atomic_path
from setaccio.data.files.digests import package_versions
from setaccio.data.task.task import Task
from setaccio.export.child import SCRIPTS
from setaccio.export.gguf.llamacpp_source import converter_root
from setaccio.export.merging.adapter_config import (
    CONFIG,
    WEIGHTS,
    beyond_plain,
    trained_whole,
)
from setaccio.export.merging.tied_layers import check_tying
from setaccio.models.child import run_child
from setaccio.models.gguf_base.reader import read_gguf
from setaccio.models.gguf_base.tokenizer import TEMPLATE_KEY, VOCABULARY_FILE
from setaccio.models.pretokenizer import pretokenizer_name, uses_pretokenizer

OutType = Literal["f16", "bf16", "f32"]
AdapterType = Literal["f32", "f16", "bf16", "q8_0"]
TASK_KEY = "setaccio.task"
_PHI3 = re.compile("phi-?3", re.IGNORECASE)
_PHI3_TOKENS = {"<unk>", "<s>", "</s>", "<|endoftext|>"}  # without these llama.cpp fails


def convert(
    model_dir: Path,
    out: Path,
    *,
    outtype: OutType = "f16",
    task: Task | None = None,
    provenance: dict[str, str] | None = None,
    name: str | None = None,
    source: Path | None = None,
) -> Path:
    """Write the GGUF of a model folder.

    Args:
        model_dir: ``config.json``, ``*.safetensors`` and the tokenizer's files.
        out: the GGUF to write.
        outtype: type of the matrices; vectors stay in float32.
        task: written as ``setaccio.task``, so that extraction needs no schema argument.
        provenance: text values, written under ``setaccio.`` + key (``base_model``,
            ``training_data_sha256``).
        name: ``general.name``; by default the stem of ``out``.
        source: where llama.cpp's converter is; see
            :func:`setaccio.export.gguf.llamacpp_source.converter_root`.

    Returns:
        ``out``.

    Raises:
        ExportError: the folder is no model, the pre-tokenizer is unknown, or the converter failed.
    """
    _check_folder(model_dir)
    vocabulary = model_dir / VOCABULARY_FILE
    copied = vocabulary.is_file()
    pretokenizer, unknown = (None, None) if copied else _pretokenizer(model_dir)
    arguments = [str(model_dir.resolve()), "--outtype", outtype]
    job: dict[str, Any] = {
        "entry": "convert_hf_to_gguf.py",
        "arguments": [*arguments, "--model-name", _safe_name(name or out.stem, model_dir)],
        "pretokenizer": pretokenizer,
        "vocabulary": str(vocabulary.resolve()) if copied else None,
        "template": _other_template(model_dir) if copied else None,
        "metadata": own_metadata(task, provenance),
    }
    try:
        return _run(job, out, source, f"Converting {model_dir}")
    except ExportError as error:
        if unknown is not None and "pre-tokenizer" in str(error):
            raise unknown from error
        raise


def convert_adapter(
    base: Path,
    adapter: Path,
    out: Path,
    *,
    outtype: AdapterType = "q8_0",
    task: Task | None = None,
    provenance: dict[str, str] | None = None,
    source: Path | None = None,
) -> Path:
    """Write an adapter's GGUF.

    Args:
        base: the base's folder.
        adapter: ``adapter_config.json`` and ``adapter_model.safetensors``.
        out: the GGUF to write.
        outtype: type of the adapter's matrices.
        task: as for :func:`convert`, like ``provenance``, ``source`` and what is returned.

    Raises:
        ExportError: not a plain LoRA adapter, one that changes tied layers apart, or the converter
            failed.
    """
    config = _adapter_config(adapter)
    check_tying(base, adapter)
    with tempfile.TemporaryDirectory(prefix="setaccio-adapter-") as folder:
        copy = Path(folder) / out.stem  # the converter takes the folder's name for the file's
        copy.mkdir()
        (copy / CONFIG).write_text(json.dumps(config), encoding="utf-8")
        _link(adapter / WEIGHTS, copy / WEIGHTS)
        job: dict[str, Any] = {
            "entry": "convert_lora_to_gguf.py",
            "arguments": [str(copy), "--base", str(base.resolve()), "--outtype", outtype],
            "pretokenizer": None,
            "metadata": own_metadata(task, provenance),
        }
        return _run(job, out, source, f"Converting {adapter}")


def _run(job: dict[str, Any], out: Path, source: Path | None, doing: str) -> Path:
    """Run the converter, and give the file its name when it is complete."""
    job["root"] = str(converter_root(source).resolve())
    with atomic_path(out) as part:
        job["arguments"] += ["--outfile", str(part.resolve())]
        run_child(SCRIPTS / "_run_converter.py", job, doing, ExportError)
        if not part.is_file():
            raise ExportError(f"{doing} failed: the converter wrote no file.")
    return out


def _safe_name(name: str, model_dir: Path) -> str:
    """A name that lets llama.cpp read the vocabulary as training did.

    A name with "phi-3" in it makes llama.cpp strip the blanks behind special tokens, as that
    family's own tokenizer does, and fail where the vocabulary is another one's.
    """
    path = model_dir / "tokenizer.json"
    if not path.is_file():
        return name
    try:
        added = json.loads(path.read_text(encoding="utf-8")).get("added_tokens", [])
    except (ValueError, AttributeError):
        return name
    texts = {token["content"] for token in added}
    strips = any(token.get("rstrip") for token in added) and texts >= _PHI3_TOKENS
    says = _PHI3.search(name) is not None
    if strips == says:
        return name
    return f"{name} (phi-3)" if strips else _PHI3.sub("phi 3", name)


def _other_template(model_dir: Path) -> str | None:
    """The folder's chat template, where the base's was replaced by it."""
    base = read_gguf(model_dir / VOCABULARY_FILE).metadata.get(TEMPLATE_KEY) or ""
    path = model_dir / "chat_template.jinja"
    own = path.read_text(encoding="utf-8") if path.is_file() else ""
    return own if own and own.splitlines() != base.splitlines() else None


def own_metadata(task: Task | None, provenance: dict[str, str] | None) -> dict[str, str]:
    """What our files carry beside llama.cpp's metadata: version, provenance and task."""
    values = {"setaccio.version": own_version()}
    values |= {f"setaccio.{key}": value for key, value in (provenance or {}).items()}
    if task is not None:
        values[TASK_KEY] = task.to_metadata()
    return values


def own_version() -> str:
    """Version of the installed package, or ``unknown`` in a bare source tree."""
    return package_versions(["setaccio"])["setaccio"] or "unknown"


def _check_folder(model_dir: Path) -> None:
    if not (model_dir / "config.json").is_file():
        raise ExportError(f"{model_dir}: not a model folder, config.json is missing.")
    if not any(model_dir.glob("*.safetensors")):
        raise ExportError(f"{model_dir}: holds no .safetensors file; other formats are not read.")


def _pretokenizer(model_dir: Path) -> tuple[str | None, ExportError | None]:
    """Decide, or leave the decision to the converter, which knows published models by a hash."""
    path = model_dir / "tokenizer.json"
    if not path.is_file():
        return None, None
    try:
        tokenizer_json = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExportError(f"{path}: not JSON ({error}).") from error
    if not uses_pretokenizer(tokenizer_json):
        return None, None
    try:
        return pretokenizer_name(tokenizer_json), None
    except ExportError as error:
        return None, ExportError(f"{path}: {error}")


def _adapter_config(adapter: Path) -> dict[str, Any]:
    """The adapter's configuration as llama.cpp understands it: scale is alpha / rank."""
    if not (adapter / WEIGHTS).is_file() or not (adapter / CONFIG).is_file():
        raise ExportError(f"{adapter}: not an adapter, {WEIGHTS} or {CONFIG} is missing.")
    try:
        config: dict[str, Any] = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExportError(f"{adapter / CONFIG}: not JSON ({error}).") from error
    more, whole = beyond_plain(config), trained_whole(config)
    if more:
        raise ExportError(
            f"{adapter}: a GGUF holds plain LoRA only, not {', '.join(more)}. "
            "Export the merged model instead."
        )
    if whole:
        raise ExportError(
            f"{adapter}: a GGUF holds plain LoRA only, but this training changed whole layers too "
            f"({', '.join(whole)}). Export the merged model (without --adapter-only), or train "
            "again with train_embeddings=false."
        )
    if config.get("use_rslora"):
        if config.get("rank_pattern"):
            raise ExportError(
                f"{adapter}: rank-stabilised LoRA with several ranks has no place in a GGUF. "
                "Export the merged model instead."
            )
        # Rank-stabilised LoRA scales by alpha / sqrt(rank); the converter knows alpha / rank only.
        config["lora_alpha"] = config["lora_alpha"] * math.sqrt(config["r"])
    return config


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.resolve())
    except OSError:  # Some file systems have no links.
        shutil.copyfile(source, target)
