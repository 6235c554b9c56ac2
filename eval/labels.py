"""First gold from a larger model: its answers as pairs, each of them valid, grounded or marked.

    >>> source = EndpointArm("big", endpoint).open(Setting(task))
    >>> for label in label_documents(source, task, documents):
    ...     label.row  # a pair that says who labelled it, or a row that says why there is none

Whatever gives outputs for a comparison can label: a model behind an endpoint, whose answers are
cached before they are judged, or a GGUF. An answer becomes a pair only where its status is ``ok``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from setaccio.data.records import Document, Pair
from setaccio.data.task.task import Task
from setaccio.data.text.evidence import ground
from setaccio.eval.arms.arms import OutputSource, Row, hash_parts
from setaccio.runtime.result.grounding_policy import apply_grounding

Keep = Literal["mark", "drop"]
"""What becomes of values that stand nowhere in the text: marked, or set to null or removed."""


@dataclass(frozen=True)
class Label:
    """What came of one document.

    Attributes:
        row: a pair with ``status`` ``ok``, ``task``, ``labelled_by``, ``seen_by_person`` (false),
            what it cost, and the pointers of values that are ``ungrounded`` or were ``dropped``;
            or a row with another ``status``, ``message`` and ``raw``.
        text: the document.
    """

    row: Row
    text: str

    @property
    def ok(self) -> bool:
        """Whether the row is a pair."""
        return bool(self.row["status"] == "ok")


def label_run(source: OutputSource, grounded: Keep) -> str:
    """Name of everything that labels depend on besides the text, for their keys."""
    return hash_parts(source.key(Pair("", "", {})), grounded)


def label_documents(
    source: OutputSource, task: Task, documents: Sequence[Document], grounded: Keep = "mark"
) -> Iterator[Label]:
    """Label documents, in order.

    Args:
        source: what labels.
        task: what is extracted.
        documents: the texts.
        grounded: what becomes of values that stand nowhere in their text. Values that the schema
            names (``enum``, ``const``) are choices and are left alone.

    Raises:
        CostCapReached: the cap leaves too little for the next document.
        UsageError: the endpoint can not be used or gave up.
    """
    pairs = [Pair(one.id, one.text, {}) for one in documents]
    for document, made in zip(documents, source.rows(pairs), strict=True):
        yield Label(_label(made, document, task, source.model, grounded), document.text)


def _label(made: Row, document: Document, task: Task, model: str, grounded: Keep) -> Row:
    cost = {"cost": made["cost"]} if made.get("cost") else {}
    if made["status"] != "ok":
        return _failed(made, made["status"], made["message"]) | cost
    if not isinstance(made["data"], dict):
        return _failed(made, "invalid_schema", "The answer is no object, as gold must be.") | cost
    gold, marks, left = _grounded(document.text, made["data"], task, grounded)
    if left:
        said = f"Values that the schema demands stand nowhere in the text: {', '.join(left)}."
        return _failed(made, "ungrounded", said) | cost
    return {
        "id": document.id,
        "text": document.text,
        "gold": gold,
        "status": "ok",
        "task": task.name,
        "labelled_by": model,
        "seen_by_person": False,
        **cost,
        **marks,
    }


def _failed(made: Row, status: str, message: str) -> Row:
    named = {"id": made["id"], "status": status, "message": message, "raw": made["raw"]}
    return {**named, "data": made.get("data")}


def _grounded(
    text: str, data: dict[str, Any], task: Task, grounded: Keep
) -> tuple[dict[str, Any], dict[str, list[str]], list[str]]:
    """The gold, its marks, and what had to go and could not."""
    spans, schema = ground(text, data), task.json_schema
    if grounded == "mark":
        found = apply_grounding(data, spans, schema, "fail").unresolved
        return data, {"ungrounded": found} if found else {}, []
    nulled = apply_grounding(data, spans, schema, "null")
    rest = apply_grounding(nulled.data, spans, schema, "drop")
    gone = [*nulled.changed, *rest.changed]
    return rest.data, {"dropped": gone} if gone else {}, rest.unresolved
