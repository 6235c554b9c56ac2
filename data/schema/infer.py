"""A JSON Schema from examples: what all of them have in common, and how sure that is.

    >>> inferred = infer_schema([Example({"name": "Ann", "age": 3}), Example({"name": "Bo"})])
    >>> inferred.schema["required"], inferred.doubts[0].said
    (['name'], 'from 2 examples only')

Every example fits the schema, the constraint can enforce it, and it has no further keys. Types,
keys that may be absent, null, formats, items and nested objects are read off the values; bounds
are never guessed. Strings become an enumeration only where few values recur: each must be in
``support`` examples at least, so that no free text is learnt by heart. Copies of an example
(``a~typos1``) count as one, and so do examples of one gold where a value is a quotation of the
text: a title that was retold ten times is no option.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from setaccio.data.files.json_text import dump_compact
from setaccio.data.schema.pointers import join
from setaccio.data.schema.validation.validators import make_validator

SUPPORT = 5
"""Examples that each value of an enumeration must be in, by default."""

MOST_OPTIONS = 20
"""Values of an enumeration."""

LONGEST_OPTION = 40
"""Characters of one; and of more than four words, or lines, it is a text."""

LEAST_FORMATTED = 3
"""Strings that must have a format, all of them, before it is asked for."""

LEAST_MAP_KEYS = 10
"""Different keys that make objects a map, where most of them come once."""

FEW = 20
"""Fewer examples than these are said to be few."""

_ENOUGH = 10_000  # examples of one value that are told apart
_MOST_ORDERED = 200  # keys of one object, beyond which new ones go to the end

_FORMATS = {
    "date": r"\d{4}-\d\d-\d\d",
    "date-time": r"\d{4}-\d\d-\d\d[Tt].+",
    "time": r"\d\d:\d\d:\d\d.+",
    "email": r"[\w.+%-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*://.+",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
}
_PATTERNS = {name: re.compile(pattern, re.ASCII) for name, pattern in _FORMATS.items()}
_VALIDATORS = {name: make_validator({"format": name}) for name in _FORMATS}
_KINDS: dict[type, str] = {bool: "boolean", int: "integer", str: "string", type(None): "null"}


class Example(NamedTuple):
    """One value that the schema must fit.

    Attributes:
        value: any JSON value.
        text: the document that it was read from, where there is one.
        origin: what it is a copy of, or its own id; empty where it has none.
    """

    value: Any
    text: str = ""
    origin: str = ""


class Doubt(NamedTuple):
    """What a schema says with less than certainty.

    Attributes:
        pointer: JSON pointer of the values that are meant, ``*`` for any item or key.
        kind: what was decided, or left open.
        said: the counts that it rests on.
    """

    pointer: str
    kind: str
    said: str


class Inferred(NamedTuple):
    """A schema, and what is to be looked at before it is used."""

    schema: dict[str, Any]
    doubts: list[Doubt]


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


class _Source(NamedTuple):
    gold: int
    origin: str
    text: str


@dataclass
class _Place:
    """Everything that stands in one place of the examples."""

    kinds: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    misfit: str = ""  # a string of no format
    uses: dict[str, _Uses] | None = field(default_factory=dict)  # None: too many
    keys: dict[str, _Place] = field(default_factory=dict)
    items: _Place | None = None

    @property
    def seen(self) -> int:
        return self.kinds.total()

    def add(self, value: Any, source: _Source) -> None:
        if isinstance(value, dict):
            self.kinds["object"] += 1
            self._add_keys(value, source)
        elif isinstance(value, list):
            self.kinds["array"] += 1
            for item in value:
                self.items = self.items or _Place()
                self.items.add(item, source)
        else:
            self.kinds[_KINDS.get(type(value), "number")] += 1
            if isinstance(value, str):
                self._add_string(value, source)

    def _add_keys(self, value: dict[str, Any], source: _Source) -> None:
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
            self.keys[key] = _Place()
            return
        self.keys = {
            name: self.keys.get(name) or _Place() for name in [*known[:at], key, *known[at:]]
        }

    def _add_string(self, value: str, source: _Source) -> None:
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

    def absorb(self, other: _Place) -> None:
        """Take in what stands in another place, as if it stood here."""
        self.kinds += other.kinds
        self.formats += other.formats
        self.misfit = self.misfit or other.misfit
        for key, place in other.keys.items():
            self.keys.setdefault(key, _Place()).absorb(place)
        if other.items is not None:
            self.items = self.items or _Place()
            self.items.absorb(other.items)
        self.uses = None  # keys of a map are data, and so are its values


def _is_option(value: str) -> bool:
    return len(value) <= LONGEST_OPTION and len(value.split()) <= 4 and "\n" not in value


def infer_schema(examples: Iterable[Example], *, support: int = SUPPORT) -> Inferred:
    """Find the schema that examples have in common.

    Args:
        examples: read once.
        support: examples that each value of an enumeration must be in; 0 makes no enumerations.

    Returns:
        The schema, and what it is unsure of, outer places first.
    """
    whole = _Place()
    for number, example in enumerate(examples):
        gold = hash(dump_compact(example.value))
        origin = example.origin or str(number)
        whole.add(example.value, _Source(gold, origin, example.text.casefold()))
    doubts: list[Doubt] = []
    if whole.seen < FEW:
        doubts.append(Doubt("", "few", f"from {whole.seen} examples only"))
    schema = _Writer(support, doubts).schema(whole, "")
    return Inferred(schema, doubts)


class _Writer:
    """Writes schemas of places, and notes what they rest on."""

    def __init__(self, support: int, doubts: list[Doubt]) -> None:
        self._support = support
        self._doubts = doubts

    def _doubt(self, pointer: str, kind: str, said: str) -> None:
        self._doubts.append(Doubt(pointer, kind, said))

    def schema(self, place: _Place, pointer: str) -> dict[str, Any]:
        """The schema of what stands in one place."""
        kinds = dict(place.kinds.most_common())
        nulls = kinds.pop("null", 0)
        if not place.seen:
            return {}
        if nulls:
            of = f"{nulls} of {place.seen}"
            self._doubt(pointer, "null" if kinds else "always null", of)
        if "number" in kinds and "integer" in kinds:
            whole = kinds.pop("integer")
            self._doubt(pointer, "number", f"{whole} of {whole + kinds['number']} are integers")
        if len(kinds) > 1:
            counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            self._doubt(pointer, "several types", counts)
        parts = [self._of_kind(place, kind, pointer, alone=len(kinds) == 1) for kind in kinds]
        if not nulls:
            return parts[0] if len(parts) == 1 else {"anyOf": parts}
        if len(parts) != 1:
            return {"anyOf": [*parts, {"type": "null"}]} if parts else {"type": "null"}
        if "enum" in parts[0]:
            parts[0]["enum"].append(None)
        return {**parts[0], "type": [parts[0]["type"], "null"]}

    def _of_kind(self, place: _Place, kind: str, pointer: str, *, alone: bool) -> dict[str, Any]:
        if kind == "object":
            return self._object(place, pointer)
        if kind == "array":
            if place.items is None:
                self._doubt(pointer, "always empty", f"{place.kinds[kind]} arrays")
                return {"type": "array", "items": {}}
            return {"type": "array", "items": self.schema(place.items, join(pointer, "*"))}
        if kind == "string":
            return {"type": "string", **self._string(place, pointer, alone=alone)}
        return {"type": kind}

    def _object(self, place: _Place, pointer: str) -> dict[str, Any]:
        objects = place.kinds["object"]
        if pointer and (inside := self._values_of_map(place, pointer)):
            values = self.schema(inside, join(pointer, "*"))
            return {"type": "object", "additionalProperties": values}
        required, properties = [], {}
        for key, inner in place.keys.items():
            at = join(pointer, key)
            if inner.seen == objects:
                required.append(key)
            else:
                self._doubt(at, "optional", f"absent from {objects - inner.seen} of {objects}")
            properties[key] = self.schema(inner, at)
        return {
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }

    def _values_of_map(self, place: _Place, pointer: str) -> _Place | None:
        """What the keys of a map lead to; None where they are names of fields."""
        objects, count = place.kinds["object"], len(place.keys)
        once = [key for key, inner in place.keys.items() if inner.seen == 1]
        always = any(inner.seen == objects for inner in place.keys.values())
        if count < LEAST_MAP_KEYS or 2 * len(once) < count or always:
            return None
        inside = _Place()
        for each in place.keys.values():
            inside.absorb(each)
        if len({"number" if kind == "integer" else kind for kind in inside.kinds} - {"null"}) != 1:
            return None
        said = f"{count} keys in {objects} objects, {len(once)} of them once, such as"
        self._doubt(pointer, "map", f"{said} {_shown(once[0])}")
        return inside

    def _string(self, place: _Place, pointer: str, *, alone: bool) -> dict[str, Any]:
        count = place.kinds["string"]
        for name, fitting in place.formats.most_common(1):
            if fitting == count:
                few = count < LEAST_FORMATTED
                self._doubt(pointer, f"no {name}" if few else name, f"all {count}")
                if not few:
                    return {"format": name}
            elif 2 * fitting > count:
                misfit = place.misfit or "one of another format"
                said = f"{fitting} of {count}, but not {_shown(misfit)}"
                self._doubt(pointer, f"no {name}", said)
        options = self._options(place, pointer) if alone else []
        return {"enum": options} if options else {}

    def _options(self, place: _Place, pointer: str) -> list[Any]:
        """The values of an enumeration; none where it is free text."""
        uses, count = place.uses or {}, place.kinds["string"]
        if not uses or not self._support or count < self._support:
            return []
        rarest = min(uses, key=lambda value: uses[value].support)
        least = uses[rarest].support
        if len(uses) == 1:
            self._doubt(pointer, "no enumeration", f"all {count} are {_shown(rarest)}")
            return []
        values = f"{len(uses)} values in {count}, {_shown(rarest)} in {least} examples"
        if least >= self._support:
            self._doubt(pointer, "enumeration", values)
            return sorted(uses, key=lambda value: (-uses[value].support, value))
        if 2 * len(uses) <= count:
            self._doubt(pointer, "no enumeration", values)
        return []


def _shown(value: str) -> str:
    """A string for a message, its end left out where it is long."""
    return repr(value if len(value) <= LONGEST_OPTION else f"{value[:LONGEST_OPTION]}...")
