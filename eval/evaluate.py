"""Evaluate a GGUF on pairs: what the constraint buys, and what fine-tuning did.

    >>> from setaccio.eval.evaluate import evaluate
    >>> evaluate("tuned.gguf", "pairs.jsonl", base="base.gguf", out="runs/recipes")

With a base model the result is the four-arm table: base and tuned, each free and constrained. With
an adapter the GGUF is the base, alone and with the adapter on it, and is loaded once. Other arms,
such as an endpoint or outputs made elsewhere, stand below them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from setaccio.data.errors import UsageError
from setaccio.data.records import Pair, load_pairs
from setaccio.data.task.task import Task, load_task
from setaccio.eval.arms.arms import AnyArm, Arm
from setaccio.eval.arms.predictions import check_ids, own_gold, read_predictions
from setaccio.eval.compare import CONSTRAINTS, Running, compare
from setaccio.eval.result import Comparison
from setaccio.runtime.grammar.constraint import Constraint

if TYPE_CHECKING:
    from typing import Unpack


def evaluate(
    gguf: str | Path | None,
    pairs: str | Path | Sequence[Pair],
    task: Task | str | Path | None = None,
    constraints: Sequence[Constraint] = CONSTRAINTS,
    out: str | Path | None = None,
    limit: int | None = None,
    base: str | Path | None = None,
    *,
    adapter: str | Path | None = None,
    tuned_only: bool = False,
    sample: int | None = None,
    seed: int = 0,
    others: Sequence[AnyArm] = (),
    **running: Unpack[Running],
) -> Comparison:
    """Compare decoding with and without the constraint, and a tuned model with its base.

    Args:
        gguf: the model, or the name of a known one; None leaves it to ``base`` and ``others``.
        pairs: documents with gold, or a JSON Lines file of them.
        task: what is extracted, or where to find it; by default what the adapter or the GGUF
            carries.
        constraints: ``none``, ``schema`` or both, one arm each per model.
        out: run folder, in which an interrupted run continues; None writes nothing.
        limit: use only the first so many pairs (of the sample, where one is drawn).
        base: the model before fine-tuning, for the first rows; by default ``gguf`` itself where
            there is an adapter.
        adapter: a LoRA adapter that makes the tuned model of ``gguf``.
        tuned_only: leave ``gguf`` without its adapter out.
        sample: use only so many pairs, drawn at random; see :func:`choose_pairs`.
        seed: of the sample.
        others: further arms, shown last.
        running: see :class:`setaccio.eval.compare.Running`.

    Returns:
        One arm per model and constraint, base first.

    Raises:
        UsageError: a missing file, an empty or unknown constraint, a limit below 1.
        DataError: pairs that can not be used.
        ModelError: a GGUF that can not be loaded.
        TaskError: no task in the GGUF and none given.
    """
    if not constraints or any(name not in CONSTRAINTS for name in constraints):
        raise UsageError(f"constraints is {constraints!r}. Choose from {', '.join(CONSTRAINTS)}.")
    found = load_pairs(pairs)[0] if isinstance(pairs, str | Path) else list(pairs)
    named = task if isinstance(task, Task) or task is None else load_task(task)
    if adapter is not None and gguf is None:
        raise UsageError(f"{adapter}: is an adapter. Name the model that it goes on too.")
    arms = [
        Arm(name, path, constraint, lora)
        for name, path, lora in _models(gguf, base, adapter, tuned_only)
        for constraint in constraints
    ]
    return compare(
        [*arms, *others],
        choose_pairs(found, limit=limit, sample=sample, seed=seed),
        named,
        out=out,
        settings={"limit": limit, "sample": sample, "seed": seed},
        **running,
    )


def _models(
    gguf: str | Path | None, base: str | Path | None, adapter: str | Path | None, tuned_only: bool
) -> list[tuple[str, Path, Path | None]]:
    """Name, file and adapter of each model, the base first."""
    base = base or (gguf if adapter and not tuned_only else None)
    models: list[tuple[str, Path, Path | None]] = [("base", Path(base), None)] if base else []
    if gguf is not None:
        name = "tuned" if base or adapter else "model"
        models.append((name, Path(gguf), Path(adapter) if adapter else None))
    return models


def score_predictions(
    file: str | Path,
    pairs: Sequence[Pair] | None,
    task: Task,
    aliases: Mapping[str, str] | None = None,
    *,
    out: str | Path | None = None,
    **running: Unpack[Running],
) -> Comparison:
    """Score a file of outputs against gold.

    Args:
        file: the predictions, as :mod:`setaccio.eval.arms.predictions` says.
        pairs: documents with gold; None takes the ``gold`` of each line.
        task: schema and scoring rules.
        aliases: name that the outputs use to the task's name of the same key, at any depth.
        out: run folder; None writes nothing.
        running: see :class:`setaccio.eval.compare.Running`; nothing is run, but ``tell`` is called.

    Returns:
        One arm per ``model`` (and ``constraint``) in the file. A pair without a prediction counts
        as failed, with the status ``missing``. Where no pairs are given, each model is scored on
        its own ids.

    Raises:
        DataError: a line can not be used, an id comes twice or has no gold, or there is nothing.
        UsageError: there is no such file.
    """
    arms = read_predictions(file, aliases)
    if pairs is not None:
        check_ids(arms, pairs)
        return compare(arms, pairs, task, out=out, **running)
    own = [own_gold(arm) for arm in arms]
    if all(gold == own[0] for gold in own):
        return compare(arms, own[0], task, out=out, **running)
    if out is not None:
        raise UsageError(
            f"{file}: its models were given different documents, so they make no run to keep. "
            "Give the pairs with --pairs, or leave --out away."
        )
    singles = [compare([arm], gold, task, **running) for arm, gold in zip(arms, own, strict=True)]
    return Comparison(task, tuple(single.arms[0] for single in singles))


def choose_pairs(
    pairs: Sequence[Pair], *, limit: int | None = None, sample: int | None = None, seed: int = 0
) -> list[Pair]:
    """Some of the pairs, in their order.

    A sample takes the ids whose hash with the seed comes first. So it does not depend on the order
    of the file, a row that is added moves at most one other out, and a larger sample holds every
    smaller one of the same seed, whose outputs are then reused.

    Args:
        pairs: to choose from.
        limit: at most so many, the first ones of the sample.
        sample: at most so many, drawn; None takes all.
        seed: of the drawing.

    Raises:
        UsageError: a number below 1.
    """
    for name, number in (("limit", limit), ("sample", sample)):
        if number is not None and number < 1:
            raise UsageError(f"A {name} of {number} leaves no document. Give 1 or more.")

    def rank(pair: Pair) -> str:
        return hashlib.sha256(f"{seed}:{pair.id}".encode("utf-8", "replace")).hexdigest()

    if sample is None:
        return list(pairs[:limit])
    drawn = {pair.id for pair in sorted(pairs, key=rank)[:sample]}
    return [pair for pair in pairs if pair.id in drawn][:limit]
