"""Families of records: readings, log lines and stock tables."""

from __future__ import annotations

import random
from typing import Any

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    bullets,
    fact,
    frame,
    narrate,
    space,
)
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick

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
        name, other = names.split("|")[0], names.split("|")[-1]
        said = f"the {name} was {{v}}|{other} {{v}}|we measured a {name} of {{v}}"
        nested: Any = value
        if split:
            nested = [Slot("value|amount|reading", value), Slot("unit|units", unit.strip() or None)]
        elif rng.random() < 0.3:
            nested = f"{value}{unit}"
        facts.append(fact(names, nested, said, f"{value}{unit}"))
    facts += rng.sample(
        [
            fact(
                "station|location|place|site",
                station,
                "at {v}|the station is {v}|taken at {v}|measured in {v}",
            ),
            fact("date|time|when|measured on", when, "on {v}|measured {v}|the date was {v}"),
            fact(
                "observer|operator|technician|by",
                who,
                "read by {v}|{v} took the values|operator {v}",
            ),
            fact(
                "sample|sample id|device|sensor",
                words.code(rng),
                "sample {v}|sensor {v}|device {v} reports",
            ),
            fact(
                "sky|condition|outlook",
                (sky := rng.choice(("clear", "cloudy", "rain", "fog", "snow"))),
                "it was {v}|outlook: {v}|conditions: {v}",
                options=("clear", "cloudy", "rain", "fog", "snow"),
            ),
            fact("remark|note|comment", words.phrase(rng, 2, 5), "remark: {v}|note that {v}"),
        ],
        rng.randint(1, 4),
    )
    del sky
    text = frame(rng, words, narrate(rng, words, facts))
    return assemble(
        rng,
        "readings",
        "report|reading|lab report|weather report|log",
        text,
        [each.slot for each in facts],
        words,
    )


def logs(rng: random.Random, words: Words) -> Example:
    """One or more lines of a log."""
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "FATAL")
    source = rng.choice((words.plain(rng), words.code(rng), words.domain(rng)))
    shape = rng.choice(
        (
            "{t} {l} {s}: {m}",
            "[{t}] [{l}] {s} - {m}",
            "{t} | {l} | {s} | {m}",
            "{l} {t} ({s}) {m}",
            "{t} {s}[{p}]: {l}: {m}",
            'time={t} level={l} source={s} msg="{m}"',
            "{l}: {m} at {t} in {s}",
            "<{l}> {t} {s} {m}",
        )
    )
    rows, lines = [], []
    count = rng.choice((1, 1, 2, 3, 4, 6))
    for _ in range(count):
        level, pid = rng.choice(levels), rng.randint(1, 40000)
        at = rng.choice(
            (
                f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}",
                f"{rng.randint(1999, 2031)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
                f"T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}Z",
            )
        )
        said = rng.choice(
            (
                words.phrase(rng, 2, 6),
                words.sentence(rng).rstrip(".!"),
                f"{words.plain(rng)} {words.code(rng)} failed",
            )
        )
        line_source = source if rng.random() < 0.7 else words.plain(rng)
        lines.append(shape.format(t=at, l=level, s=line_source, m=said, p=pid))
        row = [
            Slot("time|timestamp|at|date", at),
            Slot("level|severity|status", level, options=levels),
            Slot("source|service|module|host|component", line_source),
            Slot("message|msg|text|event", said),
        ]
        if "{p}" in shape:
            row.append(Slot("pid|process|process id", pid))
        rows.append(row)
    text = space(rng, "\n".join(lines))
    if count == 1:
        return assemble(rng, "logs", "log line|log entry|log", text, rows[0], words)
    drop = rng.choice((None, 0, 2))
    rows = [[s for i, s in enumerate(row) if i != drop] for row in rows]
    return assemble(
        rng,
        "logs",
        "log|log file|log extract",
        text,
        [Slot("entries|lines|events|records", rows, core=True)],
        words,
    )


def stock(rng: random.Random, words: Words) -> Example:
    """A table with a header, in one of several plain-text forms."""
    makers: list[tuple[str, Any]] = [
        ("name|item|article|part", words.noun_phrase),
        ("sku|code|id|part number", words.code),
        ("quantity|qty|stock|count", lambda r: r.randint(0, 999)),
        ("price|cost|unit price", lambda r: r.randint(1, 9999) / 100 + 0.003),
        ("location|shelf|bin|place", words.code),
        ("supplier|vendor|from", words.company),
        ("colour|color", lambda r: r.choice(lexicon.COLOURS)),
        ("date|updated|checked", words.date),
        ("keeper|owner|responsible", words.person),
    ]
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
