"""Quantise a 16-bit GGUF, its metadata kept.

Contract: ``quantise(source, out, "q4_k_m")`` writes the smaller file through llama.cpp's own
quantiser; ``predicted_size(source, "q4_k_m")`` says beforehand how many bytes it will have. With an
importance matrix the bits go where the model's inputs are large. llama.cpp works tensor by tensor,
so memory does not grow with the model. The names are those that the installed llama-cpp-python
lists, in either case.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from setaccio.data.errors import ExportError, UsageError
from setaccio.data.files.atomic import atomic_path
from setaccio.export.child import SCRIPTS
from setaccio.export.gguf.imatrix import read_imatrix
from setaccio.models.child import run_child
from setaccio.runtime.model.gguf_header import quantisations

# As llama.cpp logs them, in units of 2^20 bytes with two decimals.
_SIZE = re.compile(r"(?P<which>model|quant) size\s+=\s+(?P<mib>[\d.]+) MiB")
_MIB = 1 << 20


def canonical_name(kind: str) -> str:
    """Return the name as llama.cpp writes it.

    Raises:
        UsageError: no quantisation of that name; all are listed.
    """
    name = kind.strip().upper()
    if name not in quantisations():
        raise UsageError(
            f"{kind}: no such quantisation. Known ones: {', '.join(sorted(quantisations()))}."
        )
    return name


def quantise(source: Path, out: Path, kind: str, *, imatrix: Path | None = None) -> Path:
    """Write a quantised copy of a GGUF.

    Args:
        source: a GGUF in 16 or 32 bit.
        out: the file to write; it appears only when complete.
        kind: one of :func:`quantisations`, in either case.
        imatrix: importance matrix in GGUF form, from
            :func:`setaccio.export.gguf.imatrix.make_imatrix` or llama.cpp's own tool.

    Returns:
        ``out``.

    Raises:
        UsageError: unknown name.
        ExportError: llama.cpp refused; very small types need an importance matrix.
    """
    name = canonical_name(kind)
    with atomic_path(out) as part:
        _run(source, part, name, dry_run=False, imatrix=imatrix)
    return out


def predicted_size(source: Path, kind: str, *, imatrix: Path | None = None) -> int:
    """Bytes that :func:`quantise` would write, without writing them.

    llama.cpp's dry run gives the sizes of the tensors to 0.01 MiB; metadata stay as they are. Some
    types spend their bits in another way where there is an importance matrix.

    Raises:
        UsageError: unknown name.
        ExportError: llama.cpp refused.
    """
    name = canonical_name(kind)
    unused = source.with_name("unused")
    log = _run(source, unused, name, dry_run=True, imatrix=imatrix)
    sizes = {found["which"]: float(found["mib"]) * _MIB for found in _SIZE.finditer(log)}
    if set(sizes) != {"model", "quant"}:
        raise ExportError(f"{source}: llama.cpp did not say how large {name} would be.")
    return round(source.stat().st_size - sizes["model"] + sizes["quant"])


def _run(source: Path, out: Path, name: str, *, dry_run: bool, imatrix: Path | None) -> str:
    if not source.is_file():
        raise ExportError(f"{source}: no such file to quantise.")
    job: dict[str, Any] = {
        "source": str(source.resolve()),
        "out": str(out.resolve()),
        "ftype": quantisations()[name],
        "threads": 0,  # all cores
        "dry_run": dry_run,
        "imatrix": None,
        "imatrix_name": imatrix.name if imatrix else None,
    }
    doing = f"Quantising {source.name} to {name}"
    with tempfile.TemporaryDirectory(prefix="setaccio-imatrix-") as folder:
        if imatrix is not None:
            job["imatrix"] = str(Path(folder) / "imatrix.npz")
            # Tensor names as values, since a name in an archive may lose its dots to an extension.
            matrix = read_imatrix(imatrix)
            arrays: dict[str, Any] = {f"values-{n}": row for n, row in enumerate(matrix.values())}
            np.savez(job["imatrix"], names=np.array(list(matrix)), **arrays)
        return run_child(SCRIPTS / "_run_quantise.py", job, doing, ExportError)
