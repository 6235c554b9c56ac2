"""What every stage of an export works with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import ExportError
from setaccio.data.records import Pair
from setaccio.export.inputs import Inputs
from setaccio.export.proof.reference import Loaded, Reference, make_reference
from setaccio.export.publish.report import Exported, ExportReport, write_export_report

Tell = Callable[[str], None]
"""Is told, in one line, which stage begins."""

PROBES = 3
# Used where no pairs are given: prose enough to make the model answer.
PROBE_TEXTS = (
    "Heat the oven to 180°C. Mix 2 cups of flour with ½ cup of sugar and two eggs, then bake it "
    "for 25 minutes.",
    "Anna Müller, born 3 May 1987 in Graz, ordered 12 boxes at 4.50 each on Monday.",
)


class ExportJob(NamedTuple):
    """What every stage of an export works with.

    Attributes:
        inputs: model, adapter, task and provenance.
        out_dir: where finished files go.
        work: a folder on the same disk that is removed at the end.
        converter: the folder of llama.cpp's converter.
        pairs: held-out pairs, for prompts and for measuring.
        held_out: greatest number of pairs that are measured.
        tell: says which stage begins.
    """

    inputs: Inputs
    out_dir: Path
    work: Path
    converter: Path
    pairs: list[Pair] | None
    held_out: int
    tell: Tell

    def path(self, kind: str) -> Path:
        """Final path of the file of a quantisation, or of the ``adapter``."""
        return self.out_dir / f"{self.inputs.name}-{kind.lower()}.gguf"

    def reference(self, folder: Path, loaded: Loaded | None = None) -> Reference:
        """What the transformers model of a folder says, to compare GGUF files with."""
        return make_reference(
            folder,
            self.inputs.task,
            self._probe_texts(),
            pairs=self.pairs,
            folder=self.work / "transformers",
            held_out=self.held_out,
            loaded=loaded,
        )

    def _probe_texts(self) -> list[str]:
        """The shortest texts: a proof needs decisions of the model, not length."""
        texts = sorted({pair.text for pair in self.pairs or []}, key=lambda text: (len(text), text))
        return texts[:PROBES] or list(PROBE_TEXTS)

    def require_disk(self, needed: int, what: str) -> None:
        """Raise ExportError where the disk has no room for that many bytes."""
        free = shutil.disk_usage(self.out_dir).free
        if needed > free:
            raise ExportError(
                f"{self.out_dir}: {needed / 1e9:.2f} GB are needed for {what}, but only "
                f"{free / 1e9:.2f} GB are free. Free some space or choose another folder."
            )

    def write_report(
        self, name: str, files: Sequence[Exported], reference: Reference, **more: Any
    ) -> ExportReport:
        """Write what was made into the file of that name; ``more`` are further fields of it."""
        report = ExportReport(
            folder=self.out_dir,
            files=tuple(files),
            provenance=self.inputs.provenance,
            task=self.inputs.task.name if self.inputs.task else None,
            report=self.out_dir / name,
            transformers=reference.held_out.measured if reference.held_out else None,
            **more,
        )
        write_export_report(report, self.inputs)
        return report
