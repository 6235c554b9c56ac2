"""Write a review budget into a GGUF that is made already; its weights are copied as they are.

Contract: ``carry_budget(gguf, budget, out)`` writes a copy whose metadata hold the budget. The
value is padded with blanks until the head has grown by whole units of alignment, so that everything
behind the metadata can be copied byte by byte. The file appears under its name only when it is
complete.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import mmap
import shutil
import struct
from pathlib import Path

from setaccio.data.errors import ExportError, UsageError
from setaccio.data.files.atomic import atomic_path
from setaccio.models import verified_sha256
from setaccio.models.gguf_head import parse_head
from setaccio.runtime.model.gguf_header import read_header
from setaccio.runtime.result.carried_budget import stored_form, weights_sha256
from setaccio.runtime.result.review import (
    BUDGET_KEY,
    ReviewBudget,
    parse_budget,
    read_budget,
)

_STRING = 8
_PAIRS_AT = 16  # where the number of metadata stands
_FIRST_AT = 24  # and where they begin


def carry_budget(gguf: Path, budget_file: Path, out: Path | None = None) -> Path:
    """Put a budget into the GGUF that it was made with.

    Args:
        gguf: the adapter that worked when the budget was made, or the model where none did.
        budget_file: the ``budget.json`` of ``setaccio eval budget``.
        out: folder for the copy; by default the file itself is replaced.

    Returns:
        The file with the budget.

    Raises:
        UsageError: a file is missing, or the GGUF is a folder.
        DataError: no budget, or one without a promise.
        ModelError: not a usable GGUF.
        ExportError: the budget was made with another file.
    """
    if not gguf.is_file():
        what = "is a folder" if gguf.is_dir() else "no such file"
        raise UsageError(f"{gguf}: {what}. A budget goes into the GGUF that it was made with.")
    budget = read_budget(budget_file)
    is_adapter = read_header(gguf).metadata.get("general.type") == "adapter"
    if ("adapter_sha256" in budget.model) != is_adapter or not _made_with(budget, gguf):
        kind = "adapter" if "adapter_sha256" in budget.model else "model"
        raise ExportError(
            f"{budget_file}: was not made with {gguf}. Give the {kind} of "
            f"{budget.model.get('name')}, or make a budget with this file."
        )
    text = stored_form(budget, weights_sha256(gguf))
    target = gguf if out is None else out / gguf.name
    with atomic_path(target) as part:
        _write_with(gguf, part, BUDGET_KEY, text)
        shutil.copymode(gguf, part)
    return target


def _made_with(budget: ReviewBudget, gguf: Path) -> bool:
    """Whether the file is the budget's, or what the file became with an earlier budget in it."""
    own = "adapter_sha256" if "adapter_sha256" in budget.model else "sha256"
    if verified_sha256(gguf) == budget.model.get(own):
        return True
    stored = read_header(gguf).metadata.get(BUDGET_KEY)
    if stored is None:
        return False
    former = parse_budget(stored, f"{gguf}: {BUDGET_KEY}").model
    same = former.get(own) == budget.model.get(own)
    return same and former.get("weights_sha256") == weights_sha256(gguf)


def _write_with(source: Path, target: Path, key: str, text: str) -> None:
    """Copy a GGUF with one more metadata of type string, or another value of it."""
    with (
        source.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        head = parse_head(data, source, arrays=False)
        behind = max((end for _, end in head.spans.values()), default=_FIRST_AT)
        start, end = head.spans.get(key, (behind, behind))
        alignment = int(head.metadata.get("general.alignment", 32))
        name, value = key.encode(), text.encode()
        size = 8 + len(name) + 4 + 8 + len(value)
        value += b" " * (-(size - (end - start)) % alignment)
        pairs = len(head.spans) + (start == end)
        with target.open("wb") as out:
            out.write(data[:_PAIRS_AT] + struct.pack("<Q", pairs) + data[_FIRST_AT:start])
            out.write(struct.pack("<Q", len(name)) + name)
            out.write(struct.pack("<IQ", _STRING, len(value)) + value)
            stream.seek(end)
            shutil.copyfileobj(stream, out, 1 << 20)
