"""Tasks, documents and pairs: what everything else is made from.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.data.records import Document, Pair, Problem, load_pairs, read_pairs, write_pairs
    from setaccio.data.task.rules import MergeRule, ScoringRule
    from setaccio.data.task.task import Task, load_task

__all__ = [
    "Document",
    "MergeRule",
    "Pair",
    "Problem",
    "ScoringRule",
    "Task",
    "load_pairs",
    "load_task",
    "read_pairs",
    "write_pairs",
]

_HOMES = {
    "Document": "records",
    "MergeRule": "task.rules",
    "Pair": "records",
    "Problem": "records",
    "ScoringRule": "task.rules",
    "Task": "task.task",
    "load_pairs": "records",
    "load_task": "task.task",
    "read_pairs": "records",
    "write_pairs": "records",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
