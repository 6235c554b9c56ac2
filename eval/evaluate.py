"""Evaluate a GGUF on pairs: what the constraint buys, and what fine-tuning did.

    >>> from setaccio.eval.evaluate import evaluate
    >>> evaluate("tuned.gguf", "pairs.jsonl", base="base.gguf", out="runs/recipes")

With a base model the result is the four-arm table: base and tuned, each free and constrained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from setaccio.data.errors import UsageError
from setaccio.data.records import Pair, load_pairs
from setaccio.data.task import Task, load_task
from setaccio.eval.compare import CONSTRAINTS, Arm, Progress, compare
from setaccio.eval.result import Comparison
from setaccio.runtime.constraint import Constraint


def evaluate(
    gguf: str | Path,
    pairs: str | Path | Sequence[Pair],
    task: Task | str | Path | None = None,
    constraints: Sequence[Constraint] = CONSTRAINTS,
    out: str | Path | None = None,
    limit: int | None = None,
    base: str | Path | None = None,
    *,
    max_tokens: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare decoding with and without the constraint, and a tuned model with its base.

    Args:
        gguf: the model.
        pairs: documents with gold, or a JSON Lines file of them.
        task: what is extracted, or where to find it; by default what the GGUF carries.
        constraints: ``none``, ``schema`` or both, one arm each per model.
        out: run folder, in which an interrupted run continues; None writes nothing.
        limit: use only the first so many pairs.
        base: the model before fine-tuning, for the first rows.
        max_tokens: greatest number of tokens per answer; by default the extractor decides.
        threads: threads that compute; by default one per physical core.
        progress: told the arm's label, documents done and documents in all.

    Returns:
        One arm per model and constraint, base first.

    Raises:
        UsageError: a missing file, an empty or unknown constraint, a limit below 1.
        DataError: pairs that can not be used.
        ModelError: a GGUF that can not be loaded.
        TaskError: no task in the GGUF and none given.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"A limit of {limit} leaves no document. Give 1 or more.")
    if not constraints or any(name not in CONSTRAINTS for name in constraints):
        raise UsageError(f"constraints is {constraints!r}. Choose from {', '.join(CONSTRAINTS)}.")
    found = load_pairs(pairs)[0] if isinstance(pairs, str | Path) else list(pairs)
    named = task if isinstance(task, Task) or task is None else load_task(task)
    models = [("base", Path(base)), ("tuned", Path(gguf))] if base else [("model", Path(gguf))]
    arms = [Arm(name, path, constraint) for name, path in models for constraint in constraints]
    return compare(
        arms,
        found[:limit],
        named,
        out=out,
        max_tokens=max_tokens,
        threads=threads,
        progress=progress,
    )
