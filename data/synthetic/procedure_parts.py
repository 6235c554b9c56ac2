"""The contents of a made-up procedure: its title, its materials and the sentences of its steps."""

from __future__ import annotations

import random
from dataclasses import dataclass

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.prose import enumerate_items
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick

_TITLES = (
    "{t}|{t}|{t}|{t}|How to {v} a {n}|Making a {n}|{a} {n}|Easy {n}|{N}'s {n}|{n} Repair|"
    "Repairing the {n}|Homemade {n}|{a} {n} Project|Simple {a} {n}|{n} With {m}|"
    "{v} a {n} in {d}|Experiment: {n}|Growing {n}|The Best {n}|{a} {m}"
)
_JOIN = " with |, | and |, then add | and the |, together with | in | onto | over | to | under "


@dataclass
class Plan:
    """The contents of a procedure before it is written down."""

    title: str
    materials: list[str]
    steps: list[str]


def _title(rng: random.Random, words: Words) -> str:
    text = pick(rng, _TITLES).format(
        t=words.title(rng),
        v=rng.choice(lexicon.VERBS),
        n=words.noun(rng),
        a=words.adjective(rng),
        N=rng.choice(lexicon.GIVEN),
        m=words.mass(rng),
        d=words.duration(rng),
    )
    draw = rng.random()
    if draw < 0.7:
        return " ".join(capitalise(part) for part in text.split(" "))
    if draw < 0.8:
        return text.upper()
    return capitalise(text) if draw < 0.93 else text


def _core(material: str) -> str:
    """The thing in a material: without its quantity and remarks."""
    text = material.split(" (")[0] if not material[0].isdigit() else material
    for remark in (" (optional)", " to finish", " for the base", " as needed", " to taste"):
        text = text.replace(remark, "")
    text = text.split(",")[0]
    parts = [
        part for part in text.split(" ") if not any(c.isdigit() or c in "()½¼¾⅓⅔" for c in part)
    ]
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
        return pick(
            rng,
            " in a {p}| into the {p}| on the {p}| over the {p}| to the {p}| from the {p}|"
            " around the {p}| against the {p}| along the {p}",
        ).format(p=place)
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
    if draw < 0.82:
        how = rng.choice((rng.choice(lexicon.MANNERS), "once", "often", "as you go", "constantly"))
        return f", {_gerund(_verb(rng, words))} {how}"
    return ""


def _gerund(verb: str) -> str:
    """The -ing form of `verb`, near enough."""
    return (verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb) + "ing"


def _clause(rng: random.Random, words: Words, things: list[str]) -> str:
    """An imperative clause over `things`, which it names in their order."""
    verb, tail = _verb(rng, words), _tail(rng, words)
    if not things:
        return pick(
            rng,
            "{v}{t}|{v} it{t}|{v} them{t}|{v} the {n}{t}|{v} the {n}{t}|{v} everything{t}|"
            "{v} each {n}{t}|let the {n} rest{t}|leave{t}|"
            "{v} well{t}|{v} both ends{t}|set aside{t}|"
            "{v} the {n} and {w}{t}|let {v}{t}|repeat with the {n}{t}|{v} and {w}{t}|"
            "{v} with the {n}{t}|allow to {v}{t}|{v} all parts{t}|{v} the {n} and the {x}{t}|"
            "{v} the {n} from the {x}{t}|{v} {c} {n}{t}|{v} the {n} mixture{t}|{v} one by one{t}|"
            "{v} the {n} with the {x}{t}|{v} half of the {n}{t}|{v} remaining {n}{t}|{v} in {n}{t}|"
            "{v} again{t}|{v} and {w} the {n}{t}|"
            "{v}, {w} and set aside{t}|{v} the rest{t}|{v} at once",
        ).format(
            v=verb,
            t=tail,
            n=words.noun_phrase(rng),
            w=rng.choice(lexicon.VERBS),
            x=words.noun(rng),
            c=rng.choice(("each", "any", "every", "both")),
        )
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
            v=_verb(rng, words),
            n=words.noun_phrase(rng),
            t=_tail(rng, words),
            a=words.adjective(rng),
            m=words.noun(rng),
            r=rng.choice(lexicon.RESULTS),
            c=words.count(rng),
            p=rng.choice(lexicon.PLACES),
            w=rng.choice(lexicon.VERBS),
            d=words.duration(rng),
        )
    count = rng.choice((1, 1, 2, 2, 2, 3)) if len(things) < 4 else rng.choice((1, 1, 2))
    cuts = sorted(rng.randint(0, len(things)) for _ in range(count - 1))
    groups = [things[a:b] for a, b in zip([0, *cuts], [*cuts, len(things)], strict=True)]
    text = _clause(rng, words, groups[0])
    for group in groups[1:]:
        text += pick(rng, ", then | and |, and |; | and then |, ") + _clause(rng, words, group)
    return text


def draw_plan(rng: random.Random, words: Words, spread: bool) -> Plan:
    """Draw a procedure; with `spread` the steps hold the materials verbatim."""
    count = rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14))
    if rng.random() < 0.2:
        count = rng.randint(2, 5)
    materials = list(dict.fromkeys(words.material(rng) for _ in range(count)))
    number = rng.choice((1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9, 10))
    things = (
        list(materials)
        if spread
        else [f"the {_core(each)}" for each in materials if rng.random() < 0.6]
    )
    bins: list[list[str]] = [[] for _ in range(number)]
    places = sorted(rng.randrange(max(1, number)) for _ in things)
    for thing, place in zip(things, places, strict=True):
        bins[place].append(thing)
    steps = [capitalise(_step(rng, words, group).rstrip(".")) for group in bins]
    return Plan(_title(rng, words), materials, steps)
