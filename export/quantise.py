"""Quantise a 16-bit GGUF, its metadata kept.

Contract: ``quantise(source, out, "q4_k_m")`` writes the smaller file through llama.cpp's own
quantiser; ``predicted_size(source, "q4_k_m")`` says beforehand how many bytes it will have. The
names are those that the installed llama-cpp-python lists, in either case.
"""

from __future__ import annotations

import functools
import re
import secrets
from pathlib import Path
from typing import Any

from setaccio.data.errors import ExportError
from setaccio.export._child import run_child

_PREFIX = re.compile(r"LLAMA_FTYPE_(?:ALL|MOSTLY)_(?P<name>\w+)")
# As llama.cpp logs them, in units of 2^20 bytes with two decimals.
_SIZE = re.compile(r"(?P<which>model|quant) size\s+=\s+(?P<mib>[\d.]+) MiB")
_MIB = 1 << 20


@functools.cache
def quantisations() -> dict[str, int]:
    """Names of all file types that llama.cpp can write, such as ``Q4_K_M``, and their numbers."""
    import llama_cpp

    found = ((_PREFIX.fullmatch(key), value) for key, value in vars(llama_cpp).items())
    return {match["name"]: value for match, value in found if match}


def canonical_name(kind: str) -> str:
    """Return the name as llama.cpp writes it.

    Raises:
        ExportError: no quantisation of that name; all are listed.
    """
    name = kind.strip().upper()
    if name not in quantisations():
        raise ExportError(
            f"{kind}: no such quantisation. Known ones: {', '.join(sorted(quantisations()))}."
        )
    return name


def quantise(source: Path, out: Path, kind: str, *, threads: int = 0) -> Path:
    """Write a quantised copy of a GGUF.

    Args:
        source: a GGUF in 16 or 32 bit.
        out: the file to write; it appears only when complete.
        kind: one of :func:`quantisations`, in either case.
        threads: how many; 0 takes all cores.

    Returns:
        ``out``.

    Raises:
        ExportError: unknown name, or llama.cpp refused; very small types need an importance
            matrix.
    """
    name = canonical_name(kind)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        _run(source, part, name, threads=threads, dry_run=False)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return out


def predicted_size(source: Path, kind: str) -> int:
    """Bytes that :func:`quantise` would write, without writing them.

    llama.cpp's dry run gives the sizes of the tensors to 0.01 MiB; metadata stay as they are.

    Raises:
        ExportError: unknown name, or llama.cpp refused.
    """
    name = canonical_name(kind)
    log = _run(source, source.with_name("unused"), name, threads=0, dry_run=True)
    sizes = {found["which"]: float(found["mib"]) * _MIB for found in _SIZE.finditer(log)}
    if set(sizes) != {"model", "quant"}:
        raise ExportError(f"{source}: llama.cpp did not say how large {name} would be.")
    return round(source.stat().st_size - sizes["model"] + sizes["quant"])


def _run(source: Path, out: Path, name: str, *, threads: int, dry_run: bool) -> str:
    if not source.is_file():
        raise ExportError(f"{source}: no such file to quantise.")
    job: dict[str, Any] = {
        "source": str(source.resolve()),
        "out": str(out.resolve()),
        "ftype": quantisations()[name],
        "threads": threads,
        "dry_run": dry_run,
    }
    return run_child("_run_quantise.py", job, f"Quantising {source.name} to {name}")
