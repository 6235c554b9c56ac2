"""The same model in several quantisations: what each one costs and what it loses.

Arms are GGUF files of one model. Their type is read from the file (``general.file_type``), and so
is whether an importance matrix was used. The largest file is what the others are held against,
document by document.

**The knee** is the smallest file that loses neither document-level L3 nor the field score beyond
the noise, both against the largest file (:mod:`setaccio.eval.studies.losses`). With few documents
noise is wide and the knee flatters small files; what is printed below the table says how large a
loss would still have gone unseen.

    >>> sweep(sorted(Path("models").glob("*.gguf")), pairs, out="runs/sweep").knee.name
    'Q5_K_M'
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setaccio.data.errors import UsageError
from setaccio.data.records import Pair
from setaccio.data.task.task import Task
from setaccio.eval.arms.arms import Arm
from setaccio.eval.compare import Running, compare
from setaccio.eval.formats import fixed, megabytes
from setaccio.eval.result import ArmResult, Comparison, write_study
from setaccio.eval.studies.losses import Loss, paired_losses, scores_of
from setaccio.eval.table import level_cells, markdown
from setaccio.models import gguf_path
from setaccio.runtime.grammar.constraint import Constraint
from setaccio.runtime.model.gguf_header import quantisation_name, read_header

if TYPE_CHECKING:
    from typing import Unpack

QUANTISATIONS = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0")
"""What a sweep is made of, the largest first."""

KNEE_MEASURES = ("l3", "score")


@dataclass(frozen=True)
class SweepRow:
    """One quantisation.

    Attributes:
        name: its type, such as ``Q4_K_M`` or ``Q4_K_M imatrix``.
        arm: its scores.
        losses: against the largest file, paired; empty for the largest itself.
    """

    name: str
    arm: ArmResult
    losses: tuple[Loss, ...]

    @property
    def within_noise(self) -> bool:
        """Whether neither L3 nor the score is lost beyond the noise."""
        counting = [one for one in self.losses if one.measure in KNEE_MEASURES]
        return all(one.noise or one.loss <= 0 for one in counting)

    def loss(self, measure: str) -> Loss | None:
        """What became of one measure; None for the largest file."""
        return next((one for one in self.losses if one.measure == measure), None)


@dataclass(frozen=True)
class Sweep:
    """A model's quantisations, the largest file first.

    Attributes:
        rows: one per file.
        comparison: the run behind them.
    """

    rows: tuple[SweepRow, ...]
    comparison: Comparison

    @property
    def knee(self) -> SweepRow:
        """The smallest file that loses nothing beyond the noise; the largest when all do."""
        return [row for row in self.rows if row.within_noise][-1]

    def table(self) -> list[list[str]]:
        """Cells, header first."""
        head = ["type", "MB", "L1", "L2", "L3", "score", "score lost [95%]", "s/doc", "tok/s"]
        lines = [[*head, "peak MB", ""]]
        for row in self.rows:
            summary, lost = row.arm.summary, row.loss("score")
            scores = [*level_cells(summary), f"{summary.score.mean:.3f}"]
            scores.append(lost.describe_loss() if lost else "")
            speed = [fixed(summary.seconds_mean, 2), fixed(summary.tokens_per_second, 0)]
            peak, mark = megabytes(row.arm.peak_memory), "<- knee" if row is self.knee else ""
            lines.append([row.name, megabytes(row.arm.size_bytes), *scores, *speed, peak, mark])
        return lines

    def describe(self) -> str:
        """What the knee is, and how much it could hide."""
        documents = self.knee.arm.summary.documents
        said = (
            f"Knee: {self.knee.name}, the smallest file whose L3 and score are within the paired "
            f"95% noise of {self.rows[0].name} on {documents} documents."
        )
        lost = self.knee.loss("score")
        if lost is None:
            return said
        return f"{said} A score loss of up to {max(lost.high, 0.0):.3f} would not have shown."

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, ready for JSON."""
        return {
            "knee": self.knee.name,
            "rule": "smallest file whose loss of L3 and score is within the paired noise",
            "rows": [
                {
                    "type": row.name,
                    **row.arm.to_dict(),
                    "against_largest": [one.to_dict() for one in row.losses],
                }
                for row in self.rows
            ],
        }


def sweep(
    files: Iterable[str | Path],
    pairs: Sequence[Pair],
    task: Task | None = None,
    *,
    constraint: Constraint = "schema",
    adapter: str | Path | None = None,
    out: str | Path | None = None,
    **running: Unpack[Running],
) -> Sweep:
    """Evaluate several quantisations of one model.

    Args:
        files: the GGUFs.
        pairs: documents with gold.
        task: what is extracted; by default what the adapter or the GGUFs carry.
        constraint: how all of them decode.
        adapter: a LoRA adapter that works beside each of them.
        out: run folder; ``sweep.json`` and ``sweep.md`` are written beside the usual files.
        running: see :class:`setaccio.eval.compare.Running`.

    Raises:
        UsageError: fewer than two files, and as for ``compare``.
        DataError: as for ``compare``.
        ModelError: a file is no usable GGUF.
        TaskError: as for ``compare``.
    """
    paths = _largest_first(files)
    beside = None if adapter is None else Path(adapter)
    named = zip(name_files(paths), paths, strict=True)
    arms = [Arm(name, path, constraint, beside) for name, path in named]
    comparison = compare(arms, pairs, task, out=out, **running)
    found = Sweep(_against_largest(comparison), comparison)
    if comparison.folder:
        said = f"{markdown(found.table())}\n{found.describe()}\n"
        write_study(comparison.folder, "sweep", found.to_dict(), said)
    return found


def _largest_first(files: Iterable[str | Path]) -> list[Path]:
    paths = sorted({gguf_path(file) for file in files}, key=_size, reverse=True)
    if len(paths) < 2:
        named = ", ".join(map(str, paths)) or "none"
        raise UsageError(f"A sweep needs at least two GGUF files, and there is {named}.")
    return paths


def _against_largest(comparison: Comparison) -> tuple[SweepRow, ...]:
    first, *others = comparison.arms
    largest, rows = scores_of(first), [SweepRow(first.name, first, ())]
    for arm in others:
        losses = paired_losses(arm.name, arm.constraint, largest, scores_of(arm))
        rows.append(SweepRow(arm.name, arm, tuple(losses)))
    return tuple(rows)


def quantisation_of(path: str | Path) -> str:
    """Type of a GGUF as llama.cpp names it, and ``imatrix`` where one was used.

    Raises:
        ModelError: not a GGUF.
    """
    metadata = read_header(path).metadata
    kind = quantisation_name(metadata.get("general.file_type")) or "unknown type"
    return f"{kind} imatrix" if "quantize.imatrix.file" in metadata else kind


def name_files(paths: Sequence[Path]) -> list[str]:
    """Names of files by their type; those of one type are told apart by the file's name."""
    kinds = [quantisation_of(path) for path in paths]
    counts = Counter(kinds)
    return [
        kind if counts[kind] == 1 else f"{kind} {path.stem}"
        for kind, path in zip(kinds, paths, strict=True)
    ]


def _size(path: Path) -> tuple[int, str]:
    return (path.stat().st_size if path.is_file() else 0, str(path))
