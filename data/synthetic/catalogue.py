"""Families of sports results and library catalogue cards."""

from __future__ import annotations

import random

from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    absent,
    enumerate_items,
    fact,
    frame,
    narrate,
)
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick


def results(rng: random.Random, words: Words) -> Example:
    """A sports report: two teams, or a ranking."""
    if rng.random() < 0.4:
        return _ranking(rng, words)
    home, away = f"{words.city(rng)} {capitalise(words.noun(rng))}s", words.city(rng)
    if rng.random() < 0.5:
        home, away = words.city(rng), f"{away} {rng.choice(('United', 'Rovers', 'FC', 'Athletic'))}"
    left, right = rng.randint(0, 120 if rng.random() < 0.3 else 7), rng.randint(0, 7)
    scorers = [words.person(rng) for _ in range(rng.randint(1, 4))]
    crowd = rng.randint(50, 90000)
    winner = home if left > right else away if right > left else "draw"
    score = f"{left}{(dash := rng.choice(('-', ':', ' - ', ' to ')))}{right}"
    del dash
    said = rng.choice(
        (
            f"{home} against {away} ended {score}",
            f"{home} v {away}: {score}",
            f"{home} {score} {away}",
            f"the match between {home} and {away} finished {score}",
        )
    )
    facts = [
        fact(
            "venue|stadium|place|ground", words.title(rng), "played at {v}|at {v}|the venue was {v}"
        ),
        fact("date|played on|day", words.date(rng), "on {v}|played {v}"),
        fact(
            "scorers|goals by|goalscorers|points by",
            scorers,
            "scorers: {v}|goals by {v}|{v} scored",
            enumerate_items(rng, scorers),
        ),
        fact(
            "attendance|crowd|spectators",
            crowd,
            "{v} people watched|attendance {v}|a crowd of {v}",
            f"{crowd:,}" if rng.random() < 0.4 else str(crowd),
        ),
        fact(
            "referee|official",
            words.person(rng),
            "the referee was {v}|referee: {v}|{v} blew the whistle",
        ),
        fact("coach|manager|trainer", words.person(rng), "coach {v} was pleased|coach: {v}"),
        fact(
            "best player|man of the match|mvp",
            words.person(rng),
            "best player: {v}|{v} was the best on the field",
        ),
        fact(
            "competition|league|cup|tournament",
            f"{words.name(rng)} {rng.choice(('Cup', 'League', 'Trophy'))}",
            "in the {v}|a game of the {v}|competition: {v}",
        ),
    ]
    chosen = rng.sample(facts, rng.randint(1, 6))
    form = rng.choice(("prose", "prose", "lines", "chatty", "run-on"))
    text = frame(rng, words, capitalise(said) + ".\n" + narrate(rng, words, chosen, form))
    slots = [
        Slot("home|home team|team a|hosts", home),
        Slot("away|away team|team b|visitors", away),
        Slot("home score|home goals|points home", left),
        Slot("away score|away goals|points away", right),
        *(each.slot for each in chosen),
    ]
    if winner != "draw" and rng.random() < 0.5:
        slots.append(Slot("winner|won by", winner, about="The side with more points"))
    return assemble(rng, "results", "match report|sports report|result", text, slots, words)


def _ranking(rng: random.Random, words: Words) -> Example:
    shape = rng.choice(
        (
            "{i}. {n} ({c}) {t}",
            "{i}. {n}, {c}, {t}",
            "{i} {n} {t} {c}",
            "{n} of {c} came {i} with {t}",
            "{i}) {n} - {t} - {c}",
            "Place {i}: {n}, {c} ({t})",
        )
    )
    rows, lines = [], []
    for place in range(1, rng.randint(2, 7)):
        name, club = words.person(rng), words.city(rng)
        mark = rng.choice(
            (
                f"{rng.randint(1, 3)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}",
                f"{rng.randint(9, 59)}.{rng.randint(10, 99)} s",
                f"{rng.randint(10, 300)} pts",
            )
        )
        lines.append(shape.format(i=place, n=name, c=club, t=mark))
        rows.append(
            [
                Slot("place|rank|position", place),
                Slot("name|athlete|runner|who", name),
                Slot("club|town|country|team", club),
                Slot("result|time|mark|score", mark),
            ]
        )
    race, day = words.title(rng), words.date(rng)
    head = pick(rng, "Results of {r}, {d}|{r} ({d})|{r}, held {d}|{d} - {r}").format(r=race, d=day)
    drop = rng.choice((None, 0, 2))
    rows = [[s for i, s in enumerate(row) if i != drop] for row in rows]
    text = frame(rng, words, head + "\n" + rng.choice(("\n", "\n", "; ")).join(lines))
    slots = [
        Slot("event|race|title|competition", race),
        Slot("date|held|day", day),
        Slot("results|ranking|standings|finishers", rows, core=True),
    ]
    return assemble(rng, "results", "ranking|results|race report", text, slots, words)


def library(rng: random.Random, words: Words) -> Example:
    """A book, film or record in a catalogue."""
    authors = [words.person(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    topics = [words.noun_phrase(rng) for _ in range(rng.randint(1, 5))]
    out = rng.random() < 0.5
    genres = ("novel", "poetry", "biography", "history", "science", "comics", "travel")
    genre = rng.choice(genres)
    isbn = words.fill(rng, rng.choice(("978-#-####-####-#", "978##########", "#-###-#####-#")))
    facts = [
        fact(
            "title|name|book|work",
            words.title(rng),
            'the book is called "{v}"|{v}|title: {v}|it is entitled {v}',
        ),
        fact(
            "authors|author names|writers|by",
            authors,
            "by {v}|written by {v}|authors: {v}",
            enumerate_items(rng, authors),
        ),
        fact(
            "year|published|publication year",
            rng.randint(1820, 2031),
            "published in {v}|{v} edition|from {v}",
        ),
        fact(
            "publisher|press|house",
            words.company(rng),
            "publisher {v}|{v} published it|issued by {v}",
        ),
        fact("isbn|number", isbn, "ISBN {v}|its ISBN is {v}"),
        fact(
            "pages|page count|number of pages",
            rng.randint(20, 1400),
            "{v} pages|it has {v} pages|{v} pp",
        ),
        fact(
            "shelf|call number|signature|shelf mark",
            words.code(rng),
            "shelf {v}|find it under {v}|call number {v}",
        ),
        fact(
            "topics|subjects|keywords|tags",
            topics,
            "on {v}|subjects: {v}|it treats {v}|keywords {v}",
            enumerate_items(rng, topics),
        ),
        fact("genre|category", genre, "a work of {v}|genre: {v}|shelved as {v}", options=genres),
        fact(
            "available|in stock|on shelf",
            not out,
            "it is on loan|checked out" if out else "it is available|you can borrow it now",
            "no" if out else "yes",
        ),
        fact("due|due back|due date", words.date(rng), "due back {v}|to be returned by {v}"),
        fact(
            "language",
            rng.choice(("English", "Polish", "Spanish", "Greek", "Welsh", "French")),
            "in {v}|language: {v}|translated into {v}",
        ),
        fact(
            "borrower|reader|borrowed by",
            words.person(rng),
            "borrowed by {v}|{v} has it|lent to {v}",
        ),
    ]
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(3, 11))
    text = frame(rng, words, narrate(rng, words, chosen))
    slots = [each.slot for each in chosen]
    if rng.random() < 0.2:
        slots.append(absent(rng.choice(("translator", "series", "illustrator", "edition"))))
    return assemble(
        rng, "library", "catalogue card|record|book entry|catalogue entry", text, slots, words
    )
