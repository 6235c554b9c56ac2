"""How a field's values become one where a document was answered in several chunks.

Declared in the task under ``merge``, by path (``author.name``; for lists of objects
``items.price``), where the way in which it is done without a rule does not suit:

    merge:
      title: { method: first }
      tags: { method: unique }
      items: { method: key, key: number }

``docs/extraction.md`` says what is done without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from setaccio.data.schema.key_order import schemas_at


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
