"""L1 to L3 of an adapter on its base beside those of the merged model, for the adapter's proof.

Export does not know the evaluation, so the two are put together here and handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from setaccio.data.records import Pair
    from setaccio.data.task.task import Task
    from setaccio.export.adapter import Scorer

HEADER = ("model", "decoding", "L1", "L2", "L3", "docs")


def make_scorer(pairs: list[Pair], task: Task | None) -> Scorer:
    """A function that extracts from held-out documents, free and constrained, and scores.

    Args:
        pairs: the documents with their gold.
        task: what is extracted; by default what the adapter carries.
    """

    def score(candidates: Mapping[str, tuple[Path, Path | None]]) -> list[dict[str, Any]]:
        from setaccio.eval.arms.arms import Arm
        from setaccio.eval.compare import CONSTRAINTS, compare
        from setaccio.eval.result import decoding

        arms = [
            Arm(name, model, one, adapter)
            for name, (model, adapter) in candidates.items()
            for one in CONSTRAINTS
        ]
        return [
            {
                "model": arm.name,
                "decoding": decoding(arm.constraint),
                **{level: getattr(arm.summary, level).mean for level in ("l1", "l2", "l3")},
                "documents": arm.summary.documents,
            }
            for arm in compare(arms, pairs, task).arms
        ]

    return score


def score_rows(scores: list[dict[str, Any]]) -> list[list[str]]:
    """Cells of a table of what the scorer found, header first."""
    return [
        list(HEADER),
        *(
            [
                row["model"],
                row["decoding"],
                *(f"{row[level]:.1%}" for level in ("l1", "l2", "l3")),
                str(row["documents"]),
            ]
            for row in scores
        ),
    ]
