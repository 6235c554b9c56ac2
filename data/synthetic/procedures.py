"""Procedures: how to build, mend, grow or try something; never anything to eat.

A title, materials with quantities and ordered steps, told in many shapes. The materials are listed
ahead, inside the steps, or both; a gold step is the sentence as written without its leading
connective, its first letter in upper case.
"""

from __future__ import annotations

import random
import re

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.procedure_parts import Plan, draw_plan
from setaccio.data.synthetic.prose import (
    Fact,
    bullets,
    enumerate_items,
    fact,
    follow,
    intro,
    narrate,
    outro,
    space,
)
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick

_MEASURES = "|".join(re.escape(unit) for unit in (*lexicon.UNITS, *lexicon.CONTAINERS))
_AMOUNT = re.compile(
    rf"([0-9½¼¾⅓⅔][0-9½¼¾⅓⅔/. –-]*(?<! )(?: (?:or|to) [0-9]+)?(?: (?:{_MEASURES})(?= ))?)"
    r" (?:of )?(\D.*)"
)
_CONNECTIVES = (
    "First,|First|Then|Then,|After that,|Next,|Next|Now|Finally,|Once done,|Afterwards,|Lastly,|"
    "To begin,|When ready,|Second,|Third,|And then|Meanwhile,|Later,|At last,|To finish,|Start:|"
    "Following that,|Once that is done,"
)
_NEEDS = (
    "You will need {l}.|You'll need {l}.|Gather {l}.|Materials: {l}.|Supplies: {l}|Use {l}.|"
    "For this you need {l}.|Get {l}.|It takes {l}.|What you need: {l}.|Have {l} ready.|"
    "Start with {l}.|{l} are needed.|Parts: {l}.|Made with {l}.|Collect {l} before you start.|"
    "The list is short: {l}.|Prepare {l}.|We used {l}.|This requires {l}.|Items: {l}"
)
_HEADS = "Materials|Supplies|You will need|What you need|Parts|Items|Tools and materials|Needed"
_STEP_HEADS = (
    "Steps|Instructions|Method|Directions|Procedure|How to|What to do|Instructions for use"
)


def _prose_steps(rng: random.Random, plan: Plan) -> tuple[str, list[str]]:
    """The steps as running prose, and what the gold says of them."""
    draw = rng.random()
    if draw < 0.1 and len(plan.steps) < 6:
        steps = [plan.steps[0], *(each[0].lower() + each[1:] for each in plan.steps[1:])]
        clear = [sep for sep in ("; ", ", then ", "; then ", " -> ") if sep not in " ".join(steps)]
        text = rng.choice(clear).join(steps)
        return text + ".", [capitalise(each) for each in steps[:-1]] + [capitalise(steps[-1]) + "."]
    rate = rng.choice((0.0, 0.3, 0.6, 0.9))
    pieces, gold = [], []
    last = rng.random() < 0.06
    for index, step in enumerate(plan.steps):
        mark = "" if last and index == len(plan.steps) - 1 else rng.choice((".",) * 19 + ("!",))
        gold.append(step + mark)
        if rng.random() < rate and not step.startswith("If "):
            lead = pick(rng, _CONNECTIVES)
            body = step[0].lower() + step[1:] if rng.random() < 0.93 else step
            pieces.append(f"{lead} {body}{mark}")
        else:
            pieces.append(step + mark)
    return rng.choice((" ", " ", " ", "\n", "  ")).join(pieces), gold


def _listed_steps(rng: random.Random, plan: Plan) -> tuple[str, list[str]]:
    """The steps one to a line, numbered or not, and what the gold says of them."""
    mark = "" if rng.random() < 0.35 else "."
    gold: list[str] = []
    merge = rng.choice((0.0, 0.0, 0.3, 0.6)) if mark else 0.0
    for step in plan.steps:
        if gold and rng.random() < merge:
            gold[-1] += f" {step}{mark}"
        else:
            gold.append(step + mark)
    style = rng.choice(("{i}. ", "{i}) ", "{i} ", "Step {i}: ", "- ", "* ", "• ", "", "({i}) "))
    lines = [style.format(i=i) + step for i, step in enumerate(gold, 1)]
    return rng.choice(("\n", "\n", "\n", " ")).join(lines) if "{i}" in style[:2] else "\n".join(
        lines
    ), gold


def _opened(rng: random.Random, words: Words, plan: Plan, body: str) -> str:
    """Put the title somewhere around `body`."""
    title = plan.title
    draw = rng.random()
    if draw < 0.4:
        return title + rng.choice(("\n", "\n\n", "\n", ".\n", ":\n")) + body
    if draw < 0.58:
        return title + rng.choice((" ", ": ", ". ", " - ", " — ")) + body
    if draw < 0.85:
        lead = pick(
            rng,
            "To make {t}, follow along.|Here is how I did the {t}.|This is for {t}.|"
            "Today we do {t}.|{t} is easy to do.|For {t}:|My notes on {t}.|Title: {t}.|"
            "{t} takes about {d}.|I call this one {t}.|If you want {t}, here is the way.|"
            'We call it "{t}".|# {t}\n|## {t}\n|Subject: {t}\n|Project: {t}\n|**{t}**\n',
        ).format(t=title, d=words.duration(rng))
        return lead + ("" if lead.endswith("\n") else rng.choice((" ", "\n"))) + body
    return body + pick(
        rng,
        " This is {t}.| That makes {t}.|\nThat was {t}.| And there you have {t}.|"
        " The result: {t}.|\n-- {t}| Enjoy your {t}!",
    ).format(t=title)


def _material_slot(rng: random.Random, plan: Plan) -> Slot:
    """The materials as strings; where each begins with an amount, at times as objects."""
    names = "materials|supplies|items|parts|components|needs|ingredients|things needed|list"
    about = "What is needed, with amounts as written"
    if rng.random() < 0.15:
        rows = []
        for material in plan.materials:
            found = _AMOUNT.match(material)
            amount, rest = found.groups() if found else (None, material)
            rows.append(
                [
                    Slot("amount|quantity|count|how much", amount),
                    Slot("name|item|what|material", rest),
                ]
            )
        return Slot(names, rows, about=about, core=True)
    return Slot(names, plan.materials, about=about, core=True)


def _extras(rng: random.Random, words: Words) -> list[Fact]:
    """Facts beside the procedure itself."""
    levels = ("easy", "medium", "hard")
    level = rng.choice(levels)
    facts = [
        fact(
            "time|duration|total time|takes",
            words.duration(rng),
            "it takes {v}|total time: {v}|plan {v} for this|time needed: {v}|ready in {v}",
        ),
        fact(
            "difficulty|level|skill",
            level,
            "this is {v}|difficulty: {v}|level {v}|rated {v}",
            options=levels,
        ),
        fact(
            "author|by|contributor|source",
            words.person(rng),
            "written by {v}|by {v}|source: {v}|{v} sent this in|thanks to {v}",
        ),
        fact(
            "yield|makes|result|amount",
            f"{words.count(rng)} {words.noun_phrase(rng)}",
            "makes {v}|yield: {v}|you get {v}|enough for {v}",
        ),
        fact("cost|budget|price", words.money(rng), "it costs about {v}|budget: {v}|cost {v}"),
        fact(
            "warning|caution|safety note",
            words.sentence(rng).rstrip(".!"),
            "warning: {v}|caution: {v}|mind this: {v}",
        ),
        fact("category|kind|tag", words.word(rng), "category: {v}|filed under {v}|tag: {v}"),
    ]
    return rng.sample(facts, rng.randint(1, 4))


def procedures(rng: random.Random, words: Words) -> Example:
    """A procedure as prose, as lists, or as a mix."""
    shape = rng.choice(("ahead", "ahead", "spread", "spread", "spread", "lists", "mixed"))
    plan = draw_plan(rng, words, spread=shape == "spread")
    if rng.random() < 0.04:
        plan.steps = [step.lower() for step in plan.steps]
        plan.steps = [capitalise(step) for step in plan.steps] if shape == "spread" else plan.steps
        plan.materials = (
            plan.materials if shape != "spread" else [m.lower() for m in plan.materials]
        )
    as_list = shape == "lists" or (shape == "mixed" and rng.random() < 0.5)
    steps_text, steps = (_listed_steps if as_list else _prose_steps)(rng, plan)
    if as_list and rng.random() < 0.6:
        steps_text = f"{pick(rng, _STEP_HEADS)}{rng.choice((':', '', ' -'))}\n{steps_text}"
    if shape == "spread":
        body = steps_text
    elif shape == "ahead" or (shape == "mixed" and as_list):
        listed = pick(rng, _NEEDS).format(l=enumerate_items(rng, plan.materials))
        body = (
            listed
            + rng.choice(("\n", "\n\n") if as_list else (" ", " ", "\n", "\n\n"))
            + steps_text
        )
    else:
        head = f"{pick(rng, _HEADS)}{rng.choice((':', ':', ''))}\n" if rng.random() < 0.7 else ""
        body = head + bullets(rng, plan.materials) + rng.choice(("\n", "\n\n")) + steps_text
    if rng.random() < 0.22:
        body = intro(rng, words) + rng.choice((" ", "\n")) + body
    if rng.random() < 0.18 and body[-1] in ".!":
        body += rng.choice((" ", "\n")) + outro(rng, words)
    extras = _extras(rng, words) if rng.random() < 0.25 else []
    if extras:
        aside = narrate(rng, words, extras, rng.choice(("prose", "lines", "inline", "prose")))
        body = follow(rng, aside, body) if rng.random() < 0.6 else follow(rng, body, aside)
    text = space(rng, _opened(rng, words, plan, body))
    slots = [
        Slot(
            "title|name|project|what|heading|subject",
            plan.title,
            about="What is made or done",
            core=rng.random() < 0.85,
        ),
        _material_slot(rng, plan),
        Slot(
            "steps|directions|instructions|procedure|method|actions|how to",
            steps,
            about="The steps in order, word for word",
            core=True,
        ),
        *(each.slot for each in extras),
    ]
    kind = "procedure|instructions|how-to|guide|project|tutorial|article|directions|experiment"
    return assemble(rng, "procedures", kind, text, slots, keep=0.6)
