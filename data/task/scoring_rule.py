"""How one field of an answer is compared with its gold value, as a task says it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

ScalarMethod = Literal["exact", "text", "number", "date", "fuzzy", "measure"]
Method = Literal["exact", "text", "number", "date", "fuzzy", "measure", "unordered", "ordered"]


class ScoringRule(BaseModel):
    """How one field is compared with its gold value.

    ``exact`` compares as written; ``text`` after normalisation; ``number`` within a tolerance;
    ``date`` as a calendar date or a point in time, however written; ``fuzzy`` counts similar text
    as right from ``threshold`` on; ``measure`` wants quantity, unit and name to agree, so that
    ``7 cups flour`` is not ``1 cup flour``. ``unordered`` and ``ordered`` align the items of two
    lists, the second in order; items that are texts are compared as ``fuzzy``, or as ``items``
    says. ``docs/metrics.md`` explains each.
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
