"""Families of spoken commands and of knowledge: definitions, questions, notes, passages."""

from __future__ import annotations

import random
from collections.abc import Callable

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    bullets,
    enumerate_items,
    fact,
    follow,
    frame,
    intro,
    narrate,
    outro,
    space,
)
from setaccio.data.synthetic.words import Words, capitalise, pick

Maker = Callable[[random.Random], str]

# intent -> (sentence shapes, slot name -> maker name); "?" marks a clause that may be left out.
_COMMANDS: dict[str, tuple[str, dict[str, str]]] = {
    "set alarm": ("wake me at {time}[ on {day}]|set an alarm for {time}[ called {label}]|alarm {time}[ {day}]",
                  {"time": "time", "day": "date", "label": "phrase"}),
    "play media": ("play {track}[ by {artist}]|put on {artist}[ in the {room}]|start {track}[ on {device}]|"
                   "i want to hear {artist}[ from {year}]",
                   {"track": "title", "artist": "person", "room": "noun", "device": "company", "year": "year"}),
    "send message": ("tell {person} that {message}|message {person}[ on {channel}]: {message}|"
                     "text {person} {message}", {"person": "person", "message": "phrase", "channel": "company"}),
    "navigate": ("take me to {place}[ via {stop}]|how do i get from {origin} to {place}|drive to {place}[ by {time}]",
                 {"place": "city", "stop": "city", "origin": "city", "time": "time"}),
    "turn on": ("turn on the {device}[ in the {room}]|switch the {device} on[ at {time}]|start the {device}",
                {"device": "noun_phrase", "room": "noun", "time": "time"}),
    "turn off": ("turn off the {device}[ in the {room}]|kill the {device}[ at {time}]|stop the {device}",
                 {"device": "noun_phrase", "room": "noun", "time": "time"}),
    "add to list": ("add {item}[ and {item}][ to my {list} list]|put {item} on the {list} list|"
                    "add {item}, {item} and {item} to {list}", {"item": "noun_phrase", "list": "word"}),
    "forecast": ("what is the weather in {city}[ on {day}]|will it {condition} in {city}[ {day}]|forecast for {city}",
                 {"city": "city", "day": "date", "condition": "weather"}),
    "book": ("book a {thing}[ for {people}][ in {city}][ at {time}]|reserve {thing} at {venue}[ for {people}]|"
             "get me a {thing}[ in {city}][ on {day}]",
             {"thing": "noun_phrase", "people": "number", "city": "city", "time": "time", "venue": "company",
              "day": "date"}),
    "rate": ("give {object} {points}[ out of {best}][ stars]|rate {object} {points}[ of {best}]|"
             "{points} points for {object}", {"object": "title", "points": "number", "best": "number"}),
    "search": ("find {query}[ in {city}]|where can i get {query}|look up {query}[ from {year}]|show me {query}",
               {"query": "title", "city": "city", "year": "year"}),
    "remind": ("remind me to {task}[ at {time}][ on {day}]|remind {person} to {task}|don't let me forget to {task}",
               {"task": "task", "time": "time", "day": "date", "person": "person"}),
    "buy": ("buy {count} {item}[ from {shop}]|order {count} {item} for {person}|get {item}[ for {price}]",
            {"count": "number", "item": "noun_phrase", "shop": "company", "person": "person", "price": "money"}),
}  # fmt: skip


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
    style: Callable[[str], str] = rng.choice((
        lambda s: s.replace(" ", "_"), lambda s: s.title().replace(" ", ""), lambda s: s,
        lambda s: s.upper().replace(" ", "_"), lambda s: s.replace(" ", "-"),
    ))  # fmt: skip
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


def definitions(rng: random.Random, words: Words) -> Example:
    """Terms and what they mean."""
    shape = rng.choice(("{t}: {d}.", "{t} means {d}.", "A {t} is {d}.", "{t} - {d}", "By {t} we mean {d}.",
                        "{t} ({d})", "{t} = {d}", "The word {t} stands for {d}."))  # fmt: skip
    same = rng.random() < 0.6
    rows, lines = [], []
    for _ in range(rng.choice((1, 2, 3, 4, 5))):
        term = rng.choice((words.word(rng), words.noun_phrase(rng), words.pseudo(rng)))
        means = rng.choice((f"a {words.noun_phrase(rng)} used to {rng.choice(lexicon.VERBS)} {words.noun(rng)}",
                            f"any {words.noun_phrase(rng)} from {words.city(rng)}", words.phrase(rng, 3, 8),
                            f"the {words.noun(rng)} of a {words.noun_phrase(rng)}"))  # fmt: skip
        line = shape if same else rng.choice(("{t}: {d}.", "{t} means {d}.", "{t} stands for {d}."))
        lines.append(line.format(t=term, d=means))
        rows.append(
            [
                Slot("term|word|name|entry", term),
                Slot("definition|meaning|sense|description", means),
            ]
        )
    text = frame(rng, words, rng.choice(("\n", "\n\n", " ")).join(lines))
    if len(rows) == 1 and rng.random() < 0.7:
        slots = [Slot(s.names, s.value, core=True) for s in rows[0]]
    else:
        slots = [Slot("terms|definitions|entries|glossary|words", rows, core=True)]
    return assemble(rng, "definitions", "glossary|dictionary|definition|text", text, slots)


_ASKED = (
    "Where is the {n}?|Who has the {n}?|How many {n} are there?|Why is the {n} {a}?|What is {w}?|"
    "Can I {v} the {n}?|When do we {v} the {n}?|Is the {n} {a}?|How do I {v} a {n}?|What about {n}?"
)


def questions(rng: random.Random, words: Words) -> Example:
    """An interview or a list of questions with their answers."""
    ask, answer = rng.choice((("Q: ", "A: "), ("Question: ", "Answer: "), ("", ""), ("- ", "  "), ("Q. ", "A. "),
                              (f"{words.name(rng)}: ", f"{words.name(rng)}: ")))  # fmt: skip
    rows, lines = [], []
    for _ in range(rng.randint(1, 6)):
        question = pick(rng, _ASKED).format(n=words.noun_phrase(rng), a=words.adjective(rng), w=words.word(rng),
                                            v=rng.choice(lexicon.VERBS))  # fmt: skip
        said = " ".join(words.sentence(rng) for _ in range(rng.choice((1, 1, 2))))
        lines.append(f"{ask}{question}{rng.choice((chr(10), chr(10), ' '))}{answer}{said}")
        rows.append(
            [Slot("question|q|asked|query", question), Slot("answer|a|reply|response", said)]
        )
    text = space(rng, rng.choice(("\n", "\n\n")).join(lines))
    slots = [Slot("questions|faq|pairs|items|entries", rows, core=True)]
    if rng.random() < 0.4:
        title = words.title(rng)
        text, slots = f"{title}\n{text}", [Slot("title|topic|heading", title), *slots]
    return assemble(rng, "questions", "FAQ|interview|dialogue|questions and answers", text, slots)


def sentences(rng: random.Random, words: Words) -> Example:
    """A passage of sentences, cut into its parts: title, opening, sentences, closing."""
    body = [words.sentence(rng) for _ in range(rng.randint(2, 9))]
    title = words.title(rng)
    first, glue = rng.choice((("", " "), ("", " "), ("", "\n"), ("- ", "\n- "), ("* ", "\n* ")))
    gap = "\n" if first else rng.choice(("\n", ": ", ". ", "\n\n", " - "))
    text = title + gap + first + glue.join(body)
    slots = [
        Slot("title|heading|name|subject", title),
        Slot(
            "sentences|statements|lines|text|body|paragraphs",
            body,
            core=True,
            about="Every sentence, in order",
        ),
    ]
    if rng.random() < 0.3:
        slots.append(Slot("first|opening|first sentence", body[0]))
    if rng.random() < 0.3:
        slots.append(Slot("last|closing|last sentence", body[-1]))
    return assemble(rng, "sentences", "text|passage|paragraph|note", space(rng, text), slots)


def notes(rng: random.Random, words: Words) -> Example:
    """Private notes: a plant, a pet, a car, a plan, a walk."""
    tags = [words.word(rng) for _ in range(rng.randint(1, 5))]
    todo = [
        f"{rng.choice(lexicon.VERBS)} the {words.noun_phrase(rng)}"
        for _ in range(rng.randint(1, 5))
    ]
    facts = [
        fact("subject|about|topic|title", words.title(rng), "about {v}|notes on {v}|{v}"),
        fact("author|writer|by", words.person(rng), "{v} wrote this|by {v}|noted by {v}"),
        fact("date|day|written", words.date(rng), "on {v}|written {v}|{v}, in the evening"),
        fact("tags|keywords|labels", tags, "tags: {v}|filed under {v}|keywords {v}", enumerate_items(rng, tags)),
        fact("todo|tasks|next|things to do", todo, "to do: {v}|I must {v}|next I will {v}", enumerate_items(rng, todo)),
        fact("place|where|location", words.city(rng), "in {v}|I was in {v}|seen in {v}"),
        fact("seen|observation|noticed", words.noun_phrase(rng), "I saw a {v}|noticed a {v}|there was a {v}"),
        fact("mood|feeling", words.adjective(rng), "feeling {v}|the mood was {v}|I was {v}"),
        fact("people|met|with", (met := [words.person(rng) for _ in range(rng.randint(1, 4))]),
             "I met {v}|with {v}|{v} came along", enumerate_items(rng, met)),
        fact("distance|walked|length", words.quantity(rng), "walked {v}|a distance of {v}"),
        fact("cost|spent|price", words.money(rng), "spent {v}|it cost me {v}"),
        fact("duration|time spent|took", words.duration(rng), "it took {v}|{v} in all"),
        fact("idea|thought|quote", words.sentence(rng).rstrip(".!"), 'an idea: "{v}"|thought: {v}|as they say, {v}'),
        fact("count|number|how many", rng.randint(1, 400), "counted {v}|{v} of them|the number was {v}"),
    ]  # fmt: skip
    chosen = rng.sample(facts, rng.randint(3, 12))
    text = narrate(rng, words, chosen)
    if rng.random() < 0.4:
        text = follow(rng, follow(rng, intro(rng, words), text), outro(rng, words))
    if rng.random() < 0.15:
        text += "\n" + bullets(rng, [words.phrase(rng) for _ in range(rng.randint(1, 3))])
    return assemble(rng, "notes", "note|diary|journal entry|memo", space(rng, text),
                    [each.slot for each in chosen], words)  # fmt: skip
