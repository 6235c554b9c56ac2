"""Base and tuned models in the layout of the reference experiment.

There a base model was run on the first part of the documents, and the tuned one on both parts:

    | model | params | L1 base | L1 tuned | L2 base | L2 tuned | L3 base | L3 tuned |

Here each model gives one row per decoding, free and constrained. Counts stand beside the rates.
As the two parts need not be equally hard, base and tuned are also compared on the first part
alone, paired by document (:mod:`setaccio.eval.studies.losses`). A model that was not tuned has one
column of each pair; an endpoint or a file of outputs can stand for a model.

    >>> models = [ReferenceModel("Qwen 2.5", base=Path("base.gguf"), tuned=Path("tuned.gguf"))]
    >>> print(reference_table(models, first, last).markdown())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Pair
from setaccio.data.task.task import Task
from setaccio.eval.arms.arms import AnyArm, Arm, gguf_parameters
from setaccio.eval.arms.baseline import EndpointArm
from setaccio.eval.arms.predictions import RecordedArm, own_gold, read_predictions
from setaccio.eval.compare import CONSTRAINTS, Running, compare, under
from setaccio.eval.formats import format_parameters, percent
from setaccio.eval.result import ArmResult, Comparison, decoding, write_study
from setaccio.eval.stats.summary import Interval
from setaccio.eval.studies.losses import Loss, paired_losses, scores_of
from setaccio.eval.table import markdown
from setaccio.runtime.grammar.constraint import Constraint

if TYPE_CHECKING:
    from typing import Unpack

LEVELS = ("l1", "l2", "l3")

ModelFile = Path | EndpointArm
"""A GGUF, a JSON Lines file of outputs, or an endpoint."""


@dataclass(frozen=True)
class ReferenceModel:
    """A model that gets a row.

    Attributes:
        name: what the table calls it.
        base: the model before fine-tuning.
        tuned: the model after it; None when it was not tuned.
        parameters: as it should be shown, such as ``70 B``; by default counted in the GGUF.
    """

    name: str
    base: ModelFile
    tuned: ModelFile | None = None
    parameters: str = ""


@dataclass(frozen=True)
class ReferenceRow:
    """One model under one decoding.

    Attributes:
        name: the model.
        parameters: how large it is.
        constraint: how it decoded.
        base: scores of the base on the first part; None when there are none.
        tuned: scores of the tuned model on both parts; None when it was not tuned.
        gain: tuned against base on the first part, paired.
    """

    name: str
    parameters: str
    constraint: str
    base: ArmResult | None
    tuned: ArmResult | None
    gain: tuple[Loss, ...] = ()


@dataclass(frozen=True)
class ReferenceTable:
    """The reference experiment's table.

    Attributes:
        rows: in the order given.
        first: documents in the first part.
        last: documents in the last part.
        comparisons: the runs behind it, by folder name.
    """

    rows: tuple[ReferenceRow, ...]
    first: int
    last: int
    comparisons: Mapping[str, Comparison] = field(default_factory=dict, repr=False)

    def table(self) -> list[list[str]]:
        """Cells, header first."""
        columns = [f"{level.upper()} {when}" for level in LEVELS for when in ("base", "tuned")]
        lines = [["model", "decoding", "params", *columns]]
        for row in self.rows:
            cells = [_rate(arm, level) for level in LEVELS for arm in (row.base, row.tuned)]
            lines.append([row.name, decoding(row.constraint, "-"), row.parameters or "-", *cells])
        return lines

    def notes(self) -> list[str]:
        """What the columns mean, and the paired comparison on the first part."""
        said = [
            f"base: the first part ({self.first} documents); tuned: both parts "
            f"({self.first + self.last} documents)."
        ]
        for row in self.rows:
            name = f"{row.name} {decoding(row.constraint)}".rstrip()
            said += [
                f"{name}, on the first part alone: {one.paired.words()}."
                for one in row.gain
                if one.measure in ("l3", "score")
            ]
        return said

    def markdown(self) -> str:
        """Table and notes in Markdown."""
        notes = "".join(f"- {note}\n" for note in self.notes())
        return f"{markdown(self.table(), 2)}\n{notes}"

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, ready for JSON."""
        return {
            "first": self.first,
            "last": self.last,
            "rows": [
                {
                    "name": row.name,
                    "parameters": row.parameters,
                    "constraint": row.constraint,
                    "base": row.base and row.base.to_dict(),
                    "tuned": row.tuned and row.tuned.to_dict(),
                    "on_first_part": [one.to_dict() for one in row.gain],
                }
                for row in self.rows
            ],
        }


def reference_table(
    models: Sequence[ReferenceModel],
    first: Sequence[Pair],
    last: Sequence[Pair],
    task: Task | None = None,
    *,
    constraints: Sequence[Constraint] = CONSTRAINTS,
    aliases: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    **running: Unpack[Running],
) -> ReferenceTable:
    """Run base models on the first part and tuned ones on both, and lay the table out.

    Args:
        models: one row each, per decoding.
        first: documents of the first part, with gold.
        last: documents of the last part, with gold; no id is in both.
        task: what is extracted; by default what the GGUFs carry.
        constraints: how GGUFs decode, one row each.
        aliases: key names of files of outputs, as in :mod:`setaccio.eval.arms.predictions`.
        out: folder with the run folders ``base`` and ``tuned`` and the table; None writes nothing.
        running: see :class:`setaccio.eval.compare.Running`.

    Raises:
        UsageError: no model, and as for ``compare``.
        DataError: a model's outputs can not be found in its file, and as for ``compare``.
        ModelError: a GGUF can not be loaded.
        TaskError: as for ``compare``.
    """
    if not models:
        raise UsageError("There is no model for the table. Name at least one.")
    folder = None if out is None else Path(out)
    comparisons: dict[str, Comparison] = {}
    for stage, pairs in (("base", first), ("tuned", [*first, *last])):
        files = [(model, getattr(model, stage)) for model in models]
        arms = [arm for each in files for arm in _arms(*each, constraints, aliases or {})]
        if arms:
            run_folder = folder and folder / stage
            found = compare(arms, pairs, task, out=run_folder, **under(stage, running))
            comparisons[stage], task = found, found.task
    rows = tuple(row for model in models for row in _rows(model, comparisons, first))
    table = ReferenceTable(rows, len(first), len(last), comparisons)
    if folder:
        write_study(folder, "reference", table.to_dict(), table.markdown())
    return table


def own_parts(models: Sequence[ReferenceModel]) -> tuple[list[Pair], list[Pair]]:
    """The two parts of the documents as files of outputs that bring their gold have them.

    Args:
        models: all of them files of outputs.

    Returns:
        Pairs of which there are outputs of a base, and those of which there are tuned ones only.

    Raises:
        DataError: a line has no gold.
        UsageError: a model is none of outputs, so that only pairs can say what it runs on.
    """
    found: dict[str, dict[str, Pair]] = {}
    for stage in ("base", "tuned"):
        pairs = found[stage] = {}
        for model in models:
            file: ModelFile | None = getattr(model, stage)
            if file is None:
                continue
            if not (isinstance(file, Path) and _holds_outputs(file)):
                raise UsageError(
                    f"{model.name}: what should it run on? Give the documents with --first and "
                    "--last."
                )
            for arm in _recorded(model, file, {}):
                pairs |= {pair.id: pair for pair in own_gold(arm)}
    last = [pair for pair in found["tuned"].values() if pair.id not in found["base"]]
    return list(found["base"].values()), last


def _holds_outputs(file: Path) -> bool:
    return file.suffix == ".jsonl"


def _arms(
    model: ReferenceModel,
    file: ModelFile | None,
    constraints: Sequence[Constraint],
    aliases: Mapping[str, str],
) -> list[AnyArm]:
    if file is None:
        return []
    if isinstance(file, EndpointArm):
        return [file]
    if not _holds_outputs(file):
        return [Arm(model.name, file, constraint) for constraint in constraints]
    return [*_recorded(model, file, aliases)]


def _recorded(model: ReferenceModel, file: Path, aliases: Mapping[str, str]) -> list[RecordedArm]:
    """Outputs of a model: those under its name, or all where the file names one model only."""
    recorded = read_predictions(file, aliases)
    named = [arm for arm in recorded if arm.name == model.name]
    if not named and len({arm.name for arm in recorded}) > 1:
        known = ", ".join(sorted({arm.name for arm in recorded}))
        raise DataError(f"{file}: has no outputs of {model.name!r}. Choose from {known}.")
    return [arm.under(model.name) for arm in named or recorded]


def _rows(
    model: ReferenceModel, comparisons: Mapping[str, Comparison], first: Sequence[Pair]
) -> list[ReferenceRow]:
    found: dict[str, dict[str, ArmResult]] = {}
    for stage, comparison in comparisons.items():
        for arm in comparison.arms:
            if arm.name == model.name:
                found.setdefault(arm.constraint, {})[stage] = arm
    ids = {pair.id for pair in first}
    rows = []
    for constraint, arms in found.items():
        base, tuned = arms.get("base"), arms.get("tuned")
        gain: list[Loss] = []
        if base and tuned:
            shared = {id: one for id, one in scores_of(tuned).items() if id in ids}
            gain = paired_losses(model.name, constraint, scores_of(base), shared)
        parameters = model.parameters or _parameters(model)
        rows.append(ReferenceRow(model.name, parameters, constraint, base, tuned, tuple(gain)))
    return rows


def _parameters(model: ReferenceModel) -> str:
    file = model.base
    if isinstance(file, EndpointArm) or _holds_outputs(file):
        return ""
    return format_parameters(gguf_parameters(file))


def _rate(arm: ArmResult | None, level: str) -> str:
    if arm is None:
        return "-"
    estimate: Interval = getattr(arm.summary, level)
    documents = arm.summary.documents
    return f"{percent(estimate.mean)} ({round(estimate.mean * documents)}/{documents})"
