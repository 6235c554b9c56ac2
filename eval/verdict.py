"""How well the document-level yes or no agrees with people.

The rule itself is in :mod:`setaccio.eval.score`. Here its verdicts stand beside those of people
who read the same outputs, on rows such as ``{"id", "gold", "raw", "human_semantic_ok"}``. Where
people say yes nine times in ten, so does a rule that always says yes, and its accuracy is 90%: what
tells the two apart is balanced accuracy (the mean of the rates at which yes and no are recognised)
and Cohen's kappa (1960), agreement beyond chance. The majority guess stands beside both.

    >>> agree_with_people("outputs.jsonl", task, {"steps": "directions"})["all"].kappa
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Pair, Problem, read_jsonl
from setaccio.data.task import Task
from setaccio.eval.result import score_row

VERDICT = "human_semantic_ok"
"""The key under which a row holds what a person said."""


@dataclass(frozen=True)
class Agreement:
    """A rule's verdicts against people's, counted.

    Attributes:
        both_yes: the rule and the person accept.
        only_rule: the rule accepts what the person refused.
        only_person: the rule refuses what the person accepted.
        both_no: both refuse.
    """

    both_yes: int
    only_rule: int
    only_person: int
    both_no: int

    @property
    def documents(self) -> int:
        """How many were judged."""
        return self.both_yes + self.only_rule + self.only_person + self.both_no

    @property
    def accuracy(self) -> float:
        """Share of equal verdicts."""
        return (self.both_yes + self.both_no) / self.documents

    @property
    def majority(self) -> float:
        """Accuracy of always giving the verdict that people gave more often."""
        accepted = self.both_yes + self.only_person
        return max(accepted, self.documents - accepted) / self.documents

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the shares of accepted and of refused documents that the rule recognises.

        The majority guess gets 0.5. With one kind of verdict only, it is that kind's share.
        """
        kinds = ((self.both_yes, self.only_person), (self.both_no, self.only_rule))
        rates = [right / (right + wrong) for right, wrong in kinds if right + wrong]
        return sum(rates) / len(rates)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: 1 for full agreement, 0 for what chance and the majority guess reach."""
        total = self.documents
        people, rule = self.both_yes + self.only_person, self.both_yes + self.only_rule
        chance = (people * rule + (total - people) * (total - rule)) / total**2
        return (self.accuracy - chance) / (1 - chance) if chance < 1 else 0.0

    def words(self) -> str:
        """One line for people."""
        return (
            f"{self.documents} documents: agrees on {self.accuracy:.1%} (majority guess "
            f"{self.majority:.1%}), balanced accuracy {self.balanced_accuracy:.2f} (majority "
            f"guess 0.50), Cohen's kappa {self.kappa:.2f} (majority guess 0.00)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Counts and rates, ready for JSON."""
        rates = ("documents", "accuracy", "majority", "balanced_accuracy", "kappa")
        return {**vars(self), **{name: getattr(self, name) for name in rates}}


def agreement(rule: Sequence[bool], people: Sequence[bool]) -> Agreement:
    """Compare two rows of verdicts.

    Args:
        rule: what the rule says, one per document.
        people: what people said of the same documents.

    Raises:
        UsageError: there are none, or not as many of one as of the other.
    """
    if not rule or len(rule) != len(people):
        raise UsageError(
            f"{len(rule)} verdicts of the rule against {len(people)} of people. Give one of each "
            "per document."
        )
    pairs = [(bool(one), bool(other)) for one, other in zip(rule, people, strict=True)]
    kinds = ((True, True), (True, False), (False, True), (False, False))
    return Agreement(*(pairs.count(kind) for kind in kinds))


def agree_with_people(
    file: str | Path, task: Task, aliases: Mapping[str, str] | None = None
) -> dict[str, Agreement]:
    """Score outputs that people have judged, and compare.

    Args:
        file: JSON Lines of ``{"id", "gold", "raw" or "data", "human_semantic_ok"}``, ``model``
            where there are several.
        task: schema and scoring rules.
        aliases: name that the outputs use to the task's name of the same key, at any depth.

    Returns:
        Under ``all`` the agreement over all rows; then one entry per model, where there are
        several.

    Raises:
        UsageError: no such file.
        DataError: a row that is not of that form, or none.
    """
    file = Path(file)
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{file}: can not be read ({error.strerror}).") from error
    verdicts: list[tuple[str, bool, bool]] = []
    for item in read_jsonl(lines, str(file)):
        if isinstance(item, Problem):
            raise DataError(f"{item}. Repair this line.")
        number, row = item
        if not isinstance(row, dict) or not isinstance(row.get("gold"), dict):
            raise DataError(f"{file}:{number}: no gold object. Give each row its gold.")
        if not isinstance(row.get(VERDICT), bool):
            raise DataError(f"{file}:{number}: {VERDICT} is not true or false. Say which.")
        pair = Pair(str(row.get("id", number)), str(row.get("text", "")), row["gold"])
        score = score_row(task, pair, row, dict(aliases or {}))
        verdicts.append((str(row.get("model", "")), score.l3, row[VERDICT]))
    if not verdicts:
        raise DataError(f"{file}: no row in it.")
    models = dict.fromkeys(model for model, _, _ in verdicts)
    found = {"all": agreement([one for _, one, _ in verdicts], [two for _, _, two in verdicts])}
    if len(models) > 1:
        for name in models:
            mine = [(one, two) for model, one, two in verdicts if model == name]
            found[name] = agreement([one for one, _ in mine], [two for _, two in mine])
    return found
