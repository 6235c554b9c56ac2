"""What came out for one document, and how far it may be trusted.

The status says it all, and nothing partial is passed off as complete:

    ok                the answer is JSON and valid against the schema
    truncated_input   the document does not fit the context; nothing was generated
    truncated_output  the token budget ran out before the answer was complete
    repetition        the answer went round in circles and was stopped
    invalid_json      the answer is complete but holds no JSON
    invalid_schema    the answer is JSON that breaks the schema
    invalid_value     the answer fits the schema, but a validator of the Python type refused it
    error             the document could not be worked on at all
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Literal

from typing_extensions import TypeVar

from setaccio.data.task.task import dump_compact
from setaccio.data.text.evidence import Span

Status = Literal[
    "ok",
    "truncated_input",
    "truncated_output",
    "repetition",
    "invalid_json",
    "invalid_schema",
    "invalid_value",
    "error",
]
FinishReason = Literal["stop", "length", "repetition", "refused", "error", "timeout", "cancelled"]
T_co = TypeVar("T_co", covariant=True, default=Any)
_UNTYPED: Any = object()


@dataclass(frozen=True)
class Extraction(Generic[T_co]):
    """The result for one document; ``T_co`` is what its ``value`` is an instance of.

    Attributes:
        id: the document's identifier.
        status: how far the result may be trusted; see the module's table.
        data: the parsed answer, or None where it is absent or not JSON. A constrained answer that
            was cut off or stopped is closed by its grammar: it fits the schema, and the status
            says that it is not complete.
        raw: the generated text as it is, partial output included.
        finish_reason: why generation ended: ``stop`` (the answer was complete), ``length``,
            ``repetition``, ``refused`` (nothing was generated) or ``error``; of a server also
            ``timeout`` (its time limit was over).
        prompt_tokens: tokens of the whole prompt, the shared prefix included.
        completion_tokens: tokens generated.
        seconds: wall time for this document; documents that are decoded together share theirs, so
            that the seconds of all add up to the time that all took.
        message: what is wrong and what to do next; empty when nothing is.
        task: name of the task.
        model: file name of the model.
        constraint: ``schema`` or ``none``.
        confidence: for the JSON pointer of each leaf of ``data`` how sure the model was of it, from
            0 to 1; see :mod:`setaccio.runtime.result.confidence`.
        removed: for the same leaves the greatest probability that the mask took from other tokens.
        spans: where in the document each leaf stands; leaves that stand nowhere are absent.
        chunks: how many parts the document was cut into to fit the context.
        closed_lists: lists and texts that were closed where the answer began to repeat itself; what
            came behind the loop, if anything would have, is not in them.
        thought: what the model thought before it answered; None where it was not asked to think.
        risk: expected share of wrong values or chance of an error, from 0 to 1; None, and absent
            from the row, without a review budget (:mod:`setaccio.runtime.result.review`).
        review: whether a person must look at it to keep the budget's promise; None likewise.
    """

    id: str
    status: Status
    data: Any
    raw: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    message: str
    task: str
    model: str
    constraint: str
    confidence: Mapping[str, float] = field(default_factory=dict)
    removed: Mapping[str, float] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    chunks: int = 1
    closed_lists: int = 0
    thought: str | None = None
    risk: float | None = None
    review: bool | None = None
    _instance: T_co = field(default=_UNTYPED, repr=False, compare=False)

    @classmethod
    def refused(
        cls,
        id: str,
        message: str,
        *,
        task: str = "",
        model: str = "",
        constraint: str = "schema",
    ) -> Extraction[Any]:
        """The row of what can not be read.

        Args:
            id: of the row.
            message: what is wrong.
            task: name of the task that would have been extracted.
            model: name of what would have extracted.
            constraint: as it would have been decoded.
        """
        return Extraction(
            id=id,
            status="error",
            data=None,
            raw="",
            finish_reason="refused",
            prompt_tokens=0,
            completion_tokens=0,
            seconds=0.0,
            message=message,
            task=task,
            model=model,
            constraint=constraint,
        )

    @property
    def ok(self) -> bool:
        """Whether the answer is complete and valid."""
        return self.status == "ok"

    @property
    def value(self) -> T_co | None:
        """The instance of the extractor's type, or ``data`` where it has none; None unless ``ok``.

        What is incomplete or was refused is found in ``data``, as JSON has it.
        """
        if not self.ok:
            return None
        typed: T_co = self.data if self._instance is _UNTYPED else self._instance
        return typed

    def to_dict(self) -> dict[str, Any]:
        """The fields as a plain dictionary, seconds and chances rounded."""
        names = [part.name for part in fields(self) if part.name != "_instance"]
        row = {name: getattr(self, name) for name in names}
        row["seconds"] = round(self.seconds, 6)
        row["confidence"] = {key: round(value, 4) for key, value in self.confidence.items()}
        row["removed"] = {key: round(value, 4) for key, value in self.removed.items()}
        row["spans"] = {key: span.to_dict() for key, span in self.spans.items()}
        for name in ("thought", "risk", "review"):
            if row[name] is None:
                del row[name]
        return row

    def to_json(self) -> str:
        """One line of compact JSON, as written to JSON Lines; it can always be encoded as UTF-8."""
        # An identifier made from a file name may hold lone surrogates: JSON can escape them.
        return dump_compact(self.to_dict()).encode("utf-8", "backslashreplace").decode()

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled; of an extraction without a type, what always was."""
        # No pickle holds that very object.
        return {name: part for name, part in self.__dict__.items() if part is not _UNTYPED}
