"""Families about people: contacts, jobs, events, meetings, support tickets, journeys."""

from __future__ import annotations

import random
from itertools import pairwise
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
)
from setaccio.data.synthetic.words import Words, capitalise, pick


def contacts(rng: random.Random, words: Words) -> Example:
    """A signature, a card, a message that introduces someone; or a list of such people."""
    if rng.random() < 0.25:
        return _directory(rng, words)
    street, city = words.street(rng), words.city(rng)
    zip_code = words.fill(rng, rng.choice(("#####", "##-###", "@@# #@@", "####")))
    facts = [
        fact("name|full name|person|contact|who", words.person(rng),
             "my name is {v}|this is {v}|meet {v}|I am {v}|please contact {v}|you can ask for {v}|{v}"),
        fact("email|e-mail|mail|email address", words.email(rng),
             "write to {v}|my e-mail is {v}|mail: {v}|reach me at {v}|send it to {v}"),
        fact("phone|telephone|mobile|phone number|tel", words.phone(rng),
             "call {v}|my number is {v}|phone {v}|ring me on {v}|tel. {v}"),
        fact("company|employer|organisation|firm|works at", words.company(rng),
             "I work at {v}|from {v}|{v} employs me|my employer is {v}|with {v} since last year"),
        fact("job title|role|position|profession", rng.choice(lexicon.JOBS),
             "I am a {v}|my role is {v}|working as {v}|position: {v}"),
        fact("website|url|site|web", words.url(rng), "see {v}|my site is {v}|visit {v}|more at {v}"),
        fact("birthday|date of birth|born", words.date(rng), "born {v}|my birthday is {v}|date of birth {v}"),
        fact("age", rng.randint(16, 97), "I am {v} years old|aged {v}|{v} years of age"),
        fact("languages|speaks|spoken languages", (langs := rng.sample(
             ["English", "Polish", "Italian", "French", "German", "Spanish", "Arabic", "Hindi", "Greek"],
             rng.randint(1, 4))), "I speak {v}|languages: {v}|fluent in {v}", enumerate_items(rng, langs)),
        fact("hobbies|interests|likes", (fun := [words.noun_phrase(rng) for _ in range(rng.randint(1, 4))]),
             "I like {v}|interests: {v}|I collect {v}|fond of {v}", enumerate_items(rng, fun)),
    ]  # fmt: skip
    address: Any = f"{street}, {zip_code} {city}"
    said = "I live at {v}|the address is {v}|based at {v}|our office: {v}|post goes to {v}"
    if rng.random() < 0.5:
        nested = [Slot("street|line", street), Slot("zip|postcode|postal code", zip_code),
                  Slot("city|town", city)]  # fmt: skip
        facts.append(fact("address|location|home", nested, said, address))
    else:
        facts.append(fact("address|location|home", address, said))
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(2, 9))
    text = frame(rng, words, narrate(rng, words, chosen))
    slots = [each.slot for each in chosen]
    if rng.random() < 0.25:
        slots.append(
            absent(rng.choice(("fax", "nickname", "middle name", "second phone", "title")))
        )
    return assemble(rng, "contacts", "contact|signature|profile|card|message", text, slots, words)


def _directory(rng: random.Random, words: Words) -> Example:
    """Several people with the same details each."""
    makers = [("phone|telephone|number", words.phone), ("email|mail", words.email),
              ("role|job", lambda r: r.choice(lexicon.JOBS)), ("city|town|from", words.city),
              ("company|firm", words.company), ("age", lambda r: r.randint(18, 90))]  # fmt: skip
    chosen = rng.sample(makers, rng.randint(1, 3))
    shape = rng.choice(
        ("{n} ({d})", "{n}, {d}", "{n}: {d}", "{n} - {d}", "{n} | {d}", "there is {n} ({d})")
    )
    sep = ", " if "|" not in shape else " | "
    rows, lines = [], []
    for _ in range(rng.randint(1, 5)):
        name, details = words.person(rng), [(k, m(rng)) for k, m in chosen]
        rows.append([Slot("name|person|full name", name), *(Slot(k, v) for k, v in details)])
        lines.append(shape.format(n=name, d=sep.join(str(v) for _, v in details)))
    joined = rng.choice(("\n", "\n", "; ")).join(lines)
    if rng.random() < 0.3:
        joined = "\n".join("- " + line for line in lines)
    text = frame(rng, words, joined)
    slots = [Slot("people|contacts|persons|members|entries", rows, core=True)]
    return assemble(rng, "contacts", "directory|list of people|contact list|team", text, slots)


def job_ads(rng: random.Random, words: Words) -> Example:
    """A vacancy."""
    wants = [rng.choice((words.noun_phrase(rng), f"{rng.randint(1, 9)} years of {words.word(rng)}",
             words.phrase(rng, 2, 4))) for _ in range(rng.randint(1, 5))]  # fmt: skip
    perks = [words.noun_phrase(rng) for _ in range(rng.randint(1, 4))]
    kinds = ("full-time", "part-time", "temporary", "freelance", "internship")
    kind = rng.choice(kinds)
    remote = rng.random() < 0.5
    facts = [
        fact("title|job title|position|role|job", rng.choice((rng.choice(lexicon.JOBS), words.noun_phrase(rng))),
             "we are looking for a {v}|wanted: {v}|hiring a {v}|{v} needed|join us as {v}|vacancy: {v}"),
        fact("company|employer|organisation", words.company(rng), "{v} is hiring|at {v}|the employer is {v}|join {v}"),
        fact("location|city|place", words.city(rng), "based in {v}|the job is in {v}|our {v} office needs you"),
        fact("salary|pay|wage|compensation", words.money(rng), "we pay {v} a year|salary {v}|the wage is {v}|earn {v}"),
        fact("contract|employment type|type|hours", kind, "the post is {v}|{v} contract|this is a {v} job",
             **({"options": kinds} if rng.random() < 0.6 else {})),
        fact("requirements|skills|must have|qualifications", wants, "you have {v}|requirements: {v}|we ask for {v}",
             enumerate_items(rng, wants)),
        fact("benefits|perks|we offer", perks, "we offer {v}|benefits: {v}|you get {v}", enumerate_items(rng, perks)),
        fact("deadline|apply by|closing date", words.date(rng), "apply by {v}|the deadline is {v}|closes {v}"),
        fact("contact|apply to|email", words.email(rng), "send your CV to {v}|apply at {v}|write to {v}"),
        fact("remote|home office", remote, "you can work from home|fully remote" if remote else
             "on site only|no remote work", "yes" if remote else "no"),
        fact("openings|vacancies|positions", rng.randint(1, 30), "{v} openings|we have {v} vacancies"),
    ]  # fmt: skip
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(3, 10))
    text = frame(rng, words, narrate(rng, words, chosen))
    return assemble(
        rng, "job_ads", "job ad|vacancy|job posting", text, [c.slot for c in chosen], words
    )


def events(rng: random.Random, words: Words) -> Example:
    """An invitation or announcement."""
    guests = [words.person(rng) for _ in range(rng.randint(1, 4))]
    bring = [words.noun_phrase(rng) for _ in range(rng.randint(1, 4))]
    free = rng.random() < 0.5
    kinds = ("concert", "workshop", "meeting", "exhibition", "fair", "lecture", "party", "race")
    kind = rng.choice(kinds)
    facts = [
        fact("title|name|event|event name|what", words.title(rng),
             "come to {v}|join us for {v}|you are invited to {v}|we present {v}|{v} is back|save the date for {v}"),
        fact("date|day|when|event date", words.date(rng), "it takes place on {v}|on {v}|mark {v}|the day is {v}"),
        fact("time|start time|starts at|start", words.time(rng), "doors open at {v}|we start at {v}|from {v}|begins {v}"),
        fact("end time|ends at|until", words.time(rng), "it ends at {v}|we close at {v}|over by {v}"),
        fact("venue|location|place|where", rng.choice((words.street(rng), f"the {words.noun_phrase(rng)}",
             f"{words.name(rng)} Hall")), "at {v}|the venue is {v}|we meet at {v}|held in {v}"),
        fact("city|town", words.city(rng), "in {v}|the city is {v}|this year in {v}"),
        fact("speakers|guests|performers|hosts|with", guests, "with {v}|featuring {v}|our guests: {v}|{v} will speak",
             enumerate_items(rng, guests)),
        fact("price|ticket price|entry|fee", words.money(rng), "tickets cost {v}|entry {v}|the fee is {v}"),
        fact("organiser|organizer|host|organised by", words.company(rng), "organised by {v}|{v} invites you|hosted by {v}"),
        fact("bring|what to bring|things to bring", bring, "please bring {v}|bring {v}|do not forget {v}",
             enumerate_items(rng, bring)),
        fact("capacity|seats|places", rng.randint(5, 900), "only {v} seats|room for {v} people|{v} places"),
        fact("type|kind|category", kind, "this is a {v}|a {v} for everyone|type: {v}", options=kinds),
        fact("registration required|needs registration|rsvp", free, "please register first|RSVP needed" if free else
             "no registration needed|just drop in", "yes" if free else "no"),
    ]  # fmt: skip
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(3, 10))
    text = frame(rng, words, narrate(rng, words, chosen))
    return assemble(rng, "events", "event|invitation|announcement|flyer|poster", text,
                    [c.slot for c in chosen], words)  # fmt: skip


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
        fact("title|meeting|subject|topic", words.title(rng), "meeting on {v}|minutes: {v}|we met about {v}"),
        fact("date|held on|day", words.date(rng), "held on {v}|date: {v}|we met {v}"),
        fact("attendees|present|participants|people", people, "present: {v}|{v} attended|in the room were {v}|"
             "attendees: {v}|{v} were there", enumerate_items(rng, people)),
        fact("place|location|room", words.noun_phrase(rng), "in the {v}|we sat in the {v}|place: {v}"),
        fact("next meeting|next|follow up", words.date(rng), "next meeting {v}|we meet again on {v}"),
        fact("chair|chaired by|moderator", people[0], "chaired by {v}|{v} took the chair|{v} led the talk"),
    ]  # fmt: skip
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


def tickets(rng: random.Random, words: Words) -> Example:
    """A support request."""
    levels = ("low", "medium", "high", "urgent")
    level = rng.choice(levels)
    hint = {"low": "no hurry|whenever you have time", "medium": "please fix it this week|soon would be nice",
            "high": "this blocks my work|I need it today", "urgent": "everything is down|emergency"}  # fmt: skip
    kinds = tuple(dict.fromkeys(("bug", "question", "refund", "delivery", words.plain(rng))))
    tried = [f"{rng.choice(lexicon.VERBS)} the {words.noun(rng)}" for _ in range(rng.randint(1, 3))]
    kind = rng.choice(kinds)
    verbatim = rng.random() < 0.5
    facts = [
        fact("product|device|item", words.noun_phrase(rng), "my {v} stopped working|it is about the {v}|the {v} is broken"),
        fact("customer|name|user|reported by", words.person(rng), "my name is {v}|{v} here|reported by {v}|yours, {v}"),
        fact("order number|account|serial number|case", words.code(rng), "the number is {v}|see {v}|account {v}|serial {v}"),
        fact("error|error code|error message|message", rng.choice((words.code(rng), words.phrase(rng, 2, 5))),
             'it says "{v}"|the screen shows {v}|error: {v}|I get {v}'),
        fact("priority|urgency|severity", level, "priority {v}|I rate it {v}|{v} priority" if verbatim else hint[level],
             level if verbatim else pick(rng, hint[level]), options=levels),
        fact("category|type|topic|kind", kind, "category: {v}|this is a {v} case|topic {v}", options=kinds),
        fact("since|date|started|first seen", words.date(rng), "it started {v}|since {v}|I noticed it on {v}"),
        fact("email|reply to|contact", words.email(rng), "answer to {v}|my mail is {v}|reply at {v}"),
        fact("tried|steps taken|attempts|already tried", tried, "I tried to {v}|already did: {v}|so far: {v}",
             enumerate_items(rng, tried)),
        fact("version|release", f"{rng.randint(0, 12)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}",
             "version {v}|running {v}|it is release {v}"),
        fact("problem|description|issue|summary", words.sentence(rng), "what happens: {v}|{v}|the problem: {v}"),
    ]  # fmt: skip
    chosen = rng.sample(facts, rng.randint(3, 10))
    text = frame(rng, words, narrate(rng, words, chosen))
    return assemble(rng, "tickets", "ticket|support request|complaint|message", text,
                    [c.slot for c in chosen], words)  # fmt: skip


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
        fact("travellers|passengers|who|names", who, "travelling: {v}|{v} will go|passengers {v}", enumerate_items(rng, who)),
        fact("booking|reference|booking code", words.code(rng), "booking {v}|your reference is {v}|code {v}"),
        fact("price|cost|total", words.money(rng), "the trip costs {v}|price {v}|{v} in all"),
        fact("hotel|stay|accommodation", f"{words.name(rng)} {rng.choice(('Hotel', 'Inn', 'Lodge', 'Hostel'))}",
             "we stay at the {v}|hotel: {v}|the nights are at {v}"),
        fact("trip|title|name", words.title(rng), "trip: {v}|we call it {v}|the {v} tour"),
        fact("nights|duration", rng.randint(1, 21), "{v} nights|we stay {v} nights"),
    ]  # fmt: skip
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
