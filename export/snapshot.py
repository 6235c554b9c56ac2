"""GGUF files of what a training has come to, again and again, without the proofs of an export.

Contract: ``Snapshots(folder).make(run, task)`` gives a model, and where the training allows it an
adapter to put on it: plain LoRA needs the base only once, and then seconds for each adapter,
whatever the base's size. What changed whole layers (trained embeddings, DoRA, full fine-tuning) is
merged and converted each time. Every call replaces the files of the one before, except the base.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from setaccio.data.files.digests import weights_digest
from setaccio.data.task.task import Task
from setaccio.export.gguf.convert import convert, convert_adapter
from setaccio.export.gguf.quantise import quantise
from setaccio.export.inputs import Inputs, find_inputs
from setaccio.export.merging.adapter_config import is_plain
from setaccio.export.merging.merge import merge

QUANTISATION = "q8_0"  # of whole models


class Snapshot(NamedTuple):
    """What extracts.

    Attributes:
        model: a whole model, or the base.
        adapter: what has to be put on the base, or None.
    """

    model: Path
    adapter: Path | None


class Snapshots:
    """Makes snapshots.

    Args:
        folder: where the files go; a base that an earlier process left there is used again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bases: dict[Path, Path] = {}

    def make(self, run: Path, task: Task) -> Snapshot:
        """Make the files.

        Args:
            run: a folder with ``adapter/`` or ``model/``, as a run folder has them.
            task: written into the files.

        Raises:
            ExportError: the folder holds neither, the base is not there, or a stage failed.
        """
        inputs = find_inputs(run, task=task)
        self.folder.mkdir(parents=True, exist_ok=True)
        if inputs.adapter is None:
            return Snapshot(self._whole(inputs.model, "present", task), None)
        if not is_plain(inputs.adapter) or _has_own_template(inputs.adapter, inputs.model):
            return Snapshot(self._merged(inputs, inputs.adapter, task), None)
        made = self.folder / "present-adapter.gguf"
        convert_adapter(inputs.model, inputs.adapter, made, task=task)
        return Snapshot(self._base(inputs.model), made)

    def close(self) -> None:
        """Delete all files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _base(self, model: Path) -> Path:
        if model not in self._bases:
            name = f"base-{weights_digest(model)[:12]}"
            found = self.folder / f"{name}-{QUANTISATION}.gguf"
            self._bases[model] = found if found.is_file() else self._whole(model, name, None)
        return self._bases[model]

    def _merged(self, inputs: Inputs, adapter: Path, task: Task) -> Path:
        merged = self.folder / "merged"
        shutil.rmtree(merged, ignore_errors=True)
        try:
            merge(inputs.model, adapter, merged, prove=False)
            return self._whole(merged, "present", task)
        finally:
            shutil.rmtree(merged, ignore_errors=True)

    def _whole(self, model: Path, name: str, task: Task | None) -> Path:
        full = self.folder / f"{name}-f16.gguf"
        try:
            convert(model, full, task=task)
            return quantise(full, self.folder / f"{name}-{QUANTISATION}.gguf", QUANTISATION)
        finally:
            full.unlink(missing_ok=True)


def _has_own_template(adapter: Path, model: Path) -> bool:
    """Whether a run was given another chat template than its base has."""
    own, base = (folder / "chat_template.jinja" for folder in (adapter, model))
    if not own.is_file():
        return False
    return not base.is_file() or own.read_bytes() != base.read_bytes()
