"""Families of records: readings, log lines, sports results, a library catalogue, stock tables."""

from __future__ import annotations

import random
from typing import Any

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    absent,
    bullets,
    enumerate_items,
    fact,
    frame,
    narrate,
    space,
)
from setaccio.data.synthetic.words import Words, capitalise, pick

_QUANTITIES = {
    "temperature|temp": ("°C", "°F", " °C", " K"),
    "pressure": (" hPa", " bar", " kPa"),
    "humidity": ("%", " %"),
    "wind speed|wind": (" km/h", " m/s", " mph"),
    "weight|mass": (" kg", " g", " mg"),
    "voltage": (" V", "V", " mV"),
    "ph|acidity": ("",),
    "length|size": (" cm", " mm", " m"),
    "rainfall|rain": (" mm",),
    "concentration|level": (" mg/l", " ppm", " mmol/l"),
    "speed|rate": (" rpm", " Hz"),
}


def _value(rng: random.Random) -> float | int:
    if rng.random() < 0.35:
        return rng.randint(0, 1200)
    value = round(rng.uniform(-20, rng.choice((10, 100, 1000))), rng.randint(1, 2))
    return value if value != int(value) else value + 0.5


def readings(rng: random.Random, words: Words) -> Example:
    """Measured values: one object of named quantities, or a series of them."""
    chosen = rng.sample(sorted(_QUANTITIES), rng.randint(1, 5))
    station = rng.choice((words.city(rng), words.code(rng), words.noun_phrase(rng)))
    when, who = f"{words.date(rng)}", words.person(rng)
    split = rng.random() < 0.4
    facts = []
    for names in chosen:
        value, unit = _value(rng), rng.choice(_QUANTITIES[names])
        said = f"the {names.split('|')[0]} was {{v}}|{names.split('|')[-1]} {{v}}|we measured a {names.split('|')[0]} of {{v}}"
        nested: Any = value
        if split:
            nested = [Slot("value|amount|reading", value), Slot("unit|units", unit.strip() or None)]
        elif rng.random() < 0.3:
            nested = f"{value}{unit}"
        facts.append(fact(names, nested, said, f"{value}{unit}"))
    facts += rng.sample(
        [
            fact("station|location|place|site", station, "at {v}|the station is {v}|taken at {v}|measured in {v}"),
            fact("date|time|when|measured on", when, "on {v}|measured {v}|the date was {v}"),
            fact("observer|operator|technician|by", who, "read by {v}|{v} took the values|operator {v}"),
            fact("sample|sample id|device|sensor", words.code(rng), "sample {v}|sensor {v}|device {v} reports"),
            fact("sky|condition|outlook", (sky := rng.choice(("clear", "cloudy", "rain", "fog", "snow"))),
                 "it was {v}|outlook: {v}|conditions: {v}", options=("clear", "cloudy", "rain", "fog", "snow")),
            fact("remark|note|comment", words.phrase(rng, 2, 5), "remark: {v}|note that {v}"),
        ],
        rng.randint(1, 4),
    )  # fmt: skip
    del sky
    text = frame(rng, words, narrate(rng, words, facts))
    return assemble(rng, "readings", "report|reading|lab report|weather report|log", text,
                    [each.slot for each in facts], words)  # fmt: skip


def logs(rng: random.Random, words: Words) -> Example:
    """One or more lines of a log."""
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "FATAL")
    source = rng.choice((words.plain(rng), words.code(rng), words.domain(rng)))
    shape = rng.choice((
        "{t} {l} {s}: {m}", "[{t}] [{l}] {s} - {m}", "{t} | {l} | {s} | {m}", "{l} {t} ({s}) {m}",
        "{t} {s}[{p}]: {l}: {m}", "time={t} level={l} source={s} msg=\"{m}\"", "{l}: {m} at {t} in {s}",
        "<{l}> {t} {s} {m}",
    ))  # fmt: skip
    rows, lines = [], []
    count = rng.choice((1, 1, 2, 3, 4, 6))
    for _ in range(count):
        level, pid = rng.choice(levels), rng.randint(1, 40000)
        at = rng.choice((f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}",
                         f"{rng.randint(1999, 2031)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
                         f"T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}Z"))  # fmt: skip
        said = rng.choice((words.phrase(rng, 2, 6), words.sentence(rng).rstrip(".!"),
                           f"{words.plain(rng)} {words.code(rng)} failed"))  # fmt: skip
        line_source = source if rng.random() < 0.7 else words.plain(rng)
        lines.append(shape.format(t=at, l=level, s=line_source, m=said, p=pid))
        row = [Slot("time|timestamp|at|date", at), Slot("level|severity|status", level, options=levels),
               Slot("source|service|module|host|component", line_source),
               Slot("message|msg|text|event", said)]  # fmt: skip
        if "{p}" in shape:
            row.append(Slot("pid|process|process id", pid))
        rows.append(row)
    text = space(rng, "\n".join(lines))
    if count == 1:
        return assemble(rng, "logs", "log line|log entry|log", text, rows[0], words)
    drop = rng.choice((None, 0, 2))
    rows = [[s for i, s in enumerate(row) if i != drop] for row in rows]
    return assemble(rng, "logs", "log|log file|log extract", text,
                    [Slot("entries|lines|events|records", rows, core=True)], words)  # fmt: skip


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
    said = rng.choice((f"{home} against {away} ended {score}", f"{home} v {away}: {score}",
                       f"{home} {score} {away}", f"the match between {home} and {away} finished {score}"))  # fmt: skip
    facts = [
        fact("venue|stadium|place|ground", words.title(rng), "played at {v}|at {v}|the venue was {v}"),
        fact("date|played on|day", words.date(rng), "on {v}|played {v}"),
        fact("scorers|goals by|goalscorers|points by", scorers, "scorers: {v}|goals by {v}|{v} scored",
             enumerate_items(rng, scorers)),
        fact("attendance|crowd|spectators", crowd, "{v} people watched|attendance {v}|a crowd of {v}",
             f"{crowd:,}" if rng.random() < 0.4 else str(crowd)),
        fact("referee|official", words.person(rng), "the referee was {v}|referee: {v}|{v} blew the whistle"),
        fact("coach|manager|trainer", words.person(rng), "coach {v} was pleased|coach: {v}"),
        fact("best player|man of the match|mvp", words.person(rng), "best player: {v}|{v} was the best on the field"),
        fact("competition|league|cup|tournament", f"{words.name(rng)} {rng.choice(('Cup', 'League', 'Trophy'))}",
             "in the {v}|a game of the {v}|competition: {v}"),
    ]  # fmt: skip
    chosen = rng.sample(facts, rng.randint(1, 6))
    form = rng.choice(("prose", "prose", "lines", "chatty", "run-on"))
    text = frame(rng, words, capitalise(said) + ".\n" + narrate(rng, words, chosen, form))
    slots = [
        Slot("home|home team|team a|hosts", home), Slot("away|away team|team b|visitors", away),
        Slot("home score|home goals|points home", left), Slot("away score|away goals|points away", right),
        *(each.slot for each in chosen),
    ]  # fmt: skip
    if winner != "draw" and rng.random() < 0.5:
        slots.append(Slot("winner|won by", winner, about="The side with more points"))
    return assemble(rng, "results", "match report|sports report|result", text, slots, words)


def _ranking(rng: random.Random, words: Words) -> Example:
    shape = rng.choice(("{i}. {n} ({c}) {t}", "{i}. {n}, {c}, {t}", "{i} {n} {t} {c}", "{n} of {c} came {i} with {t}",
                        "{i}) {n} - {t} - {c}", "Place {i}: {n}, {c} ({t})"))  # fmt: skip
    rows, lines = [], []
    for place in range(1, rng.randint(2, 7)):
        name, club = words.person(rng), words.city(rng)
        mark = rng.choice((f"{rng.randint(1, 3)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}",
                           f"{rng.randint(9, 59)}.{rng.randint(10, 99)} s", f"{rng.randint(10, 300)} pts"))  # fmt: skip
        lines.append(shape.format(i=place, n=name, c=club, t=mark))
        rows.append([Slot("place|rank|position", place), Slot("name|athlete|runner|who", name),
                     Slot("club|town|country|team", club), Slot("result|time|mark|score", mark)])  # fmt: skip
    race, day = words.title(rng), words.date(rng)
    head = pick(rng, "Results of {r}, {d}|{r} ({d})|{r}, held {d}|{d} - {r}").format(r=race, d=day)
    drop = rng.choice((None, 0, 2))
    rows = [[s for i, s in enumerate(row) if i != drop] for row in rows]
    text = frame(rng, words, head + "\n" + rng.choice(("\n", "\n", "; ")).join(lines))
    slots = [Slot("event|race|title|competition", race), Slot("date|held|day", day),
             Slot("results|ranking|standings|finishers", rows, core=True)]  # fmt: skip
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
        fact("title|name|book|work", words.title(rng), 'the book is called "{v}"|{v}|title: {v}|it is entitled {v}'),
        fact("authors|author names|writers|by", authors, "by {v}|written by {v}|authors: {v}", enumerate_items(rng, authors)),
        fact("year|published|publication year", rng.randint(1820, 2031), "published in {v}|{v} edition|from {v}"),
        fact("publisher|press|house", words.company(rng), "publisher {v}|{v} published it|issued by {v}"),
        fact("isbn|number", isbn, "ISBN {v}|its ISBN is {v}"),
        fact("pages|page count|number of pages", rng.randint(20, 1400), "{v} pages|it has {v} pages|{v} pp"),
        fact("shelf|call number|signature|shelf mark", words.code(rng), "shelf {v}|find it under {v}|call number {v}"),
        fact("topics|subjects|keywords|tags", topics, "on {v}|subjects: {v}|it treats {v}|keywords {v}",
             enumerate_items(rng, topics)),
        fact("genre|category", genre, "a work of {v}|genre: {v}|shelved as {v}", options=genres),
        fact("available|in stock|on shelf", not out, "it is on loan|checked out" if out else
             "it is available|you can borrow it now", "no" if out else "yes"),
        fact("due|due back|due date", words.date(rng), "due back {v}|to be returned by {v}"),
        fact("language", rng.choice(("English", "Polish", "Spanish", "Greek", "Welsh", "French")),
             "in {v}|language: {v}|translated into {v}"),
        fact("borrower|reader|borrowed by", words.person(rng), "borrowed by {v}|{v} has it|lent to {v}"),
    ]  # fmt: skip
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(3, 11))
    text = frame(rng, words, narrate(rng, words, chosen))
    slots = [each.slot for each in chosen]
    if rng.random() < 0.2:
        slots.append(absent(rng.choice(("translator", "series", "illustrator", "edition"))))
    return assemble(
        rng, "library", "catalogue card|record|book entry|catalogue entry", text, slots, words
    )


def stock(rng: random.Random, words: Words) -> Example:
    """A table with a header, in one of several plain-text forms."""
    makers: list[tuple[str, Any]] = [
        ("name|item|article|part", words.noun_phrase), ("sku|code|id|part number", words.code),
        ("quantity|qty|stock|count", lambda r: r.randint(0, 999)),
        ("price|cost|unit price", lambda r: r.randint(1, 9999) / 100 + 0.003),
        ("location|shelf|bin|place", words.code), ("supplier|vendor|from", words.company),
        ("colour|color", lambda r: r.choice(lexicon.COLOURS)), ("date|updated|checked", words.date),
        ("keeper|owner|responsible", words.person),
    ]  # fmt: skip
    chosen = [makers[0], *rng.sample(makers[1:], rng.randint(1, 4))]
    if rng.random() < 0.4:
        rng.shuffle(chosen)
    sep = rng.choice((" | ", ";", "\t", ",  ", " ; ", "   "))
    heads = [pick(rng, names) for names, _ in chosen]
    rows, lines = [], []
    for _ in range(rng.randint(1, 9)):
        values = [make(rng) for _, make in chosen]
        values = [round(v, 2) if isinstance(v, float) else v for v in values]
        rows.append([Slot(names, v) for (names, _), v in zip(chosen, values, strict=True)])
        lines.append(sep.join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in values))
    header = sep.join(rng.choice((h, h.upper(), capitalise(h))) for h in heads)
    body = "\n".join([header, *lines]) if rng.random() < 0.85 else "\n".join(lines)
    if rng.random() < 0.2:
        body = "\n".join([header, "-" * rng.randint(5, 30), *lines])
    if rng.random() < 0.15:
        body = bullets(rng, lines)
    drop = rng.choice((None, None, len(chosen) - 1)) if len(chosen) > 2 else None
    rows = [[s for i, s in enumerate(row) if i != drop] for row in rows]
    slots = [Slot("items|rows|stock|inventory|articles|table", rows, core=True)]
    if rng.random() < 0.4:
        store = words.company(rng)
        body = pick(rng, "Stock of {s}\n|{s}\n|Warehouse: {s}\n").format(s=store) + body
        slots.append(Slot("warehouse|company|store|owner", store))
    return assemble(rng, "stock", "table|inventory|stock list", frame(rng, words, body), slots)
