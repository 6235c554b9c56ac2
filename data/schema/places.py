"""What stands in each place of many JSON values: kinds, formats, keys, items, strings that recur.

>>> place = Place()
>>> place.add({"name": "Ann"}, Source(1, "1", ""))
>>> place.keys["name"].kinds
Counter({'string': 1})
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from setaccio.data.schema.validation.validators import make_validator

MOST_OPTIONS = 20
"""Values of an enumeration."""

LONGEST_OPTION = 40
"""Characters of one; and of more than four words, or lines, it is a text."""

_ENOUGH = 10_000  # examples of one value that are told apart
_MOST_ORDERED = 200  # keys of one object, beyond which new ones go to the end

_FORMATS = {
    "date": r"\d{4}-\d\d-\d\d",
    "date-time": r"\d{4}-\d\d-\d\d[Tt].+",
    "time": r"\d\d:\d\d:\d\d.+",
    "email": r"[\w%+-]+(?:\.[\w%+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*://.+",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
}
_PATTERNS = {name: re.compile(pattern, re.ASCII) for name, pattern in _FORMATS.items()}
_VALIDATORS = {name: make_validator({"format": name}) for name in _FORMATS}
_KINDS: dict[type, str] = {bool: "boolean", int: "integer", str: "string", type(None): "null"}


class Source(NamedTuple):
    """Where a value comes from.

    Attributes:
        gold: hash of the whole value that it is a part of.
        origin: what that is a copy of.
        text: the document, case folded; empty where there is none.
    """

    gold: int
    origin: str
    text: str


@dataclass
class _Uses:
    """How often one string was seen.

    Attributes:
        golds: the examples' values that hold it.
        origins: the examples that hold it and do not quote it, copies counted as one.
    """

    golds: set[int] = field(default_factory=set)
    origins: set[str] = field(default_factory=set)

    @property
    def support(self) -> int:
        return max(len(self.golds), len(self.origins))


@dataclass
class Place:
    """Everything that stands in one place.

    Attributes:
        kinds: how many values of each type.
        formats: how many strings have each format.
        misfit: a string that has none.
        uses: what the strings are; None where they are too many, or texts.
        keys: the places below, in the order in which values have them.
        items: that of the items of arrays, where there is any.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    misfit: str = ""
    uses: dict[str, _Uses] | None = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    items: Place | None = None

    @property
    def seen(self) -> int:
        """How many values stand here."""
        return self.kinds.total()

    def add(self, value: Any, source: Source) -> None:
        """Take in a value that stands here."""
        if isinstance(value, dict):
            self.kinds["object"] += 1
            self._add_keys(value, source)
        elif isinstance(value, list):
            self.kinds["array"] += 1
            for item in value:
                self.items = self.items or Place()
                self.items.add(item, source)
        else:
            self.kinds[_KINDS.get(type(value), "number")] += 1
            if isinstance(value, str):
                self._add_string(value, source)

    def _add_keys(self, value: dict[str, Any], source: Source) -> None:
        before = None
        for key, inner in value.items():
            if key not in self.keys:
                self._insert(key, before, value)
            self.keys[key].add(inner, source)
            before = key

    def _insert(self, key: str, before: str | None, value: dict[str, Any]) -> None:
        """Put a new key where the object that brought it has it."""
        known = list(self.keys)
        at = len(known)
        if before is not None and at < _MOST_ORDERED:
            at = known.index(before) + 1
        elif before is None:
            at = next((known.index(other) for other in value if other in self.keys), at)
        if at == len(known):
            self.keys[key] = Place()
            return
        self.keys = {
            name: self.keys.get(name) or Place() for name in [*known[:at], key, *known[at:]]
        }

    def _add_string(self, value: str, source: Source) -> None:
        found = [
            name
            for name, pattern in _PATTERNS.items()
            if pattern.fullmatch(value) and _VALIDATORS[name].is_valid(value)
        ]
        self.formats.update(found)
        if not found:
            self.misfit = value
        if self.uses is None:
            return
        if value not in self.uses and (len(self.uses) == MOST_OPTIONS or not _is_option(value)):
            self.uses = None
            return
        uses = self.uses.setdefault(value, _Uses())
        if len(uses.golds) < _ENOUGH:
            uses.golds.add(source.gold)
        if len(uses.origins) < _ENOUGH and source.text and value.casefold() not in source.text:
            uses.origins.add(source.origin)

    def absorb(self, other: Place) -> None:
        """Take in what stands in another place, as if it stood here."""
        self.kinds += other.kinds
        self.formats += other.formats
        self.misfit = self.misfit or other.misfit
        for key, place in other.keys.items():
            self.keys.setdefault(key, Place()).absorb(place)
        if other.items is not None:
            self.items = self.items or Place()
            self.items.absorb(other.items)
        self.uses = None  # keys of a map are data, and so are its values


def _is_option(value: str) -> bool:
    return len(value) <= LONGEST_OPTION and len(value.split()) <= 4 and "\n" not in value
