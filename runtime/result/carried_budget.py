"""The review budget that a GGUF carries, and whether it is still the one of its weights.

    >>> budget = carried_budget(Path("recipes-adapter.gguf"))

Tools that quantise a GGUF copy its metadata, so a budget could come to stand beside weights that
it was not made with. It therefore names the SHA-256 of the weights alone, which does not change
when metadata are written.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from dataclasses import replace
from pathlib import Path

from setaccio.data.errors import DataError
from setaccio.models import verified_sha256
from setaccio.models.gguf_head import parse_head
from setaccio.runtime.model.gguf_header import read_header
from setaccio.runtime.result.review import BUDGET_KEY, ReviewBudget, parse_budget

_BLOCK = 1 << 20


def carried_budget(path: Path) -> ReviewBudget | None:
    """The budget in a GGUF's metadata, as one for the file as it is; None without one.

    Args:
        path: an adapter, or a model that works alone.

    Raises:
        ModelError: not a usable GGUF.
        DataError: what it carries is no budget, or one for other weights.
    """
    stored = read_header(path).metadata.get(BUDGET_KEY)
    if stored is None:
        return None
    budget = parse_budget(stored, f"{path}: {BUDGET_KEY}")
    if budget.model.get("weights_sha256") != weights_sha256(path):
        raise DataError(
            f"{path}: the review budget that it carries was made with other weights "
            f"({budget.model.get('name')}). Make one with this file: setaccio eval budget"
        )
    own = "adapter_sha256" if "adapter_sha256" in budget.model else "sha256"
    return replace(budget, model={**budget.model, own: verified_sha256(path)})


def stored_form(budget: ReviewBudget, weights: str) -> str:
    """A budget as the metadata of the GGUF with these weights hold it."""
    model = {**budget.model, "weights_sha256": weights}
    return json.dumps(replace(budget, model=model).to_dict(), ensure_ascii=True)


def weights_sha256(path: Path) -> str:
    """SHA-256 (hex) of a GGUF's tensors: of all bytes behind its head.

    Raises:
        ModelError: not a usable GGUF.
    """
    read_header(path)  # names what is wrong with a file
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            stream.seek(parse_head(data, path, arrays=False).end)
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
