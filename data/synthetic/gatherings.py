"""Families about gatherings: events and the minutes of meetings."""

from __future__ import annotations

import random
from typing import Any

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    bullets,
    enumerate_items,
    fact,
    frame,
    narrate,
)
from setaccio.data.synthetic.vocabulary import Words, pick


def events(rng: random.Random, words: Words) -> Example:
    """An invitation or announcement."""
    guests = [words.person(rng) for _ in range(rng.randint(1, 4))]
    bring = [words.noun_phrase(rng) for _ in range(rng.randint(1, 4))]
    free = rng.random() < 0.5
    kinds = ("concert", "workshop", "meeting", "exhibition", "fair", "lecture", "party", "race")
    kind = rng.choice(kinds)
    facts = [
        fact(
            "title|name|event|event name|what",
            words.title(rng),
            "come to {v}|join us for {v}|you are invited to {v}|"
            "we present {v}|{v} is back|save the date for {v}",
        ),
        fact(
            "date|day|when|event date",
            words.date(rng),
            "it takes place on {v}|on {v}|mark {v}|the day is {v}",
        ),
        fact(
            "time|start time|starts at|start",
            words.time(rng),
            "doors open at {v}|we start at {v}|from {v}|begins {v}",
        ),
        fact(
            "end time|ends at|until", words.time(rng), "it ends at {v}|we close at {v}|over by {v}"
        ),
        fact(
            "venue|location|place|where",
            rng.choice(
                (words.street(rng), f"the {words.noun_phrase(rng)}", f"{words.name(rng)} Hall")
            ),
            "at {v}|the venue is {v}|we meet at {v}|held in {v}",
        ),
        fact("city|town", words.city(rng), "in {v}|the city is {v}|this year in {v}"),
        fact(
            "speakers|guests|performers|hosts|with",
            guests,
            "with {v}|featuring {v}|our guests: {v}|{v} will speak",
            enumerate_items(rng, guests),
        ),
        fact(
            "price|ticket price|entry|fee",
            words.money(rng),
            "tickets cost {v}|entry {v}|the fee is {v}",
        ),
        fact(
            "organiser|organizer|host|organised by",
            words.company(rng),
            "organised by {v}|{v} invites you|hosted by {v}",
        ),
        fact(
            "bring|what to bring|things to bring",
            bring,
            "please bring {v}|bring {v}|do not forget {v}",
            enumerate_items(rng, bring),
        ),
        fact(
            "capacity|seats|places",
            rng.randint(5, 900),
            "only {v} seats|room for {v} people|{v} places",
        ),
        fact(
            "type|kind|category", kind, "this is a {v}|a {v} for everyone|type: {v}", options=kinds
        ),
        fact(
            "registration required|needs registration|rsvp",
            free,
            "please register first|RSVP needed" if free else "no registration needed|just drop in",
            "yes" if free else "no",
        ),
    ]
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(3, 10))
    text = frame(rng, words, narrate(rng, words, chosen))
    return assemble(
        rng,
        "events",
        "event|invitation|announcement|flyer|poster",
        text,
        [c.slot for c in chosen],
        words,
    )


_ACTIONS = (
    "{p} will {a}|{p} to {a}|{p} is going to {a}|Action: {p} - {a}|{p} agreed to {a}|"
    "It was decided that {p} will {a}|{p} has to {a}|{p}: {a}|TODO {p}: {a}"
)


def minutes(rng: random.Random, words: Words) -> Example:
    """Minutes of a meeting: who came, what was decided, who does what by when."""
    people = list(dict.fromkeys(words.person(rng) for _ in range(rng.randint(2, 6))))
    decisions = [words.sentence(rng) for _ in range(rng.randint(1, 3))]
    rows, said = [], []
    dated = rng.random() < 0.6
    shape = pick(rng, _ACTIONS) if rng.random() < 0.5 else ""
    for _ in range(rng.randint(1, 6)):
        who, day = rng.choice(people), words.date(rng)
        task = f"{rng.choice(lexicon.VERBS)} the {words.noun_phrase(rng)}"
        has_day = dated and rng.random() < 0.75
        line = (shape or pick(rng, _ACTIONS)).format(p=who, a=task)
        if has_day:
            line += pick(rng, " by {d}| before {d}| (due {d})| until {d}").format(d=day)
        said.append(line + ".")
        row = [
            Slot("owner|who|assignee|person|responsible", who),
            Slot("task|action|what|description", task),
        ]
        if dated:
            row.append(Slot("due|deadline|by|due date", day if has_day else None))
        rows.append(row)
    tasks = [row[1].value for row in rows]
    listed = rng.random() < 0.4
    facts = [
        fact(
            "title|meeting|subject|topic",
            words.title(rng),
            "meeting on {v}|minutes: {v}|we met about {v}",
        ),
        fact("date|held on|day", words.date(rng), "held on {v}|date: {v}|we met {v}"),
        fact(
            "attendees|present|participants|people",
            people,
            "present: {v}|{v} attended|in the room were {v}|attendees: {v}|{v} were there",
            enumerate_items(rng, people),
        ),
        fact(
            "place|location|room", words.noun_phrase(rng), "in the {v}|we sat in the {v}|place: {v}"
        ),
        fact(
            "next meeting|next|follow up", words.date(rng), "next meeting {v}|we meet again on {v}"
        ),
        fact(
            "chair|chaired by|moderator",
            people[0],
            "chaired by {v}|{v} took the chair|{v} led the talk",
        ),
    ]
    chosen = rng.sample(facts, rng.randint(1, 5))
    parts = [narrate(rng, words, chosen, rng.choice(("prose", "lines", "prose")))]
    slots = [each.slot for each in chosen]
    if rng.random() < 0.5:
        head = pick(rng, "Decisions:|Decided:|We agreed:|Conclusions:")
        parts.append(head + "\n" + bullets(rng, decisions))
        slots.append(Slot("decisions|conclusions|agreed|resolutions", decisions))
    head = pick(rng, "Actions:\n|Next steps:\n|To do:\n||") if listed else ""
    parts.append(head + (bullets(rng, said) if listed else " ".join(said)))
    objects: Any = rows if rng.random() < 0.7 else tasks
    slots.append(Slot("action items|actions|tasks|todos|to do", objects, core=True))
    text = frame(rng, words, rng.choice(("\n", "\n\n", " ")).join(parts))
    return assemble(rng, "minutes", "minutes|meeting notes|protocol|notes", text, slots, words)
