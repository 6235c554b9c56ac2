"""Run several arms over the same documents and put their scores side by side.

An arm is a GGUF with or without the constraint, an endpoint, or outputs that were made elsewhere
(:mod:`setaccio.eval.arms.arms`). All arms share one task and one set of documents, so a difference
between two of them is what the model or the constraint makes.

With a run folder every output is written as it comes and reused when the same comparison is run
again: an output is known by the hash of the model, the task, the constraint, the token budget and
the text, so a run that was killed continues, and a changed model or task starts afresh.

    >>> arms = [Arm("tuned", Path("tuned.gguf"), constraint) for constraint in CONSTRAINTS]
    >>> compare(arms, pairs, out="runs/recipes").arms[0].summary.l1.mean
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from setaccio.data.errors import DataError, TaskError, UsageError
from setaccio.data.files.digests import package_versions
from setaccio.data.files.locks import lock_folder
from setaccio.data.pairs.checks import doubt_of_labels
from setaccio.data.records import Pair, pairs_digest, write_pairs
from setaccio.data.task.task import Json, Task
from setaccio.eval.arms.arms import AnyArm, Arm, ModelPool, Setting
from setaccio.eval.arms.progress import ArmProgress, Progress
from setaccio.eval.arms.runner import Runner, file_part
from setaccio.eval.parquet import is_available, parquet
from setaccio.eval.result import ArmResult, Comparison, write_json, write_results
from setaccio.eval.scoring.normalise import NORMALISATION
from setaccio.eval.stats.summary import SEED
from setaccio.eval.table import markdown_table
from setaccio.runtime.grammar.constraint import Constraint
from setaccio.runtime.model.smoke_test import system_report

if TYPE_CHECKING:
    from typing import Unpack

__all__ = ["CONSTRAINTS", "Arm", "ArmProgress", "Progress", "Running", "compare", "under"]

CONSTRAINTS: tuple[Constraint, ...] = ("none", "schema")


class Running(TypedDict, total=False):
    """How a run is made, whatever is compared; passed on to :func:`compare`.

    Attributes:
        max_tokens: greatest number of tokens per answer; by default the extractor decides.
        thinking: greatest number of tokens that GGUFs think before each answer, constrained and
            free alike; by default they do not think, and endpoints are asked not to in any case.
        threads: threads that compute; by default one per physical core.
        progress: told how far each arm is, also while a document is being decoded.
        tell: given a sentence about what makes the scores doubtful, before anything is run.
    """

    max_tokens: int | None
    thinking: int | None
    threads: int | None
    progress: Progress | None
    tell: Callable[[str], None] | None


_ARM_FACTS = ("name", "model", "sha256", "size_bytes", "constraint")
_MACHINE = ("cpu", "cores", "memory_gib", "compiler")
_PACKAGES = ("setaccio", "llama-cpp-python", "outlines", "llguidance", "jsonschema", "rapidfuzz")


def compare(
    arms: Sequence[AnyArm],
    pairs: Sequence[Pair],
    task: Task | None = None,
    *,
    out: str | Path | None = None,
    settings: dict[str, Json] | None = None,
    **running: Unpack[Running],
) -> Comparison:
    """Make every arm's output for every document, score, summarise.

    Args:
        arms: what to compare; arms with the same GGUF are best put side by side, as it is then
            loaded once.
        pairs: documents with gold, ids unique.
        task: what is extracted; by default what the last adapter that carries a task says, or the
            last GGUF that does.
        out: run folder (see :mod:`setaccio.eval.result`); None writes nothing.
        settings: what else ``config.json`` should keep, such as the seed of a sample.
        running: see :class:`Running`.

    Returns:
        The arms in the order given.

    Raises:
        UsageError: no arms, two arms of one name and constraint, thoughts where nothing can think,
            or the folder can not be written, or another process writes there.
        DataError: no pairs, or an id that comes twice.
        ModelError: a GGUF can not be loaded.
        TaskError: no task was given and no GGUF carries one.
    """
    _check(arms, pairs)
    if running.get("thinking") and not any(isinstance(arm, Arm) for arm in arms):
        raise UsageError("thinking: is for GGUFs, and no arm is one. Leave it out.")
    task = task or _carried_task(arms)
    _tell_doubts(task, pairs, running.get("tell"))
    folder = None if out is None else Path(out)
    with nullcontext() if folder is None else lock_folder(folder):
        results, facts = _run_arms(arms, pairs, task, folder, running)
        comparison = Comparison(task, tuple(results), folder)
        if folder is not None:
            limits = {name: running.get(name) for name in ("max_tokens", "thinking", "threads")}
            config = _config(comparison, pairs, facts) | limits | (settings or {})
            write_json(folder / "config.json", config)
            write_pairs(folder / "documents.jsonl", pairs)
            write_results(folder, comparison, markdown_table(comparison))
            if is_available():
                parquet(folder)
    return comparison


def _run_arms(
    arms: Sequence[AnyArm],
    pairs: Sequence[Pair],
    task: Task,
    folder: Path | None,
    running: Running,
) -> tuple[list[ArmResult], list[dict[str, Json]]]:
    """Each arm's result, and what ``config.json`` says about where its outputs come from."""
    models = ModelPool(running.get("threads"))
    setting = Setting(
        task,
        running.get("max_tokens"),
        running.get("thinking"),
        models,
        running.get("tell"),
    )
    results, facts = [], []
    try:
        for arm in arms:
            runner = Runner(arm, task, folder, running.get("progress"))
            source = arm.open(replace(setting, watch=runner.watch))
            results.append(runner.run(source, pairs))
            facts.append(source.facts)
    finally:
        models.close()
    return results, facts


def _tell_doubts(task: Task, pairs: Sequence[Pair], tell: Callable[[str], None] | None) -> None:
    if tell:
        doubts = [*task.notes, doubt_of_gold(pairs, task), doubt_of_labels(pairs)]
        for doubt in filter(None, doubts):
            tell(doubt)


def under(name: str, running: Running) -> Running:
    """The same, its progress told labels that begin with the name of a part of a larger run."""
    tell = running.get("progress")
    if tell is None:
        return running
    return {
        **running,
        "progress": lambda state: tell(replace(state, arm=f"{name}: {state.arm}")),
    }


def _check(arms: Sequence[AnyArm], pairs: Sequence[Pair]) -> None:
    if not arms:
        raise UsageError("There is nothing to compare. Give at least one GGUF.")
    names = [file_part(arm.label) for arm in arms]
    if len(set(names)) < len(names):
        raise UsageError(f"Two arms share a name: {', '.join(arm.label for arm in arms)}.")
    if not pairs:
        raise DataError("There is no pair to evaluate on. Give at least one.")
    name, count = Counter(pair.id for pair in pairs).most_common(1)[0]
    if count > 1:
        raise DataError(f"The id {name!r} comes {count} times among the pairs. Make ids unique.")


def doubt_of_gold(pairs: Sequence[Pair], task: Task) -> str:
    """What is to be said of gold that breaks the schema; empty where none does.

    Such a document can not come out right: what the constraint allows is never equal to its gold.
    """
    broken = [(pair, found[0]) for pair in pairs if (found := task.problems(pair.gold))]
    if not broken:
        return ""
    pair, problem = broken[0]
    return (
        f"The gold of {len(broken)} of {len(pairs)} documents breaks the schema of {task.name}, "
        f"first that of id {pair.id!r} ({problem}), so they can not come out right. Give the task "
        "of these pairs with --task or --schema, or repair them: setaccio data check names each "
        "with its line."
    )


def _carried_task(arms: Sequence[AnyArm]) -> Task:
    """What the last adapter carries, or the last GGUF: what was tuned stands last."""
    ggufs = [arm for arm in reversed(arms) if isinstance(arm, Arm)]
    for arm in sorted(ggufs, key=lambda arm: arm.adapter is None):
        if task := arm.carried_task():
            return task
    what = f"{ggufs[0].path}: no GGUF here carries a task." if ggufs else "No task is known."
    raise TaskError(f"{what} Say which with --task or --schema.")


def _config(
    comparison: Comparison, pairs: Sequence[Pair], facts: Sequence[Json]
) -> dict[str, Json]:
    """All that is needed to say what was measured, and to measure it again."""
    machine = system_report()
    return {
        "task": json.loads(comparison.task.to_metadata()),
        "task_digest": comparison.task.digest,
        "arms": [
            {**{name: getattr(arm, name) for name in _ARM_FACTS}, **known}
            for arm, known in zip(comparison.arms, facts, strict=True)
        ],
        "documents": len(pairs),
        "data_sha256": pairs_digest(pairs),
        "bootstrap_seed": SEED,
        "normalisation": NORMALISATION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": {name: machine[name] for name in _MACHINE},
        "versions": package_versions(_PACKAGES),
    }
