"""L3 of constrained extraction by a training run's result, or by what a run has come to so far.

    >>> from setaccio.cli.train.l3 import ExtractionScorer
    >>> from setaccio.train import load_config, train
    >>> values = {"pairs": "pairs.jsonl", "out": "runs/recipe", "metric_for_best": "l3"}
    >>> config = load_config(None, values)
    >>> with ExtractionScorer(config) as scorer:
    ...     train(config, scorer=scorer)

Training, export, runtime and evaluation do not know each other in this combination, so it is put
together here.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setaccio.data.records import Pair
    from setaccio.data.task.task import Task
    from setaccio.export.snapshot import Snapshots
    from setaccio.train.config.settings import TrainConfig

FOLDER = "l3"


class ExtractionScorer:
    """Extracts the held-out documents under the constraint and compares with their gold.

    Args:
        config: names task, pairs and seed; the held-out pairs are those of the evaluation loss.
        documents: at most so many of them; by default ``config.l3_documents``.

    Nothing is read or written before it is first asked.
    """

    def __init__(self, config: TrainConfig, documents: int | None = None) -> None:
        self.config = config
        self.documents = documents or config.l3_documents

    @cached_property
    def task(self) -> Task:
        """What is extracted."""
        from setaccio.train.inputs.parent import chosen_task

        return chosen_task(self.config.task)

    @cached_property
    def pairs(self) -> list[Pair]:
        """The documents with their gold."""
        from setaccio.train.inputs.pairs import training_pairs

        return training_pairs(self.config)[1][: self.documents]

    @cached_property
    def snapshots(self) -> Snapshots:
        """Makes the GGUF files."""
        from setaccio.export.snapshot import Snapshots

        return Snapshots(self.config.out / FOLDER)

    def __call__(self, run: Path) -> float:
        """Score a folder with ``adapter/`` or ``model/`` in it.

        Returns:
            L3, the share of the documents that come out right, 0 to 1; see
            :mod:`setaccio.eval.scoring.score`.

        Raises:
            TrainError: no GGUF can be made of it, or none that can be used.
            DataError: the pairs can not be read.
            TaskError: the task can not be used.
        """
        from setaccio.data.errors import ExportError, ModelError, TrainError, UsageError
        from setaccio.data.records import Document
        from setaccio.eval.result import score_row
        from setaccio.runtime import Extractor, load_model

        try:
            made = self.snapshots.make(run, self.task)
            model = load_model(made.model, threads=self.config.threads)
        except (ExportError, ModelError, UsageError) as error:
            raise TrainError(f"{run}: L3 can not be measured: {error}") from error
        try:
            extractor = Extractor(model, self.task, adapter=made.adapter)
            documents = (Document(pair.id, pair.text) for pair in self.pairs)
            found = extractor.extract_all(documents)
            right = [
                score_row(self.task, pair, extraction.to_dict()).l3
                for pair, extraction in zip(self.pairs, found, strict=True)
            ]
        finally:
            model.close()
        return sum(right) / len(right)

    def close(self) -> None:
        """Delete the GGUF files."""
        if "snapshots" in vars(self):
            self.snapshots.close()

    def __enter__(self) -> ExtractionScorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
