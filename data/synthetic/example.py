"""One synthetic training example: a text, a task over it, and the JSON that answers the task."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A text -> JSON extraction example.

    Attributes:
        family: name of the generator that made it.
        instruction: what the model is asked to do, in words.
        schema: JSON Schema (draft 2020-12) of the answer.
        text: the document to read.
        gold: the answer; valid against `schema`, keys in the order of its `properties`.
    """

    family: str
    instruction: str
    schema: dict[str, object]
    text: str
    gold: dict[str, object]
