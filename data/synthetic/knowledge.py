"""Families of definitions, questions, passages and private notes."""

from __future__ import annotations

import random

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
from setaccio.data.synthetic.vocabulary import Words, pick


def definitions(rng: random.Random, words: Words) -> Example:
    """Terms and what they mean."""
    shape = rng.choice(
        (
            "{t}: {d}.",
            "{t} means {d}.",
            "A {t} is {d}.",
            "{t} - {d}",
            "By {t} we mean {d}.",
            "{t} ({d})",
            "{t} = {d}",
            "The word {t} stands for {d}.",
        )
    )
    same = rng.random() < 0.6
    rows, lines = [], []
    for _ in range(rng.choice((1, 2, 3, 4, 5))):
        term = rng.choice((words.word(rng), words.noun_phrase(rng), words.pseudo(rng)))
        means = rng.choice(
            (
                f"a {words.noun_phrase(rng)} used to {rng.choice(lexicon.VERBS)} {words.noun(rng)}",
                f"any {words.noun_phrase(rng)} from {words.city(rng)}",
                words.phrase(rng, 3, 8),
                f"the {words.noun(rng)} of a {words.noun_phrase(rng)}",
            )
        )
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
    ask, answer = rng.choice(
        (
            ("Q: ", "A: "),
            ("Question: ", "Answer: "),
            ("", ""),
            ("- ", "  "),
            ("Q. ", "A. "),
            (f"{words.name(rng)}: ", f"{words.name(rng)}: "),
        )
    )
    rows, lines = [], []
    for _ in range(rng.randint(1, 6)):
        question = pick(rng, _ASKED).format(
            n=words.noun_phrase(rng),
            a=words.adjective(rng),
            w=words.word(rng),
            v=rng.choice(lexicon.VERBS),
        )
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
        fact(
            "tags|keywords|labels",
            tags,
            "tags: {v}|filed under {v}|keywords {v}",
            enumerate_items(rng, tags),
        ),
        fact(
            "todo|tasks|next|things to do",
            todo,
            "to do: {v}|I must {v}|next I will {v}",
            enumerate_items(rng, todo),
        ),
        fact("place|where|location", words.city(rng), "in {v}|I was in {v}|seen in {v}"),
        fact(
            "seen|observation|noticed",
            words.noun_phrase(rng),
            "I saw a {v}|noticed a {v}|there was a {v}",
        ),
        fact("mood|feeling", words.adjective(rng), "feeling {v}|the mood was {v}|I was {v}"),
        fact(
            "people|met|with",
            (met := [words.person(rng) for _ in range(rng.randint(1, 4))]),
            "I met {v}|with {v}|{v} came along",
            enumerate_items(rng, met),
        ),
        fact("distance|walked|length", words.quantity(rng), "walked {v}|a distance of {v}"),
        fact("cost|spent|price", words.money(rng), "spent {v}|it cost me {v}"),
        fact("duration|time spent|took", words.duration(rng), "it took {v}|{v} in all"),
        fact(
            "idea|thought|quote",
            words.sentence(rng).rstrip(".!"),
            'an idea: "{v}"|thought: {v}|as they say, {v}',
        ),
        fact(
            "count|number|how many",
            rng.randint(1, 400),
            "counted {v}|{v} of them|the number was {v}",
        ),
    ]
    chosen = rng.sample(facts, rng.randint(3, 12))
    text = narrate(rng, words, chosen)
    if rng.random() < 0.4:
        text = follow(rng, follow(rng, intro(rng, words), text), outro(rng, words))
    if rng.random() < 0.15:
        text += "\n" + bullets(rng, [words.phrase(rng) for _ in range(rng.randint(1, 3))])
    return assemble(
        rng,
        "notes",
        "note|diary|journal entry|memo",
        space(rng, text),
        [each.slot for each in chosen],
        words,
    )
