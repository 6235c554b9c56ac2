"""One document's result, on the three levels of the reference experiment.

L1  syntax: the answer holds JSON. Leniently, the first object or array that fits the schema, or
    else the first of its type, is taken, whatever stands around it; strictly, the answer is
    nothing but that value.
L2  schema: that value is valid against the task's JSON Schema, formats included.
L3  meaning: every field agrees with gold. ``score`` is the mean of the fields' strict scores (see
    :mod:`setaccio.eval.scoring.fields`); ``l3`` is the yes or no that a reader would give.

The rule for L3's yes or no: the answer is complete and valid against the schema, no field has
similarity 0, and the fields' mean similarity is at least :data:`DOCUMENT_SIMILARITY` (0.5). A
field that is compared exactly, as a number or as a date has similarity 0 or 1, so it must be
right; so must be what is null in gold; a missing text fails; text and lists may be worded
otherwise.

Where the 0.5 comes from: 150 outputs of three untuned models that people had judged. The rule
agrees with them on 94% (always saying yes: 90%), balanced accuracy 0.70, Cohen's kappa 0.55; any
threshold up to 0.5 gives the same verdicts there, and 0.5 accepts 0.6% of outputs that are
held against the gold of another document. People refused only 15 of the 150, six of those for not
being JSON, and the rule misses the other nine; stricter rules (every field at least 0.4 alike:
kappa 0.47) caught one more at the price of five refusals that people did not share. So it is a
round number and nothing finer was fitted. It is as lenient as those people: ``score`` and the
fields are the numbers to compare models by. :mod:`setaccio.eval.studies.human_agreement` measures
the agreement.

A failed, cut-off or repeating output scores zero in every field, whatever part of it could be
read, and always counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from setaccio.data.files.json_text import RepeatedKeys, like
from setaccio.data.task.task import Json, Task
from setaccio.eval.scoring.anls import anls_star
from setaccio.eval.scoring.counts import Leaf, Leaves
from setaccio.eval.scoring.fields import FieldScore, score_nothing, score_value
from setaccio.runtime.result.parsing import ParsedAnswer, parse_for

DOCUMENT_SIMILARITY = 0.5


@dataclass(frozen=True)
class DocumentScore:
    """How one document came out.

    Attributes:
        id: the document's identifier.
        status: the extraction's status, such as ``ok``.
        l1: whether the answer holds a JSON value.
        l1_strict: whether it is nothing but that.
        l2: whether it is valid against the schema.
        l3: whether every field agrees with gold; see the module's rule.
        score: mean of the top-level fields' scores, 0 to 1.
        root: scores of the fields, as a tree.
        anls: ANLS* of the whole value, 0 to 1 (:mod:`setaccio.eval.scoring.anls`).
    """

    id: str
    status: str
    l1: bool
    l1_strict: bool
    l2: bool
    l3: bool
    score: float
    root: FieldScore
    anls: float = 0.0

    @property
    def fields(self) -> dict[str, FieldScore]:
        """Scalars and lists by path; those of nested objects as ``author.name``."""
        return {part.path: part for part in self.root.walk()}

    @property
    def exact(self) -> bool:
        """Whether the document is right to the last field, nothing missing and nothing too much."""
        leaves = self.leaves
        return self.score == 1 and not (leaves.wrong or leaves.omitted or leaves.hallucinated)

    @property
    def leaves(self) -> Leaves:
        """Outcomes of all leaves."""
        return self.root.leaves

    @property
    def outcomes(self) -> tuple[Leaf, ...]:
        """Outcomes of all leaves one by one, with their JSON Pointers."""
        return self.root.outcomes

    def under(self, status: str) -> DocumentScore:
        """The same score with another status."""
        return replace(self, status=status)

    def to_dict(self) -> dict[str, Any]:
        """A flat record for JSON Lines: levels, score, leaves, and one entry per field."""
        names = ("id", "status", "l1", "l1_strict", "l2", "l3", "exact", "score", "anls")
        record: dict[str, Any] = {name: getattr(self, name) for name in names}
        record["leaves"] = asdict(self.leaves)
        record["fields"] = {
            path: {
                "method": part.method,
                "score": part.score,
                "similarity": part.similarity,
                "leaves": asdict(part.leaves),
                **({"items": asdict(part.items)} if part.items else {}),
                **(
                    {"strict": asdict(part.strict)}
                    if part.strict and (part.strict.gold or part.strict.predicted)
                    else {}
                ),
            }
            for path, part in self.fields.items()
        }
        record["outcomes"] = [asdict(leaf) for leaf in self.outcomes]
        return record


def score_document(
    task: Task,
    gold: dict[str, Json],
    value: Json | None,
    *,
    strict: bool = True,
    complete: bool = True,
    status: str = "ok",
    id: str = "",  # the name that documents and extractions use
) -> DocumentScore:
    """Score what came out for one document.

    Args:
        task: schema and scoring rules.
        gold: what should have come out.
        value: the JSON value that was read from the answer; None when there was none.
        strict: whether the answer was nothing but that value.
        complete: whether the model finished; an answer that was cut off scores zero in L3.
        status: the extraction's status, carried along.
        id: the document's identifier, carried along.

    Returns:
        Levels and field scores.
    """
    syntactic = value is not None
    valid = syntactic and not task.problems(value)
    counts = syntactic and complete
    root = score_value(task, gold, value) if counts else score_nothing(task, gold)
    likeness = [part.similarity for part in root.walk()]
    near = min(likeness) > 0 and fmean(likeness) >= DOCUMENT_SIMILARITY
    return DocumentScore(
        id=id,
        status=status,
        l1=syntactic,
        l1_strict=syntactic and strict,
        l2=valid,
        l3=valid and counts and near,
        score=root.score,
        root=root,
        anls=anls_star(gold, value) if counts else 0.0,
    )


def rename_keys(value: Json, aliases: dict[str, str]) -> Json:
    """Give keys the names that the task uses, at every depth.

    Args:
        value: a JSON value.
        aliases: other name to the task's name, such as ``{"steps": "directions"}``.

    Returns:
        A copy; a key whose proper name is there already keeps its own.
    """
    if isinstance(value, list):
        return [rename_keys(item, aliases) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {
        key if aliases.get(key, key) in value else aliases[key]: rename_keys(part, aliases)
        for key, part in value.items()
    }
    return like(value.counts, renamed) if isinstance(value, RepeatedKeys) else renamed


def read_answer(raw: str, task: Task, aliases: dict[str, str]) -> ParsedAnswer:
    """Find the JSON value in an output, its keys renamed.

    Args:
        raw: the text that came out.
        task: its schema chooses among several values.
        aliases: as for :func:`rename_keys`.
    """
    answer = parse_for(raw, task, lambda value: rename_keys(value, aliases))
    return answer._replace(value=rename_keys(answer.value, aliases))
