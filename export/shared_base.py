"""Export several adapters with the one base that they share.

Contract: ``export_shared_base(runs, out_dir)`` writes the base's GGUF files, ``NAME-adapter.gguf``
for each run, and ``adapters.json``, which says which adapter is for which task. Each file is proven
before it gets its name. What is there already and was made from the same weights is left as it is,
so the same call goes on with an export that was interrupted.

Command line: ``setaccio train --config many.yaml --export-adapters FOLDER``.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import ExportError
from setaccio.data.files.digests import file_digest, weights_digest
from setaccio.data.records import Pair, atomic_write
from setaccio.data.task.task import dump_compact
from setaccio.export.adapter import export_adapter
from setaccio.export.gguf.convert import convert, own_version
from setaccio.export.gguf.llamacpp_source import converter_root
from setaccio.export.gguf.quantise import canonical_name
from setaccio.export.inputs import Inputs, find_inputs, make_folder
from setaccio.export.job import Tell
from setaccio.export.merging.adapter_config import CONFIG, WEIGHTS, is_plain
from setaccio.export.pipeline import QUANTISATIONS, export

MANIFEST = "adapters.json"


class SharedBaseExport(NamedTuple):
    """What was exported.

    Attributes:
        base: the base's files, one per quantisation, or the GGUF that was trained on.
        adapters: adapter file of each run, in their order.
        manifest: ``adapters.json``.
    """

    base: tuple[Path, ...]
    adapters: tuple[Path, ...]
    manifest: Path


def export_shared_base(
    runs: Sequence[Path],
    out_dir: Path,
    *,
    quantisations: Sequence[str] = QUANTISATIONS,
    pairs: Mapping[Path, list[Pair]] | None = None,
    source: Path | None = None,
    progress: Tell | None = None,
) -> SharedBaseExport:
    """Make and prove the GGUF files of a base and of adapters for it.

    Args:
        runs: training runs, one per task; the folders' names become the files'.
        out_dir: folder for the files.
        quantisations: types of the base's files; where the runs were trained on a GGUF, that file
            is the base and none is made.
        pairs: held-out pairs of each run, for the proofs.
        source: as for :func:`setaccio.export.export`, like ``progress``.

    Raises:
        UsageError: there is no such run, the output folder is a file, or a quantisation is unknown.
        ExportError: the runs have different bases or the same name, one of them is not a plain
            LoRA, or a proof failed; what was proven before stays.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    tell = progress or (lambda line: None)
    found = [find_inputs(run) for run in runs]
    base = _check(found)
    make_folder(out_dir)
    record = _Record(out_dir, base)
    kinds = list(dict.fromkeys(canonical_name(kind) for kind in quantisations))
    trained_on = found[0].base_gguf
    bases = (trained_on,) if trained_on else _export_base(found[0], record, kinds, source, tell)
    plain: Path | None = None
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".export-") as folder:
        for run, inputs in zip(runs, found, strict=True):
            if record.has(_file(inputs), *_contents(inputs)):
                tell(f"{_file(inputs)}: is there")
                continue
            tell(f"Exporting the adapter of {inputs.name}")
            if plain is None and trained_on is None:
                root = converter_root(source)
                plain = convert(inputs.model, Path(folder) / "base.gguf", source=root)
            export_adapter(
                run,
                out_dir,
                pairs=(pairs or {}).get(run),
                source=source,
                plain=plain,
                report_name=f"{inputs.name}-adapter.json",
                progress=tell,
            )
            task = inputs.task.name if inputs.task else None
            record.add(_file(inputs), *_contents(inputs), adapter=inputs.name, task=task)
    adapters = tuple(out_dir / _file(inputs) for inputs in found)
    return SharedBaseExport(bases, adapters, out_dir / MANIFEST)


def _export_base(
    inputs: Inputs, record: _Record, kinds: list[str], source: Path | None, tell: Tell
) -> tuple[Path, ...]:
    """The base's files; those that are there and made from the same weights stay."""
    # The last part of a Hub id, or the folder's name.
    name = inputs.provenance.get("base_model", inputs.model.name).rpartition("/")[2]
    files = {kind: f"{name}-{kind.lower()}.gguf" for kind in kinds}
    missing = [kind for kind in kinds if not record.has(files[kind])]
    if missing:
        tell(f"Exporting the base {name}")
        export(
            inputs.model,
            record.folder,
            quantisations=missing,
            name=name,
            source=source,
            progress=tell,
        )
    for kind in missing:
        record.add(files[kind], base=name, quantisation=kind)
    return tuple(record.folder / file for file in files.values())


def _file(inputs: Inputs) -> str:
    return f"{inputs.name}-adapter.gguf"


def _check(found: Sequence[Inputs]) -> str:
    """Digest (SHA-256, hex) of the weights of the one base; refuse what can not go together."""
    if not found:
        raise ExportError("No runs to export together.")
    for inputs in found:
        if inputs.adapter is None or not is_plain(inputs.adapter):
            raise ExportError(
                f"{inputs.name}: only plain LoRA adapters can share a base. Train it with "
                "method lora or qlora, dora=false and train_embeddings=false, or export it alone."
            )
    names = [inputs.name for inputs in found]
    if len(set(names)) < len(names):
        raise ExportError(f"Two runs have the same name ({', '.join(names)}). Rename one folder.")
    digests = {model: weights_digest(model) for model in {inputs.model for inputs in found}}
    if len(set(digests.values())) > 1:
        listed = ", ".join(sorted(map(str, digests)))
        raise ExportError(f"The runs were trained on different bases: {listed}.")
    return digests[found[0].model]


def _contents(inputs: Inputs) -> list[str]:
    """What an adapter's file is made from, beside the base."""
    folder = inputs.adapter or inputs.model
    task = inputs.task.digest if inputs.task else ""
    return [*(file_digest(folder / name) for name in (WEIGHTS, CONFIG)), task]


class _Record:
    """``adapters.json``: which files are complete, and what they were made from."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder = folder
        self.base = base
        self.files: dict[str, dict[str, Any]] = {}
        path = folder / MANIFEST
        if path.is_file():
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                self.files = dict(content["files"])
            except (ValueError, KeyError, TypeError) as error:
                raise ExportError(f"{path}: can not be read. Remove it and try again.") from error

    def has(self, name: str, *parts: str) -> bool:
        """Whether a file is there, whole, and made from the base and these parts."""
        row, path = self.files.get(name), self.folder / name
        if row is None or row.get("made_from") != self._made_from(parts) or not path.is_file():
            return False
        return bool(row.get("sha256") == file_digest(path))

    def add(self, name: str, *parts: str, **facts: str | None) -> None:
        """Note a complete file, and what it was made from beside the base."""
        digest = file_digest(self.folder / name)
        self.files[name] = {**facts, "sha256": digest, "made_from": self._made_from(parts)}
        with atomic_write(self.folder / MANIFEST) as stream:
            content = {"base_sha256": self.base, "files": self.files}
            json.dump(content, stream, indent=2, ensure_ascii=False)
            stream.write("\n")

    def _made_from(self, parts: Sequence[str]) -> str:
        listed = dump_compact([self.base, own_version(), *parts])
        return hashlib.sha256(listed.encode()).hexdigest()
