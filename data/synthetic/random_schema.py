"""Fields with random names and random values, stated in random phrasings.

Nothing in the words tells what a field means: only the name in the schema leads to the value.
"""

from __future__ import annotations

import random
from typing import Any

from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import Fact, enumerate_items, frame, narrate
from setaccio.data.synthetic.vocabulary import Words

_SAID = (
    "the {k} is {v}|its {k} is {v}|{k}: {v}|for {k} we have {v}|{v} is the {k}|as {k}, take {v}|"
    "the {k} was {v}|with {v} as its {k}|we set the {k} to {v}|{k} equals {v}|the {k} reads {v}|"
    "you will find {v} under {k}|the {k} shown is {v}|there is a {k} of {v}|they wrote {v} for {k}|"
    'the {k} says "{v}"|{k} ({v})|put {v} in the {k} box|{k} = {v}|the {k} has become {v}|'
    "please note {v} as the {k}|someone changed the {k} to {v}|our {k} will be {v}|"
    "by {k} I mean {v}|the {k}, {v}, is known|{v}, that is the {k}|regarding the {k}, it is {v}"
)
_LISTS = (
    "the {k} are {v}|{k}: {v}|there are several {k}: {v}|among the {k} we count {v}|"
    "{v} are the {k}|as {k} we have {v}|the {k} include {v}|{k} listed: {v}|its {k}: {v}"
)
_NO = "there is no word on the {k}|the {k} is unknown"


def _name(rng: random.Random, words: Words) -> str:
    return " ".join(words.plain(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))


def _string(rng: random.Random, words: Words) -> str:
    makers: tuple[Any, ...] = (
        words.noun_phrase, words.phrase, words.phrase, words.person, words.code, words.date,
        words.money, words.city, words.company, words.email, words.quantity, words.title,
        words.pseudo, words.foreign, words.url, words.time, words.phone, words.street,
        words.duration, words.temperature, words.word,
    )  # fmt: skip
    value: str = rng.choice(makers)(rng)
    return value


def _flag(rng: random.Random, key: str) -> Fact:
    value = rng.random() < 0.5
    said = (
        f"the {key} is on|{key} applies|yes to {key}|with {key}|{key}: yes"
        if value
        else f"the {key} is off|{key} does not apply|no to {key}|without {key}|{key}: no"
    )
    return Fact(Slot(key, value), said, "yes" if value else "no")


def _fact(rng: random.Random, words: Words, key: str) -> Fact:
    """A fact of a random type."""
    draw = rng.random()
    said, listed = _SAID.replace("{k}", key), _LISTS.replace("{k}", key)
    if draw < 0.6:
        value: Any = _string(rng, words)
        return Fact(Slot(key, value), said, value)
    if draw < 0.68:
        value = rng.randint(0, rng.choice((10, 100, 5000, 10**6)))
        return Fact(Slot(key, value), said, f"{value:,}" if rng.random() < 0.1 else str(value))
    if draw < 0.74:
        value = round(rng.uniform(-5, rng.choice((1, 10, 1000))), rng.randint(1, 3))
        return Fact(Slot(key, value), said, str(value))
    if draw < 0.79:
        return _flag(rng, key)
    if draw < 0.85:
        options = tuple(dict.fromkeys(words.plain(rng) for _ in range(rng.randint(2, 5))))
        value = rng.choice(options)
        return Fact(Slot(key, value, options=options), said, value)
    if draw < 0.88:
        numbers = [rng.randint(0, 500) for _ in range(rng.randint(2, 6))]
        return Fact(Slot(key, numbers), listed, enumerate_items(rng, [str(n) for n in numbers]))
    maker = rng.choice((words.noun_phrase, words.word, words.person, words.code, words.phrase,
                        words.material, words.title))  # fmt: skip
    items = list(dict.fromkeys(maker(rng) for _ in range(rng.choice((1, 2, 3, 4, 6, 8)))))
    return Fact(Slot(key, items), listed, enumerate_items(rng, items))


def random_schema(rng: random.Random, words: Words) -> Example:
    """A handful of random facts; the schema asks for some of them, at times nested."""
    count = rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 10, 12))
    names = list(dict.fromkeys(_name(rng, words) for _ in range(count)))
    facts = [_fact(rng, words, name) for name in names]
    text = narrate(rng, words, facts)
    slots = [fact.slot for fact in facts]
    if rng.random() < 0.12:
        lost = _name(rng, words)
        slots.append(Slot(lost, None))
        if rng.random() < 0.4:
            text += " " + rng.choice(_NO.split("|")).format(k=lost).capitalize() + "."
    if len(slots) > 3 and rng.random() < 0.25:
        cut = rng.randint(1, len(slots) - 2)
        slots = [*slots[:cut], Slot(_name(rng, words), slots[cut:], core=True)]
    return assemble(rng, "random_schema", "note|record|text|entry|message|document|page",
                    frame(rng, words, text), slots, words)  # fmt: skip


def random_rows(rng: random.Random, words: Words) -> Example:
    """Several things of one made-up kind, each with the same random fields."""
    thing = words.plain(rng)
    keys = list(dict.fromkeys(_name(rng, words) for _ in range(rng.randint(2, 4))))
    kinds = [rng.choice(("string", "string", "integer", "number", "code")) for _ in keys]
    rows: list[list[Slot]] = []
    lines: list[str] = []
    shape = rng.choice(("prose", "prose", "csv", "pairs", "loose"))
    lead = rng.choice(
        ("The {t} has ", "Number {i}: ", "This {t} comes with ", "", "{t} {i}: ", "One has ")
    )
    sep = rng.choice((", ", " | ", "; ", "\t"))
    verb = rng.choice(
        (" {v} as {k}", "{k} {v}", "a {k} of {v}", "{k} = {v}", "{k}: {v}", "{v} ({k})")
    )
    for index in range(1, rng.randint(2, 8)):
        values: list[Any] = []
        for kind in kinds:
            if kind == "integer":
                values.append(rng.randint(0, 999))
            elif kind == "number":
                values.append(rng.randint(1, 9999) / 10 + 0.05)
            else:
                values.append(words.code(rng) if kind == "code" else _string(rng, words))
        values = [round(v, 2) if isinstance(v, float) else v for v in values]
        rows.append([Slot(k, v) for k, v in zip(keys, values, strict=True)])
        if shape == "csv":
            lines.append(sep.join(str(v) for v in values))
            continue
        said = [verb.format(k=k, v=v).strip() for k, v in zip(keys, values, strict=True)]
        if shape == "loose":
            rng.shuffle(said)
        lines.append(lead.format(t=thing, i=index) + enumerate_items(rng, said)
                     + rng.choice((".", ".", "")))  # fmt: skip
    head = [sep.join(keys)] if shape == "csv" else []
    glue = "\n" if shape == "csv" else rng.choice(("\n", " ", "\n\n"))
    text = frame(rng, words, glue.join([*head, *lines]))
    slots = [Slot(f"{thing}s|items|rows|entries|records", rows, core=True)]
    if rng.random() < 0.3:
        title = words.title(rng)
        text = f"{title}\n{text}"
        slots.insert(0, Slot("title|heading|name", title))
    return assemble(rng, "random_rows", "list|table|text|entries|records", text, slots)
