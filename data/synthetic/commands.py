"""Spoken commands: an intent from a closed list, and its slots."""

from __future__ import annotations

import random
from collections.abc import Callable

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick

Maker = Callable[[random.Random], str]


# intent -> (sentence shapes, slot name -> maker name); "?" marks a clause that may be left out.
_COMMANDS: dict[str, tuple[str, dict[str, str]]] = {
    "set alarm": (
        "wake me at {time}[ on {day}]|"
        "set an alarm for {time}[ called {label}]|alarm {time}[ {day}]",
        {"time": "time", "day": "date", "label": "phrase"},
    ),
    "play media": (
        "play {track}[ by {artist}]|put on {artist}[ in the {room}]|start {track}[ on {device}]|"
        "i want to hear {artist}[ from {year}]",
        {"track": "title", "artist": "person", "room": "noun", "device": "company", "year": "year"},
    ),
    "send message": (
        "tell {person} that {message}|message {person}[ on {channel}]: {message}|"
        "text {person} {message}",
        {"person": "person", "message": "phrase", "channel": "company"},
    ),
    "navigate": (
        "take me to {place}[ via {stop}]|"
        "how do i get from {origin} to {place}|drive to {place}[ by {time}]",
        {"place": "city", "stop": "city", "origin": "city", "time": "time"},
    ),
    "turn on": (
        "turn on the {device}[ in the {room}]|"
        "switch the {device} on[ at {time}]|start the {device}",
        {"device": "noun_phrase", "room": "noun", "time": "time"},
    ),
    "turn off": (
        "turn off the {device}[ in the {room}]|kill the {device}[ at {time}]|stop the {device}",
        {"device": "noun_phrase", "room": "noun", "time": "time"},
    ),
    "add to list": (
        "add {item}[ and {item}][ to my {list} list]|put {item} on the {list} list|"
        "add {item}, {item} and {item} to {list}",
        {"item": "noun_phrase", "list": "word"},
    ),
    "forecast": (
        "what is the weather in {city}[ on {day}]|"
        "will it {condition} in {city}[ {day}]|forecast for {city}",
        {"city": "city", "day": "date", "condition": "weather"},
    ),
    "book": (
        "book a {thing}[ for {people}][ in {city}][ at {time}]|"
        "reserve {thing} at {venue}[ for {people}]|"
        "get me a {thing}[ in {city}][ on {day}]",
        {
            "thing": "noun_phrase",
            "people": "number",
            "city": "city",
            "time": "time",
            "venue": "company",
            "day": "date",
        },
    ),
    "rate": (
        "give {object} {points}[ out of {best}][ stars]|rate {object} {points}[ of {best}]|"
        "{points} points for {object}",
        {"object": "title", "points": "number", "best": "number"},
    ),
    "search": (
        "find {query}[ in {city}]|where can i get {query}|"
        "look up {query}[ from {year}]|show me {query}",
        {"query": "title", "city": "city", "year": "year"},
    ),
    "remind": (
        "remind me to {task}[ at {time}][ on {day}]|"
        "remind {person} to {task}|don't let me forget to {task}",
        {"task": "task", "time": "time", "day": "date", "person": "person"},
    ),
    "buy": (
        "buy {count} {item}[ from {shop}]|"
        "order {count} {item} for {person}|get {item}[ for {price}]",
        {
            "count": "number",
            "item": "noun_phrase",
            "shop": "company",
            "person": "person",
            "price": "money",
        },
    ),
}


def _maker(name: str, words: Words) -> Maker:
    extra: dict[str, Maker] = {
        "year": lambda r: str(r.randint(1950, 2031)),
        "number": lambda r: r.choice((str(r.randint(1, 12)), r.choice(lexicon.NUMBER_WORDS[1:]))),
        "weather": lambda r: r.choice(("rain", "snow", "be sunny", "freeze", "be windy", "hail")),
        "task": lambda r: f"{r.choice(lexicon.VERBS)} the {words.noun_phrase(r)}",
        "phrase": lambda r: words.phrase(r, 1, 5),
    }
    found: Maker = extra[name] if name in extra else getattr(words, name)
    return found


def _fill(
    rng: random.Random, shape: str, makers: dict[str, Maker]
) -> tuple[str, list[tuple[str, str]]]:
    """Fill the shape; return the text and the (slot, value) pairs in the order of the text."""
    while "[" in shape:
        head, _, rest = shape.partition("[")
        clause, _, tail = rest.partition("]")
        shape = head + (clause if rng.random() < 0.55 else "") + tail
    said, found = "", []
    while "{" in shape:
        head, _, rest = shape.partition("{")
        name, _, shape = rest.partition("}")
        value = makers[name](rng)
        said += head + value
        found.append((name, value))
    return said + shape, found


def commands(rng: random.Random, words: Words) -> Example:
    """A spoken command: its intent from a closed list, and its slots."""
    intents = rng.sample(sorted(_COMMANDS), rng.randint(3, 8))
    intent = rng.choice(intents)
    shapes, makers = _COMMANDS[intent]
    text, found = _fill(rng, pick(rng, shapes), {k: _maker(v, words) for k, v in makers.items()})
    text = pick(
        rng, "{t}|{t}|{t}|{t}|please {t}|hey, {t}|{t}, please|can you {t}|ok {t}|i need you to {t}"
    ).format(t=text)
    text += rng.choice(("", "", "", ".", "?", "!"))
    if rng.random() < 0.45:
        text = capitalise(text)
    style: Callable[[str], str] = rng.choice(
        (
            lambda s: s.replace(" ", "_"),
            lambda s: s.title().replace(" ", ""),
            lambda s: s,
            lambda s: s.upper().replace(" ", "_"),
            lambda s: s.replace(" ", "-"),
        )
    )
    options = tuple(style(name) for name in intents)
    values: dict[str, list[str]] = {}
    for name, value in found:
        values.setdefault(name, []).append(value)
    asked = sorted(values) if rng.random() < 0.4 else list(values)
    others = [
        name for name in sorted({n for _, m in _COMMANDS.values() for n in m}) if name not in values
    ]
    lists = rng.random() < 0.55
    slots = [
        Slot(name, values[name] if lists or len(values[name]) > 1 else values[name][0])
        for name in asked
    ]
    for name in rng.sample(others, rng.randint(0, 5)):
        slots.insert(rng.randint(0, len(slots)), Slot(name, None))
    head = Slot("intent|command|action|request", style(intent), options=options, core=True)
    if rng.random() < 0.5:
        body = [head, Slot("slots|arguments|parameters|entities", slots, core=True)]
    else:
        body = [head, *(Slot(s.names, s.value, core=True) for s in slots)]
    return assemble(
        rng, "commands", "command|utterance|request|spoken command", text, body, keep=1.0
    )
