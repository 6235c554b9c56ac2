"""Tasks, documents and pairs: what everything else is made from."""

from setaccio.data.records import Document, Pair, Problem, load_pairs, read_pairs, write_pairs
from setaccio.data.task.rules import MergeRule
from setaccio.data.task.task import ScoringRule, Task, load_task

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
