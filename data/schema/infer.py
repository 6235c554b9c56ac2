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

from collections.abc import Iterable
from typing import Any, NamedTuple

from setaccio.data.files.json_text import dump_compact
from setaccio.data.schema.places import LONGEST_OPTION, Place, Source
from setaccio.data.schema.pointers import join

SUPPORT = 5
"""Examples that each value of an enumeration must be in, by default."""

LEAST_FORMATTED = 3
"""Strings that must have a format, all of them, before it is asked for."""

LEAST_MAP_KEYS = 10
"""Different keys that make objects a map, where most of them come once."""

FEW = 20
"""Fewer examples than these are said to be few."""


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


def infer_schema(examples: Iterable[Example], *, support: int = SUPPORT) -> Inferred:
    """Find the schema that examples have in common.

    Args:
        examples: read once.
        support: examples that each value of an enumeration must be in; 0 makes no enumerations.

    Returns:
        The schema, and what it is unsure of, outer places first.
    """
    whole = Place()
    for number, example in enumerate(examples):
        gold = hash(dump_compact(example.value))
        origin = example.origin or str(number)
        whole.add(example.value, Source(gold, origin, example.text.casefold()))
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

    def schema(self, place: Place, pointer: str) -> dict[str, Any]:
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

    def _of_kind(self, place: Place, kind: str, pointer: str, *, alone: bool) -> dict[str, Any]:
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

    def _object(self, place: Place, pointer: str) -> dict[str, Any]:
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

    def _values_of_map(self, place: Place, pointer: str) -> Place | None:
        """What the keys of a map lead to; None where they are names of fields."""
        objects, count = place.kinds["object"], len(place.keys)
        once = [key for key, inner in place.keys.items() if inner.seen == 1]
        always = any(inner.seen == objects for inner in place.keys.values())
        if count < LEAST_MAP_KEYS or 2 * len(once) < count or always:
            return None
        inside = Place()
        for each in place.keys.values():
            inside.absorb(each)
        if len({"number" if kind == "integer" else kind for kind in inside.kinds} - {"null"}) != 1:
            return None
        said = f"{count} keys in {objects} objects, {len(once)} of them once, such as"
        self._doubt(pointer, "map", f"{said} {_shown(once[0])}")
        return inside

    def _string(self, place: Place, pointer: str, *, alone: bool) -> dict[str, Any]:
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

    def _options(self, place: Place, pointer: str) -> list[Any]:
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
