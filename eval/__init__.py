"""Scores: how much of what came out is JSON, fits the schema, and is right.

    >>> from setaccio.eval.evaluate import evaluate
    >>> from setaccio.eval import markdown_table
    >>> print(markdown_table(evaluate("model.gguf", "pairs.jsonl")))

Each verb is imported from the module of its name: ``evaluate`` (a GGUF on pairs), ``compare``
(arms side by side), ``score_predictions`` in ``evaluate`` (outputs made elsewhere), ``sweep``
(quantisations), ``robustness`` (perturbed documents), ``reference_table`` (base and tuned in the
reference experiment's layout), ``regression`` (against an earlier run), ``baseline`` (a model
behind an endpoint). The names
below are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.eval.compare import Arm as Arm
    from setaccio.eval.evaluate import score_predictions as score_predictions
    from setaccio.eval.result import ArmResult as ArmResult
    from setaccio.eval.result import Comparison as Comparison
    from setaccio.eval.scoring.score import DocumentScore as DocumentScore
    from setaccio.eval.scoring.score import score_document as score_document
    from setaccio.eval.stats.summary import Summary as Summary
    from setaccio.eval.stats.summary import summarise as summarise
    from setaccio.eval.table import markdown_table as markdown_table
    from setaccio.eval.table import rich_table as rich_table

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "compare": ["Arm"],
        "evaluate": ["score_predictions"],
        "result": ["ArmResult", "Comparison"],
        "scoring.score": ["DocumentScore", "score_document"],
        "stats.summary": ["Summary", "summarise"],
        "table": ["markdown_table", "rich_table"],
    },
)
