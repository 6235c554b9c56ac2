"""Turn the facts of a text into a random schema over them, an instruction and the gold answer.

A family writes a text and lists `Slot`s: what could be asked of it. `assemble` picks which of them
are asked, in which order, under which key names, and how strict the schema is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick


@dataclass(frozen=True)
class Slot:
    """Something that can be asked of a text.

    Attributes:
        names: key name candidates, words apart by spaces ("phone number"), best first.
        value: the answer: a string, number, boolean, `None` (the text does not say), a list of
            strings or numbers, a list of `Slot`s (a nested object), or a list of such lists (an
            array of objects with the same names throughout).
        options: allowed values, for an enum.
        about: a description of the field, if there is one.
        core: always asked.
        kind: the JSON type when `value` is `None`.
    """

    names: str
    value: Any
    options: tuple[str, ...] = ()
    about: str = ""
    core: bool = False
    kind: str = "string"


Style = Callable[[str], str]


def _camel(name: str) -> str:
    first, *rest = name.split(" ")
    return first + "".join(capitalise(part) for part in rest)


_STYLES: tuple[Style, ...] = (
    lambda name: name.replace(" ", "_"),
    lambda name: name.replace(" ", "_"),
    lambda name: name.replace(" ", "_"),
    lambda name: name.replace(" ", "_"),
    _camel,
    _camel,
    lambda name: name.replace(" ", "-"),
    lambda name: name,
    lambda name: " ".join(capitalise(part) for part in name.split(" ")),
    lambda name: name.replace(" ", "_").upper(),
    lambda name: capitalise(_camel(name)),
    lambda name: name.replace(" ", ""),
)

_ASK = (
    "Extract {what} from {doc}.|Read {doc} and return {what} as JSON.|Pull {what} out of {doc}.|"
    "Return {what} found in {doc}.|From {doc}, extract {what}.|Convert {doc} to JSON.|"
    "Fill the schema from {doc}.|Find {what} in {doc} and answer with JSON only.|"
    "Turn {doc} into a JSON object.|Parse {doc}.|Given {doc}, output {what}.|"
    "Extract {what}. Copy values exactly as written.|List {what} of {doc} as JSON.|"
    "Structured extraction: {doc} to JSON with {what}.|Get {what} from {doc}, word for word.|"
    "What are {what} in {doc}? Answer in JSON.|Write {doc} as JSON following the schema.|"
    "You are given {doc}. Extract {what}.|Extract the data in {doc} that the schema asks for."
)


def instruction(rng: random.Random, kind: str, keys: Sequence[str]) -> str:
    """Word the task: `kind` names the document, `keys` what is asked, each used at random."""
    doc = pick(rng, f"the text|the {kind}|this {kind}|the {kind} below|the document|this text")
    names = [key.replace("_", " ") for key in keys]
    if rng.random() < 0.4 and len(names) < 6:
        what = "the " + (
            names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
        )
    else:
        what = pick(rng, "the fields|the data|the requested fields|the information|the details")
    text = pick(rng, _ASK).format(what=what, doc=doc)
    if rng.random() < 0.12:
        text += pick(
            rng,
            " Answer with JSON only.| Use null for what is missing.| Do not add"
            " anything.| Keep the wording of the text.| Leave nothing out.",
        )
    return text.lower() if rng.random() < 0.04 else text


def _scalar_schema(slot: Slot, value: Any) -> dict[str, Any]:
    if slot.options:
        return {"type": "string", "enum": list(slot.options)}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, float):
        return {"type": "number"}
    return {"type": slot.kind if value is None else "string"}


class _Assembly:
    """The random choices that hold for a whole example: key style and strictness."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.style = rng.choice(_STYLES)
        self.closed = rng.random() < 0.85
        self.described = rng.random() < 0.12
        self.nullable = rng.random() < 0.5
        self.required = rng.random() < 0.85

    def key(self, slot: Slot) -> str:
        names = slot.names.split("|")
        if len(names) > 1 and self.rng.random() < 0.45:
            return self.style(names[0])
        return self.style(self.rng.choice(names))

    def leaf(self, slot: Slot, value: Any) -> tuple[dict[str, Any], Any]:
        """The schema and the gold of one slot."""
        if isinstance(value, list):
            if value and isinstance(value[0], Slot):
                return self.object(value)
            if value and isinstance(value[0], list):
                return self.table(value)
            item = _scalar_schema(slot, value[0]) if value else {"type": "string"}
            if any(isinstance(each, float) for each in value):
                item = {"type": "number"}
            schema: dict[str, Any] = {"type": "array", "items": item}
            if value and self.rng.random() < 0.1:
                schema["minItems"] = 1
            return schema, value
        schema = _scalar_schema(slot, value)
        if (value is None or (self.nullable and self.rng.random() < 0.2)) and not slot.options:
            schema["type"] = [schema["type"], "null"]
        elif value is None:
            schema = {"type": ["string", "null"], "enum": [*slot.options, None]}
        return schema, value

    def object(self, slots: Sequence[Slot]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The schema and the gold of an object with one property a slot."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        gold: dict[str, Any] = {}
        for slot in slots:
            key = self.key(slot)
            if key in properties:
                continue
            omit = slot.value is None and self.rng.random() < 0.45
            schema, value = self.leaf(slot, slot.value)
            if omit:
                schema = _scalar_schema(slot, None)
            else:
                gold[key] = value
                if self.required or self.rng.random() < 0.5:
                    required.append(key)
            if slot.about and self.described:
                schema = {**schema, "description": slot.about}
            properties[key] = schema
        return self.close(properties, required), gold

    def table(self, rows: Sequence[Sequence[Slot]]) -> tuple[dict[str, Any], list[Any]]:
        """The schema and the gold of an array of objects; rows may lack values (`None`)."""
        keys: dict[str, str] = {}
        schemas: dict[str, Any] = {}
        missing = {slot.names for row in rows for slot in row if slot.value is None}
        omit = self.rng.random() < 0.5
        for row in rows:
            for slot in row:
                if slot.names not in keys:
                    key = self.key(slot)
                    while key in keys.values():
                        key += "2"
                    keys[slot.names] = key
                known = schemas.get(keys[slot.names])
                fresh = self.leaf(slot, slot.value if slot.value is not None else "")[0]
                if known is None or (slot.value is not None and fresh.get("type") == "number"):
                    schemas[keys[slot.names]] = fresh
        for name in missing:
            kind = next(
                (s.value for r in rows for s in r if s.names == name and s.value is not None), None
            )
            base = _scalar_schema(Slot(name, kind), kind)
            schemas[keys[name]] = base if omit else {**base, "type": [base["type"], "null"]}
        required = [keys[n] for n in keys if not (omit and n in missing)]
        gold = [
            {
                keys[s.names]: s.value
                if not isinstance(s.value, list)
                else self.leaf(s, s.value)[1]
                for s in row
                if not (omit and s.value is None)
            }
            for row in rows
        ]
        return {"type": "array", "items": self.close(schemas, required)}, gold

    def close(self, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if self.closed:
            schema["additionalProperties"] = False
        return schema


def assemble(
    rng: random.Random,
    family: str,
    kind: str,
    text: str,
    slots: Sequence[Slot],
    words: Words | None = None,
    keep: float | None = None,
) -> Example:
    """Choose what is asked of `text` and write the task and its answer.

    Args:
        rng: the source of every choice.
        family: name of the calling generator.
        kind: what the document is, for the instruction ("invoice|bill").
        text: the document.
        slots: everything that could be asked; slots marked `core` always are.
        words: when given, some schemas also ask for a field that the text does not hold.
        keep: probability of keeping a slot that is not core (random when `None`).
    """
    share = rng.choice((1.0, 1.0, 0.85, 0.6, 0.4)) if keep is None else keep
    chosen = [slot for slot in slots if slot.core or rng.random() < share]
    if not chosen:
        chosen = [rng.choice(list(slots))]
    if words is not None and rng.random() < 0.1:
        absent = Slot(f"{words.plain(rng)} {words.plain(rng)}", None)
        chosen.insert(rng.randint(0, len(chosen)), absent)
    if rng.random() < 0.45:
        rng.shuffle(chosen)
    assembly = _Assembly(rng)
    schema, gold = assembly.object(chosen)
    if rng.random() < 0.1:
        schema = {"title": pick(rng, kind).title().replace(" ", ""), **schema}
    asked = instruction(rng, pick(rng, kind), list(schema["properties"]))
    return Example(family=family, instruction=asked, schema=schema, text=text, gold=gold)
