"""Convert a LoRA adapter into a GGUF of its own, to be put on its base while that is running.

Contract: ``convert_adapter(base, adapter, out, ...)`` runs llama.cpp's own converter in a child
process. The file holds the adapter only (``general.type`` is ``adapter``), with the task and the
provenance; llama.cpp puts it on any GGUF of the same base, whatever its quantisation, and can
exchange it for another without loading the base again.
"""

from __future__ import annotations

import json
import math
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

from setaccio.data.errors import ExportError
from setaccio.data.task.task import Task
from setaccio.export.child.run import run_script
from setaccio.export.gguf.convert import own_metadata
from setaccio.export.gguf.llamacpp_source import converter_root
from setaccio.export.merging.adapter_config import CONFIG as _CONFIG
from setaccio.export.merging.adapter_config import WEIGHTS as _WEIGHTS
from setaccio.export.merging.adapter_config import beyond_plain, trained_whole
from setaccio.export.merging.tied_layers import check_tying

AdapterType = Literal["f32", "f16", "bf16", "q8_0"]


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
        out: the GGUF to write; it appears only when complete.
        outtype: type of the adapter's matrices.
        task: written as ``setaccio.task``.
        provenance: text values, written under ``setaccio.`` + key.
        source: where llama.cpp's converter is.

    Returns:
        ``out``.

    Raises:
        ExportError: not a plain LoRA adapter, one that changes tied layers apart, or the converter
            failed.
    """
    config = _config(adapter)
    check_tying(base, adapter)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        with tempfile.TemporaryDirectory(prefix="setaccio-adapter-") as folder:
            copy = Path(folder) / out.stem  # the converter takes the folder's name for the file's
            copy.mkdir()
            (copy / _CONFIG).write_text(json.dumps(config), encoding="utf-8")
            _link(adapter / _WEIGHTS, copy / _WEIGHTS)
            arguments = [str(copy), "--base", str(base.resolve())]
            job: dict[str, Any] = {
                "root": str(converter_root(source).resolve()),
                "entry": "convert_lora_to_gguf.py",
                "arguments": [*arguments, "--outfile", str(part.resolve()), "--outtype", outtype],
                "pretokenizer": None,
                "metadata": own_metadata(task, provenance),
            }
            run_script("_run_converter.py", job, f"Converting {adapter}")
        if not part.is_file():
            raise ExportError(f"Converting {adapter} failed: the converter wrote no file.")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return out


def _config(adapter: Path) -> dict[str, Any]:
    """The adapter's configuration as llama.cpp understands it: scale is alpha / rank."""
    if not (adapter / _WEIGHTS).is_file() or not (adapter / _CONFIG).is_file():
        raise ExportError(f"{adapter}: not an adapter, {_WEIGHTS} or {_CONFIG} is missing.")
    try:
        config: dict[str, Any] = json.loads((adapter / _CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExportError(f"{adapter / _CONFIG}: not JSON ({error}).") from error
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
