"""Quantise a proven 16-bit GGUF to several types, prove each, and keep the better of two ways.

Contract: ``make_files(job, proven, names, matrix)`` predicts the sizes, makes and proves every
type, and gives those that passed their final names. With an importance matrix each type is made
with and without it, and what has the lower perplexity on held-out answers is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from scipy.stats import t

from setaccio.data.errors import ExportError
from setaccio.export.gguf.quantise import predicted_size, quantise
from setaccio.export.job import ExportJob
from setaccio.export.proof.divergence import HeldOut, loss_difference
from setaccio.export.proof.parity import ParityReport, compare_tokens
from setaccio.export.proof.reference import Reference
from setaccio.export.publish.report import Exported

FULL = "F16"
# Types that an importance matrix changes nothing of.
_UNWEIGHTED = frozenset({"F32", "F16", "BF16", "Q8_0"})
# A difference beyond 95% of what chance alone would bring, either way, is called one.
_SURE = 0.975


class Proven(NamedTuple):
    """A 16-bit GGUF that was compared with its transformers model.

    Attributes:
        gguf: the file.
        parity: its proof.
        reference: what every file is compared with.
        logits: folder of what it says on held-out answers.
    """

    gguf: Path
    parity: ParityReport
    reference: Reference
    logits: Path


def make_files(
    job: ExportJob, proven: Proven, names: list[str], matrix: Path | None
) -> list[Exported]:
    """Make every type; a file that fails its proof is reported, but not left behind.

    Args:
        job: where files go.
        proven: the 16-bit GGUF and what it is compared with.
        names: types as llama.cpp writes them, such as ``Q4_K_M``.
        matrix: importance matrix in GGUF form, or None.

    Returns:
        One for each name, in their order.

    Raises:
        ExportError: the disk is too small, or llama.cpp refused.
    """
    weighted = {name: None if name in _UNWEIGHTED else matrix for name in names}
    predicted = {n: predicted_size(proven.gguf, n, imatrix=weighted[n]) for n in names}
    listed = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in predicted.items())
    job.tell(f"Predicted sizes: {listed}")
    job.require_disk(sum(predicted.values()), ", ".join(names))
    files = []
    for name in sorted(names, key=lambda name: name == FULL):  # Moving it ends the others' source.
        file, part = _make(job, proven, name, weighted[name])
        file = file._replace(predicted_bytes=predicted[name])
        if file.parity.ok:
            part.replace(file.path)
        files.append(file)
        part.unlink(missing_ok=True)
    return sorted(files, key=lambda file: names.index(file.quantisation))


def _make(job: ExportJob, proven: Proven, name: str, matrix: Path | None) -> tuple[Exported, Path]:
    """Make and prove one type; with a matrix, the better of the two ways on held-out answers."""
    if name == FULL:
        return _exported(job, name, proven.gguf, proven.parity), proven.gguf
    part, plain_part = job.work / f"{name}.gguf", job.work / f"{name}-plain.gguf"
    job.tell(f"Quantising to {name}" + (" with the importance matrix" if matrix else ""))
    parity = _prove(job, proven, quantise(proven.gguf, part, name, imatrix=matrix))
    file = _exported(job, name, part, parity)
    if matrix is None:
        return file, part
    file = file._replace(imatrix=True)
    try:
        plain = _prove(job, proven, quantise(proven.gguf, plain_part, name))
    except ExportError:  # The smallest types do not exist without a matrix.
        return file, part
    with_it, without = parity.held_out, plain.held_out
    worse = bool(with_it and without and without.perplexity < with_it.perplexity)
    if with_it and without:
        job.tell(f"{name} is kept {_verdict(with_it, without, worse)}")
    if worse:
        part.unlink()
        return _exported(job, name, plain_part, plain)._replace(alternative=with_it), plain_part
    plain_part.unlink()
    return file._replace(alternative=without), part


def _verdict(with_it: HeldOut, without: HeldOut, worse: bool) -> str:
    """Which way was kept and how sure that is (Student's t of paired differences), in words."""
    difference, error = loss_difference(with_it, without)
    needed = float(t.ppf(_SURE, with_it.pairs - 1)) * error  # of a single pair it is NaN
    kept = "without the importance matrix" if worse else "with the importance matrix"
    line = f"{kept}, {abs(difference):.4f} nats per token better"
    if abs(difference) >= needed:
        return line
    return (
        f"{line} on {with_it.pairs} held-out pairs (too close to tell them apart: the standard "
        f"error is {error:.4f}; measure on more with --held-out)"
    )


def _prove(job: ExportJob, proven: Proven, part: Path) -> ParityReport:
    job.tell(f"Proving {part.stem}")
    return compare_tokens(proven.reference, part, full=proven.logits)


def _exported(job: ExportJob, name: str, part: Path, parity: ParityReport) -> Exported:
    path, size = job.path(name), part.stat().st_size
    return Exported(path, name, size, size, parity._replace(gguf=path))
