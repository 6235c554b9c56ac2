"""Rules of a task for single fields: how a field is scored, and how values of chunks become one.

Both are declared by path (``author.name``; for lists of objects ``items.price``), where the default
does not suit:

    scoring:
      tags: { method: unordered }
    merge:
      title: { method: first }
      items: { method: key, key: number }

``docs/metrics.md`` explains the methods of scoring, ``docs/extraction.md`` those of merging.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from setaccio.data.schema.key_order import schemas_at

ScalarMethod = Literal["exact", "text", "number", "date", "fuzzy", "measure"]
Method = Literal["exact", "text", "number", "date", "fuzzy", "measure", "unordered", "ordered"]


class ScoringRule(BaseModel):
    """How one field is compared with its gold value.

    ``exact`` compares as written; ``text`` after normalisation; ``number`` within a tolerance;
    ``date`` as a calendar date or a point in time, however written; ``fuzzy`` counts similar text
    as right from ``threshold`` on; ``measure`` wants quantity, unit and name to agree, so that
    ``7 cups flour`` is not ``1 cup flour``. ``unordered`` and ``ordered`` align the items of two
    lists, the second in order; items that are texts are compared as ``fuzzy``, or as ``items``
    says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = Field(description="the comparison")
    threshold: float = Field(default=0.85, ge=0, le=1, description="least similarity that counts")
    tolerance: float = Field(default=0.0, ge=0, description="greatest absolute difference")
    relative_tolerance: float = Field(
        default=0.0, ge=0, description="greatest difference as a share of the gold number"
    )
    day_first: bool | None = Field(
        default=None, description="whether 03/04/2024 is in April; unset: either reading may agree"
    )
    items: ScalarMethod | None = Field(
        default=None, description="how the items of a list are compared"
    )

    @model_validator(mode="after")
    def _items_are_of_lists(self) -> ScoringRule:
        if self.items and self.method not in ("unordered", "ordered"):
            raise ValueError("items is for the methods unordered and ordered only")
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Written only when set, so that a task from before they existed keeps its digest.
        later = {"relative_tolerance": 0.0, "day_first": None, "items": None}
        rule: dict[str, Any] = handler(self)
        return {key: value for key, value in rule.items() if later.get(key, ...) != value}


class MergeRule(BaseModel):
    """How one field's values from several chunks become one.

    ``first`` and ``last`` take the whole value of the first or last chunk that has one. The others
    are for lists: under ``unique`` equal items of different chunks are one, wherever they stand;
    under ``key`` so are objects that have the same value under ``key``, and they are merged field
    by field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["first", "last", "unique", "key"] = Field(description="how they become one")
    key: str | None = Field(default=None, description="what tells a list's objects apart")

    @model_validator(mode="after")
    def _key_is_there(self) -> MergeRule:
        if (self.method == "key") != bool(self.key):
            raise ValueError("the method key, and no other, needs a key, as in key: number")
        return self


def check_merge_rules(rules: Mapping[str, MergeRule], schema: dict[str, Any]) -> None:
    """Refuse rules for fields that the schema lacks, and rules for lists on what is none.

    Args:
        rules: by path.
        schema: the JSON Schema of the result.

    Raises:
        ValueError: a rule can not be meant; the message names its path.
    """
    for path, rule in rules.items():
        places = schemas_at(schema, path)
        if not places:
            raise ValueError(f"{path}: the schema has no such field. Name one that it has.")
        if rule.method in ("unique", "key") and not any("items" in part for part in places):
            raise ValueError(f"{path}: is no list with items, so {rule.method} means nothing.")
        if rule.key and not schemas_at(schema, f"{path}.{rule.key}"):
            raise ValueError(f"{path}: its items have no field {rule.key!r}. Name one they have.")
