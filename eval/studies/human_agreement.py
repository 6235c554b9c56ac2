"""How well the document-level yes or no agrees with people.

The rule itself is in :mod:`setaccio.eval.scoring.score`. Here its verdicts stand beside those of
people who read the same outputs, on rows such as ``{"id", "gold", "raw", "human_semantic_ok"}``.
Where people say yes nine times in ten, so does a rule that always says yes, and its accuracy is
90%: what tells the two apart is balanced accuracy (the mean of the rates at which yes and no are
recognised) and Cohen's kappa (1960), agreement beyond chance. The majority guess stands beside
both. ``setaccio eval --predictions FILE`` prints the agreement of a file with such rows by itself.

    >>> agreements(comparison, read_verdicts("outputs.jsonl"))["all"].kappa
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.eval.arms.predictions import read_predictions
from setaccio.eval.formats import percent
from setaccio.eval.result import Comparison, write_study
from setaccio.eval.table import markdown

VERDICT = "human_semantic_ok"
"""The key under which a row holds what a person said."""

Output = tuple[str, str, str]
"""Model, constraint and document id of an output."""


@dataclass(frozen=True)
class HumanAgreement:
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


def agreement(rule: Sequence[bool], people: Sequence[bool]) -> HumanAgreement:
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
    return HumanAgreement(*(pairs.count(kind) for kind in kinds))


def read_verdicts(file: str | Path) -> dict[Output, bool]:
    """What people said of the outputs in a predictions file.

    Args:
        file: as for :func:`setaccio.eval.evaluate.score_predictions`; rows that people have
            judged have ``human_semantic_ok``, the others none or null.

    Returns:
        Verdicts by model, constraint and id; empty where nobody judged anything.

    Raises:
        UsageError: no such file.
        DataError: a row can not be used, or its verdict is neither true nor false.
    """
    found: dict[Output, bool] = {}
    for arm in read_predictions(file):
        for name, row in arm.rows.items():
            if row.get(VERDICT) is None:
                continue
            if not isinstance(row[VERDICT], bool):
                raise DataError(
                    f"{file}: {VERDICT} of id {name!r} is not true or false. Say which."
                )
            found[arm.name, arm.constraint, name] = row[VERDICT]
    return found


def agreements(
    comparison: Comparison, verdicts: Mapping[Output, bool]
) -> dict[str, HumanAgreement]:
    """Hold a run's document-level L3 against what people said of the same outputs.

    Args:
        comparison: the run; outputs that nobody judged are left out.
        verdicts: as from :func:`read_verdicts`.

    Returns:
        Under ``all`` the agreement over all judged outputs, then one entry per model, where there
        are several; empty where none of them was judged.
    """
    judged: dict[str, list[tuple[bool, bool]]] = {}
    for arm in comparison.arms:
        for score in arm.scores:
            said = verdicts.get((arm.name, arm.constraint, score.id))
            if said is not None:
                judged.setdefault(arm.label, []).append((score.l3, said))
    every = [both for found in judged.values() for both in found]
    groups = {"all": every, **(judged if len(judged) > 1 else {})} if every else {}
    return {
        name: agreement([rule for rule, _ in both], [people for _, people in both])
        for name, both in groups.items()
    }


def verdict_rows(found: Mapping[str, HumanAgreement]) -> list[list[str]]:
    """Cells of a table, header first, the majority guess last."""
    head = ["L3 and people", "docs", "people yes", "rule yes", "accuracy", "balanced", "kappa"]
    lines = [head]
    for name, one in found.items():
        yes = one.both_yes + one.only_person, one.both_yes + one.only_rule
        rates = (one.balanced_accuracy, one.kappa)
        cells = [str(one.documents), *map(str, yes), percent(one.accuracy)]
        lines.append([name, *cells, *(f"{rate:.2f}" for rate in rates)])
    whole = next(iter(found.values()))
    accepted = whole.both_yes + whole.only_person
    always = whole.documents if 2 * accepted >= whole.documents else 0
    guess = [str(whole.documents), str(accepted), str(always), percent(whole.majority)]
    return [*lines, ["majority guess", *guess, "0.50", "0.00"]]


def write_agreement(folder: Path, found: Mapping[str, HumanAgreement]) -> None:
    """Write ``agreement.json`` and ``agreement.md`` into a run folder."""
    counts = {name: one.to_dict() for name, one in found.items()}
    write_study(folder, "agreement", counts, markdown(verdict_rows(found)))
