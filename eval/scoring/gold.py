"""Whether gold can be reached at all.

>>> doubt_of_gold(pairs, task)
'The gold of 1 of 4 documents breaks the schema of recipe, ...'
"""

from __future__ import annotations

from collections.abc import Sequence

from setaccio.data.records import Pair
from setaccio.data.task.task import Task


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
