"""Families about people: contacts and job ads."""

from __future__ import annotations

import random
from typing import Any

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    absent,
    enumerate_items,
    fact,
    frame,
    narrate,
)
from setaccio.data.synthetic.vocabulary import Words


def contacts(rng: random.Random, words: Words) -> Example:
    """A signature, a card, a message that introduces someone; or a list of such people."""
    if rng.random() < 0.25:
        return _directory(rng, words)
    street, city = words.street(rng), words.city(rng)
    zip_code = words.fill(rng, rng.choice(("#####", "##-###", "@@# #@@", "####")))
    facts = [
        fact(
            "name|full name|person|contact|who",
            words.person(rng),
            "my name is {v}|this is {v}|meet {v}|I am {v}|"
            "please contact {v}|you can ask for {v}|{v}",
        ),
        fact(
            "email|e-mail|mail|email address",
            words.email(rng),
            "write to {v}|my e-mail is {v}|mail: {v}|reach me at {v}|send it to {v}",
        ),
        fact(
            "phone|telephone|mobile|phone number|tel",
            words.phone(rng),
            "call {v}|my number is {v}|phone {v}|ring me on {v}|tel. {v}",
        ),
        fact(
            "company|employer|organisation|firm|works at",
            words.company(rng),
            "I work at {v}|from {v}|{v} employs me|my employer is {v}|with {v} since last year",
        ),
        fact(
            "job title|role|position|profession",
            rng.choice(lexicon.JOBS),
            "I am a {v}|my role is {v}|working as {v}|position: {v}",
        ),
        fact(
            "website|url|site|web", words.url(rng), "see {v}|my site is {v}|visit {v}|more at {v}"
        ),
        fact(
            "birthday|date of birth|born",
            words.date(rng),
            "born {v}|my birthday is {v}|date of birth {v}",
        ),
        fact("age", rng.randint(16, 97), "I am {v} years old|aged {v}|{v} years of age"),
        fact(
            "languages|speaks|spoken languages",
            (
                langs := rng.sample(
                    [
                        "English",
                        "Polish",
                        "Italian",
                        "French",
                        "German",
                        "Spanish",
                        "Arabic",
                        "Hindi",
                        "Greek",
                    ],
                    rng.randint(1, 4),
                )
            ),
            "I speak {v}|languages: {v}|fluent in {v}",
            enumerate_items(rng, langs),
        ),
        fact(
            "hobbies|interests|likes",
            (fun := [words.noun_phrase(rng) for _ in range(rng.randint(1, 4))]),
            "I like {v}|interests: {v}|I collect {v}|fond of {v}",
            enumerate_items(rng, fun),
        ),
    ]
    address: Any = f"{street}, {zip_code} {city}"
    said = "I live at {v}|the address is {v}|based at {v}|our office: {v}|post goes to {v}"
    if rng.random() < 0.5:
        nested = [
            Slot("street|line", street),
            Slot("zip|postcode|postal code", zip_code),
            Slot("city|town", city),
        ]
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
    makers = [
        ("phone|telephone|number", words.phone),
        ("email|mail", words.email),
        ("role|job", lambda r: r.choice(lexicon.JOBS)),
        ("city|town|from", words.city),
        ("company|firm", words.company),
        ("age", lambda r: r.randint(18, 90)),
    ]
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
    wants = [
        rng.choice(
            (
                words.noun_phrase(rng),
                f"{rng.randint(1, 9)} years of {words.word(rng)}",
                words.phrase(rng, 2, 4),
            )
        )
        for _ in range(rng.randint(1, 5))
    ]
    perks = [words.noun_phrase(rng) for _ in range(rng.randint(1, 4))]
    kinds = ("full-time", "part-time", "temporary", "freelance", "internship")
    kind = rng.choice(kinds)
    remote = rng.random() < 0.5
    facts = [
        fact(
            "title|job title|position|role|job",
            rng.choice((rng.choice(lexicon.JOBS), words.noun_phrase(rng))),
            "we are looking for a {v}|wanted: {v}|hiring a {v}|"
            "{v} needed|join us as {v}|vacancy: {v}",
        ),
        fact(
            "company|employer|organisation",
            words.company(rng),
            "{v} is hiring|at {v}|the employer is {v}|join {v}",
        ),
        fact(
            "location|city|place",
            words.city(rng),
            "based in {v}|the job is in {v}|our {v} office needs you",
        ),
        fact(
            "salary|pay|wage|compensation",
            words.money(rng),
            "we pay {v} a year|salary {v}|the wage is {v}|earn {v}",
        ),
        fact(
            "contract|employment type|type|hours",
            kind,
            "the post is {v}|{v} contract|this is a {v} job",
            options=kinds if rng.random() < 0.6 else (),
        ),
        fact(
            "requirements|skills|must have|qualifications",
            wants,
            "you have {v}|requirements: {v}|we ask for {v}",
            enumerate_items(rng, wants),
        ),
        fact(
            "benefits|perks|we offer",
            perks,
            "we offer {v}|benefits: {v}|you get {v}",
            enumerate_items(rng, perks),
        ),
        fact(
            "deadline|apply by|closing date",
            words.date(rng),
            "apply by {v}|the deadline is {v}|closes {v}",
        ),
        fact(
            "contact|apply to|email",
            words.email(rng),
            "send your CV to {v}|apply at {v}|write to {v}",
        ),
        fact(
            "remote|home office",
            remote,
            "you can work from home|fully remote" if remote else "on site only|no remote work",
            "yes" if remote else "no",
        ),
        fact(
            "openings|vacancies|positions", rng.randint(1, 30), "{v} openings|we have {v} vacancies"
        ),
    ]
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(3, 10))
    text = frame(rng, words, narrate(rng, words, chosen))
    return assemble(
        rng, "job_ads", "job ad|vacancy|job posting", text, [c.slot for c in chosen], words
    )
