"""An importance matrix from the user's own pairs: which inputs of each weight matter in practice.

Contract: ``make_imatrix(gguf, sequences, out)`` runs a 16-bit GGUF on token sequences, sums the
squared activations that enter each matrix, and writes them as llama.cpp's current imatrix file (a
GGUF with ``<tensor>.in_sum2`` and ``<tensor>.counts``), which llama.cpp's own tools read too. The
definition is that of llama.cpp's ``tools/imatrix``: only ``blk.*`` matrices, sums over all tokens,
apart for each expert. Method: https://github.com/ggml-org/llama.cpp/pull/4861.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from setaccio.data.errors import ExportError, TaskError
from setaccio.data.files.atomic import atomic_path
from setaccio.data.records import Pair
from setaccio.data.task.pieces import Piece, completion_end, prompt_pieces
from setaccio.data.task.task import Task
from setaccio.export.child import SCRIPTS
from setaccio.models.child import run_child

SUMS, COUNTS = ".in_sum2", ".counts"
CALIBRATION_PAIRS = 128
"""Pairs whose activations are summed by default."""
FEWEST_TOKENS = 2000
"""Tokens below which the command says that a matrix rests on little; see docs/export.md."""


def make_imatrix(
    gguf: Path, sequences: list[list[int]], out: Path, *, dataset: str = "pairs"
) -> Path:
    """Compute and write an importance matrix.

    Args:
        gguf: the model in 16 bits.
        sequences: token ids, such as prompts with their gold answers.
        out: the file to write; it appears only when complete.
        dataset: name of the data, written into the file.

    Returns:
        ``out``.

    Raises:
        ExportError: no tokens, or llama.cpp could not run the model.
    """
    wanted = [ids for ids in sequences if ids]
    if not wanted:
        raise ExportError("An importance matrix needs pairs that fit into the model's context.")
    job = {"gguf": str(gguf.resolve()), "sequences": wanted, "dataset": dataset}
    doing = f"Computing the importance matrix of {gguf.name}"
    with atomic_path(out) as part:
        job["out"] = str(part.resolve())
        run_child(SCRIPTS / "_run_imatrix.py", job, doing, ExportError)
    return out


def imatrix_of_pairs(
    gguf: Path, pairs: Iterable[Pair], out: Path, *, task: Task | None = None
) -> Path:
    """The importance matrix of a finished GGUF, from pairs that its own vocabulary encodes.

    Args:
        gguf: the model in 16 bits.
        pairs: documents with gold; at most :data:`CALIBRATION_PAIRS` that fit its context count.
        out: the file to write; it appears only when complete.
        task: renders prompt and answer; by default what the GGUF carries.

    Returns:
        ``out``.

    Raises:
        ExportError: no pair fits, or llama.cpp could not run the model.
        ModelError: not a usable GGUF.
        TaskError: the GGUF carries no task and none is given.
    """
    from setaccio.runtime.model.load import load_model
    from setaccio.runtime.model.tokens import tokenise_pieces

    model = load_model(gguf)
    try:
        task = task or model.task
        if task is None:
            raise TaskError(f"{gguf}: carries no task. Say which with --task or --schema.")
        end = Piece(completion_end(model.chat), True)
        sequences: list[list[int]] = []
        for pair in pairs:
            answer = [Piece(task.render_gold(pair.gold), False), end]
            pieces = [*prompt_pieces(model.chat, task.messages(pair.text)), *answer]
            ids = tokenise_pieces(model, pieces)
            if len(ids) <= model.context and len(sequences) < CALIBRATION_PAIRS:
                sequences.append(ids)
    finally:
        model.close()
    return make_imatrix(gguf, sequences, out, dataset=f"{len(sequences)} pairs of {task.name}")


def read_imatrix(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Mean squared activations of each tensor, as the quantiser takes them.

    Args:
        path: an imatrix in GGUF form, ours or llama.cpp's.

    Returns:
        By tensor name; experts one after the other, ones for an expert that no token reached.

    Raises:
        ExportError: not such a file.
    """
    from gguf import GGUFReader

    try:
        tensors = {tensor.name: tensor.data for tensor in GGUFReader(path).tensors}
    except (ValueError, OSError, IndexError) as error:
        raise ExportError(f"{path}: no importance matrix in GGUF form ({error}).") from error
    names = [name.removesuffix(SUMS) for name in tensors if name.endswith(SUMS)]
    if not names or any(name + COUNTS not in tensors for name in names):
        raise ExportError(f"{path}: no importance matrix; it lacks {SUMS} or {COUNTS} tensors.")
    return {name: _mean(tensors[name + SUMS], tensors[name + COUNTS]) for name in sorted(names)}


def _mean(
    sums: npt.NDArray[np.float32], counts: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    each = counts.reshape(-1, 1)
    rows = sums.reshape(each.shape[0], -1)
    mean = np.where(each > 0, rows / np.maximum(each, 1), 1)
    return np.ascontiguousarray(mean.reshape(-1), dtype=np.float32)
