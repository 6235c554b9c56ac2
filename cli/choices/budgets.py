"""Which review budget: ``--budget`` names one, or the GGUF carries it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from setaccio.cli.terminal.console import tell, tell_step, warn

if TYPE_CHECKING:
    from setaccio.data.task.task import Task
    from setaccio.runtime.extraction import Extraction
    from setaccio.runtime.extractor import Extractor
    from setaccio.runtime.result.review import ReviewBudget

NO_BUDGET = "none"


def choose_budget(
    named: str | None, extractor: Extractor, task: Task | None, options: Mapping[str, Any]
) -> ReviewBudget | None:
    """The budget that is meant, where it speaks of this extraction.

    One that is carried and does not is passed over with a warning: nobody asked for it.

    Args:
        named: what ``--budget`` says.
        extractor: what extracts.
        task: the task that was asked for, which a model that was not tuned for it sees otherwise.
        options: what can change an answer.

    Raises:
        UsageError: there is no such file, or it was made with another model, task or option.
        DataError: it is no budget.
    """
    from setaccio.data.errors import DataError, UsageError
    from setaccio.runtime.result.carried_budget import carried_budget
    from setaccio.runtime.result.review import read_budget

    if named == NO_BUDGET:
        return None
    adapter = extractor.adapter
    if named is not None:
        budget, source = read_budget(named), named
    else:
        carrier = adapter.path if adapter else extractor.model.path
        source = f"{carrier.name}: the review budget that it carries"
        try:
            carried = carried_budget(carrier)
        except DataError as error:
            warn(f"{error} No row says whether it must be reviewed.")
            return None
        if carried is None:
            return None
        budget = carried
    tasks = {extractor.task.digest, *([task.digest] if task else [])}
    hashes = extractor.model.sha256, adapter.sha256 if adapter else None
    asked = {**options, "context": extractor.model.context}
    refusal = budget.refusal(*hashes, tasks, asked)
    if refusal is None:
        return budget
    if named is None:
        warn(f"{source} {refusal}. No row says whether it must be reviewed.")
        return None
    raise UsageError(
        f"{source}: {refusal}. Extract as it was made, or make another: setaccio eval budget"
    )


def reviewed(
    note: Callable[[Extraction], None], counts: Counter[bool]
) -> Callable[[Extraction], None]:
    """What is called for each row: it counts those to review, then notes the row."""

    def count(row: Extraction) -> None:
        if row.review is not None:
            counts[row.review] += 1
        note(row)

    return count


def tell_budget(budget: ReviewBudget | None, counts: Counter[bool], before: int) -> None:
    """Say how many rows must be reviewed, and that rows from before are not counted."""
    if budget is None or not counts:
        return
    tell_step(f"{counts[True]} of {counts.total()} to review for {budget.promise}.")
    if before:
        tell(f"The {before} that were done before keep what their rows say, or do not say.")
