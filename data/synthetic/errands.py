"""Families about support tickets and journeys."""

from __future__ import annotations

import random
from itertools import pairwise

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
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick


def tickets(rng: random.Random, words: Words) -> Example:
    """A support request."""
    levels = ("low", "medium", "high", "urgent")
    level = rng.choice(levels)
    hint = {
        "low": "no hurry|whenever you have time",
        "medium": "please fix it this week|soon would be nice",
        "high": "this blocks my work|I need it today",
        "urgent": "everything is down|emergency",
    }
    kinds = tuple(dict.fromkeys(("bug", "question", "refund", "delivery", words.plain(rng))))
    tried = [f"{rng.choice(lexicon.VERBS)} the {words.noun(rng)}" for _ in range(rng.randint(1, 3))]
    kind = rng.choice(kinds)
    verbatim = rng.random() < 0.5
    facts = [
        fact(
            "product|device|item",
            words.noun_phrase(rng),
            "my {v} stopped working|it is about the {v}|the {v} is broken",
        ),
        fact(
            "customer|name|user|reported by",
            words.person(rng),
            "my name is {v}|{v} here|reported by {v}|yours, {v}",
        ),
        fact(
            "order number|account|serial number|case",
            words.code(rng),
            "the number is {v}|see {v}|account {v}|serial {v}",
        ),
        fact(
            "error|error code|error message|message",
            rng.choice((words.code(rng), words.phrase(rng, 2, 5))),
            'it says "{v}"|the screen shows {v}|error: {v}|I get {v}',
        ),
        fact(
            "priority|urgency|severity",
            level,
            "priority {v}|I rate it {v}|{v} priority" if verbatim else hint[level],
            level if verbatim else pick(rng, hint[level]),
            options=levels,
        ),
        fact(
            "category|type|topic|kind",
            kind,
            "category: {v}|this is a {v} case|topic {v}",
            options=kinds,
        ),
        fact(
            "since|date|started|first seen",
            words.date(rng),
            "it started {v}|since {v}|I noticed it on {v}",
        ),
        fact(
            "email|reply to|contact", words.email(rng), "answer to {v}|my mail is {v}|reply at {v}"
        ),
        fact(
            "tried|steps taken|attempts|already tried",
            tried,
            "I tried to {v}|already did: {v}|so far: {v}",
            enumerate_items(rng, tried),
        ),
        fact(
            "version|release",
            f"{rng.randint(0, 12)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}",
            "version {v}|running {v}|it is release {v}",
        ),
        fact(
            "problem|description|issue|summary",
            words.sentence(rng),
            "what happens: {v}|{v}|the problem: {v}",
        ),
    ]
    chosen = rng.sample(facts, rng.randint(3, 10))
    text = frame(rng, words, narrate(rng, words, chosen))
    return assemble(
        rng,
        "tickets",
        "ticket|support request|complaint|message",
        text,
        [c.slot for c in chosen],
        words,
    )


_LEGS = (
    "from {a} to {b} by {m} on {d}|{m} {a} - {b}, {d}|take the {m} to {b} from {a} ({d})|"
    "{d}: {a} to {b}, {m}|{a} → {b} ({m}, {d})|on {d} the {m} leaves {a} for {b}"
)


def journeys(rng: random.Random, words: Words) -> Example:
    """A trip in legs, with who travels and where they stay."""
    stops = [words.city(rng) for _ in range(rng.randint(2, 7))]
    shape, same = pick(rng, _LEGS), rng.random() < 0.5
    drop = rng.choice((None, None, "m", "d"))
    rows, said = [], []
    for start, end in pairwise(stops):
        mode = rng.choice(("train", "bus", "ferry", "plane", "car", "bike", "tram", "taxi"))
        day = rng.choice((words.date(rng), words.time(rng)))
        line = (shape if same else pick(rng, _LEGS)).format(a=start, b=end, m=mode, d=day)
        said.append(capitalise(line))
        row = [Slot("from|origin|start|departure", start), Slot("to|destination|end|arrival", end)]
        if drop != "m":
            row.append(Slot("by|transport|mode|vehicle", mode))
        if drop != "d":
            row.append(Slot("when|date|time|departs", day))
        rows.append(row)
    if rng.random() < 0.5:
        body = bullets(rng, said)
    else:
        body = "".join(pick(rng, "|Then: |Next: |") + line + ". " for line in said).strip()
    who = list(dict.fromkeys(words.person(rng) for _ in range(rng.randint(1, 3))))
    facts = [
        fact(
            "travellers|passengers|who|names",
            who,
            "travelling: {v}|{v} will go|passengers {v}",
            enumerate_items(rng, who),
        ),
        fact(
            "booking|reference|booking code",
            words.code(rng),
            "booking {v}|your reference is {v}|code {v}",
        ),
        fact("price|cost|total", words.money(rng), "the trip costs {v}|price {v}|{v} in all"),
        fact(
            "hotel|stay|accommodation",
            f"{words.name(rng)} {rng.choice(('Hotel', 'Inn', 'Lodge', 'Hostel'))}",
            "we stay at the {v}|hotel: {v}|the nights are at {v}",
        ),
        fact("trip|title|name", words.title(rng), "trip: {v}|we call it {v}|the {v} tour"),
        fact("nights|duration", rng.randint(1, 21), "{v} nights|we stay {v} nights"),
    ]
    chosen = rng.sample(facts, rng.randint(0, 4))
    parts = [body]
    if chosen:
        parts.insert(rng.randint(0, 1), narrate(rng, words, chosen))
    text = frame(rng, words, rng.choice(("\n", "\n\n", " ")).join(parts))
    slots = [
        Slot("legs|route|segments|stages|connections", rows, core=True),
        *(c.slot for c in chosen),
    ]
    return assemble(rng, "journeys", "itinerary|trip|travel plan|booking", text, slots, words)
