"""Procedures: how to build, mend, grow or try something; never anything to eat.

A title, materials with quantities and ordered steps, told in many shapes. The materials are listed
ahead, inside the steps, or both; a gold step is the sentence as written without its leading
connective, its first letter in upper case.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import bullets, enumerate_items, intro, outro, space
from setaccio.data.synthetic.words import Words, capitalise, pick

_TITLES = (
    "{t}|{t}|{t}|{t}|How to {v} a {n}|Making a {n}|{a} {n}|Easy {n}|{N}'s {n}|{n} Repair|"
    "Repairing the {n}|Homemade {n}|{a} {n} Project|Simple {a} {n}|{n} With {m}|"
    "{v} a {n} in {d}|Experiment: {n}|Growing {n}|The Best {n}|{a} {m}"
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
_STEP_HEADS = "Steps|Instructions|Method|Directions|Procedure|How to|What to do|Instructions for use"
_JOIN = " with |, | and |, then add | and the |, together with | in | onto | over | to | under "


@dataclass
class _Plan:
    """The contents of a procedure before it is written down."""

    title: str
    materials: list[str]
    steps: list[str]


def _title(rng: random.Random, words: Words) -> str:
    text = pick(rng, _TITLES).format(
        t=words.title(rng), v=rng.choice(lexicon.VERBS), n=words.noun(rng), a=words.adjective(rng),
        N=rng.choice(lexicon.GIVEN), m=words.mass(rng), d=words.duration(rng),
    )  # fmt: skip
    draw = rng.random()
    if draw < 0.7:
        return " ".join(capitalise(part) for part in text.split(" "))
    if draw < 0.8:
        return text.upper()
    return capitalise(text) if draw < 0.93 else text


def _core(material: str) -> str:
    """The thing in a material: without its quantity and remarks."""
    text = material.split(" (optional")[0].split(",")[0]
    parts = [part for part in text.split(" ") if not any(c.isdigit() or c in "()½¼¾⅓⅔" for c in part)]
    drop = {*lexicon.UNITS, *lexicon.CONTAINERS, "of", "a", "to", "or", "few", "some", "several"}
    while len(parts) > 1 and parts[0] in drop:
        parts = parts[1:]
    return " ".join(parts[-2:])


def _verb(rng: random.Random, words: Words) -> str:
    return rng.choice(lexicon.VERBS) if rng.random() < 0.9 else words.plain(rng)


def _tail(rng: random.Random, words: Words) -> str:
    """What follows the object: a place, a time, a manner, an end, or nothing."""
    draw = rng.random()
    place = rng.choice(lexicon.PLACES) if rng.random() < 0.8 else words.noun_phrase(rng)
    if draw < 0.22:
        return pick(rng, " in a {p}| into the {p}| on the {p}| over the {p}| to the {p}| from the {p}|"
                    " around the {p}| against the {p}| along the {p}").format(p=place)  # fmt: skip
    if draw < 0.38:
        return pick(rng, " for {d}| for about {d}| for {d} or until {r}| at least {d}").format(
            d=words.duration(rng), r=rng.choice(lexicon.RESULTS)
        )
    if draw < 0.52:
        return " " + rng.choice(lexicon.MANNERS)
    if draw < 0.66:
        return " until " + rng.choice(lexicon.RESULTS)
    if draw < 0.74:
        return f" at {words.temperature(rng)}" + (
            f" for {words.duration(rng)}" if rng.random() < 0.7 else ""
        )
    return ""


def _clause(rng: random.Random, words: Words, things: list[str]) -> str:
    """An imperative clause over `things`, which it names in their order."""
    verb, tail = _verb(rng, words), _tail(rng, words)
    if not things:
        return pick(
            rng,
            "{v}{t}|{v} it{t}|{v} them{t}|{v} the {n}{t}|{v} the {n}{t}|{v} everything{t}|"
            "{v} each {n}{t}|let the {n} rest{t}|leave{t}|{v} well{t}|{v} both ends{t}|set aside{t}|"
            "{v} the {n} and {w}{t}|let {v}{t}|repeat with the {n}{t}|{v} and {w}{t}|"
            "{v} with the {n}{t}|allow to {v}{t}|{v} all parts{t}",
        ).format(v=verb, t=tail, n=words.noun_phrase(rng), w=rng.choice(lexicon.VERBS))
    if len(things) > 1 and rng.random() < 0.5:
        said = enumerate_items(rng, things).replace("; ", ", ")
    else:
        said = things[0] + "".join(pick(rng, _JOIN) + thing for thing in things[1:])
    return f"{verb} {said}{tail}"


def _step(rng: random.Random, words: Words, things: list[str]) -> str:
    """A step without its final mark: one to three clauses, or another shape of sentence."""
    draw = rng.random()
    if not things and draw < 0.2:
        return pick(
            rng,
            "do not {v} the {n}{t}|make sure the {n} is {a}|if the {n} is {a}, {v} it{t}|"
            "the {n} should be {a} by now|use the {n} to {v} the {m}|be careful with the {n}|"
            "check that {r}|when {r}, {v} the {n}|this makes {c} {n}|work from the {p} outwards|"
            "before you {v}, {w} the {n}|keep the {n} {a} while you {v}|wait {d}|"
            "cover and let stand {d}|ready after {d}|makes {c}|with a {n}, {v} the {m}|"
            "while the {n} is still {a}, {v} the {m}|{v} or {w} as you like|repeat {c} times",
        ).format(
            v=_verb(rng, words), n=words.noun_phrase(rng), t=_tail(rng, words), a=words.adjective(rng),
            m=words.noun(rng), r=rng.choice(lexicon.RESULTS), c=words.count(rng),
            p=rng.choice(lexicon.PLACES), w=rng.choice(lexicon.VERBS), d=words.duration(rng),
        )  # fmt: skip
    count = rng.choice((1, 1, 1, 2, 2, 3)) if len(things) < 4 else rng.choice((1, 1, 2))
    cuts = sorted(rng.randint(0, len(things)) for _ in range(count - 1))
    groups = [things[a:b] for a, b in zip([0, *cuts], [*cuts, len(things)], strict=True)]
    text = _clause(rng, words, groups[0])
    for group in groups[1:]:
        text += pick(rng, ", then | and |, and |; | and then |, ") + _clause(rng, words, group)
    return text


def _plan(rng: random.Random, words: Words, spread: bool) -> _Plan:
    """Draw a procedure; with `spread` the steps hold the materials verbatim."""
    count = rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14))
    if rng.random() < 0.3:
        count = rng.randint(2, 5)
    materials = list(dict.fromkeys(words.material(rng) for _ in range(count)))
    number = rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 10))
    things = list(materials) if spread else [
        f"the {_core(each)}" for each in materials if rng.random() < 0.6
    ]  # fmt: skip
    bins: list[list[str]] = [[] for _ in range(number)]
    places = sorted(rng.randrange(max(1, number)) for _ in things)
    for thing, place in zip(things, places, strict=True):
        bins[place].append(thing)
    steps = [capitalise(_step(rng, words, group)) for group in bins]
    return _Plan(_title(rng, words), materials, steps)


def _prose_steps(rng: random.Random, plan: _Plan) -> tuple[str, list[str]]:
    """The steps as running prose, and what the gold says of them."""
    draw = rng.random()
    if draw < 0.1 and len(plan.steps) < 6:
        steps = [plan.steps[0], *(each[0].lower() + each[1:] for each in plan.steps[1:])]
        text = pick(rng, "; |, then |; then | -> ").join(steps)
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


def _listed_steps(rng: random.Random, plan: _Plan) -> tuple[str, list[str]]:
    """The steps one to a line, numbered or not, and what the gold says of them."""
    mark = "" if rng.random() < 0.4 else "."
    gold = [step + mark for step in plan.steps]
    style = rng.choice(("{i}. ", "{i}) ", "{i} ", "Step {i}: ", "- ", "* ", "• ", "", "({i}) "))
    lines = [style.format(i=i) + step for i, step in enumerate(gold, 1)]
    return rng.choice(("\n", "\n", "\n", " ")).join(lines) if "{i}" in style else "\n".join(
        lines
    ), gold  # fmt: skip


def _opened(rng: random.Random, words: Words, plan: _Plan, body: str) -> str:
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
    return body + pick(rng, " This is {t}.| That makes {t}.|\nThat was {t}.| And there you have {t}.|"
                       " The result: {t}.|\n-- {t}| Enjoy your {t}!").format(t=title)  # fmt: skip


def procedures(rng: random.Random, words: Words) -> Example:
    """A procedure as prose, as lists, or as a mix."""
    shape = rng.choice(("ahead", "ahead", "spread", "spread", "spread", "lists", "mixed"))
    plan = _plan(rng, words, spread=shape == "spread")
    if rng.random() < 0.04:
        plan.steps = [step.lower() for step in plan.steps]
        plan.steps = [capitalise(step) for step in plan.steps] if shape == "spread" else plan.steps
        plan.materials = plan.materials if shape != "spread" else [m.lower() for m in plan.materials]
    as_list = shape == "lists" or (shape == "mixed" and rng.random() < 0.5)
    steps_text, steps = (_listed_steps if as_list else _prose_steps)(rng, plan)
    if as_list and rng.random() < 0.6:
        steps_text = f"{pick(rng, _STEP_HEADS)}{rng.choice((':', '', ' -'))}\n{steps_text}"
    if shape == "spread":
        body = steps_text
    elif shape == "ahead" or (shape == "mixed" and as_list):
        listed = pick(rng, _NEEDS).format(l=enumerate_items(rng, plan.materials))
        body = capitalise(listed) if listed[0].islower() and rng.random() < 0.0 else listed
        body += rng.choice((" ", " ", "\n", "\n\n")) + steps_text
    else:
        head = f"{pick(rng, _HEADS)}{rng.choice((':', ':', ''))}\n" if rng.random() < 0.7 else ""
        body = head + bullets(rng, plan.materials) + rng.choice(("\n", "\n\n")) + steps_text
    if rng.random() < 0.22:
        body = intro(rng, words) + rng.choice((" ", "\n")) + body
    if rng.random() < 0.18 and body[-1] in ".!":
        body += rng.choice((" ", "\n")) + outro(rng, words)
    text = space(rng, _opened(rng, words, plan, body))
    slots = [
        Slot("title|name|project|what|heading|subject", plan.title, about="What is made or done",
             core=rng.random() < 0.85),
        Slot("materials|supplies|items|parts|components|needs|ingredients|things needed|list",
             plan.materials, about="What is needed, with amounts as written", core=True),
        Slot("steps|directions|instructions|procedure|method|actions|how to", steps,
             about="The steps in order, word for word", core=True),
    ]  # fmt: skip
    kind = "procedure|instructions|how-to|guide|project|tutorial|article|directions|experiment"
    return assemble(rng, "procedures", kind, text, slots, keep=0.5)
