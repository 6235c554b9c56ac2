"""Write facts as text: sentences, labelled lines, lists, letters, chatter and noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from setaccio.data.synthetic.build import Slot
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick


@dataclass(frozen=True)
class Fact:
    """A slot together with ways to say it.

    Attributes:
        slot: what can be asked.
        said: sentence shapes apart by `|`, `{v}` where the value goes.
        shown: the value as the text writes it.
    """

    slot: Slot
    said: str
    shown: str


def fact(names: str, value: Any, said: str, shown: str | None = None, **slot: Any) -> Fact:
    """A `Fact`; `shown` is the text's form of the value where `str(value)` is not."""
    text = shown if shown is not None else str(value)
    return Fact(Slot(names, value, **slot), said, text)


def absent(names: str, kind: str = "string") -> Slot:
    """A slot the text says nothing about."""
    return Slot(names, None, kind=kind)


def enumerate_items(rng: random.Random, items: Sequence[str]) -> str:
    """Items in one running phrase, with commas, semicolons, "and" or line breaks."""
    if len(items) == 1:
        return items[0]
    if any(", " in item for item in items) and rng.random() < 0.7:
        return "; ".join(items)
    style = rng.randrange(8)
    if style <= 2:
        return ", ".join(items[:-1]) + " and " + items[-1]
    if style <= 4:
        return ", ".join(items[:-1]) + ", and " + items[-1]
    if style == 5:
        return "; ".join(items)
    if style == 6:
        return ", ".join(items[:-1]) + " plus " + items[-1]
    return ", ".join(items)


def bullets(rng: random.Random, items: Sequence[str]) -> str:
    """Items one to a line behind a bullet, a number or nothing."""
    mark = rng.choice(("- ", "* ", "• ", "", "#. ", "#) ", "– ", "[ ] "))
    return "\n".join(mark.replace("#", str(i)) + item for i, item in enumerate(items, 1))


_INTROS = (
    "This is an old favourite of mine.|I wrote this down years ago.|Hope this helps someone!|"
    "Please read everything before you begin.|Sorry for the delay.|Here is what I have.|"
    "A quick note before I forget.|Thanks for asking.|My {n} taught me this.|As promised.|"
    "Posted by {p}.|Nothing fancy, really.|It has been a long day.|Good news at last.|"
    "I get asked about this a lot.|You will not regret it.|For the record:|Hi all,|FYI:"
)
_OUTROS = (
    "Enjoy!|Good luck.|That is all.|Let me know how it goes.|Works every time.|Thanks!|"
    "Questions are welcome.|See you soon.|It keeps for years.|Have fun!|Best, {p}|"
    "More next week.|My {n} loved it.|Take your time.|You're done!|Regards, {p}|Over and out."
)


def intro(rng: random.Random, words: Words) -> str:
    """An opening remark that belongs to no field."""
    return chatter(rng, words, _INTROS)


def outro(rng: random.Random, words: Words) -> str:
    """A closing remark that belongs to no field."""
    return chatter(rng, words, _OUTROS)


def chatter(rng: random.Random, words: Words, pool: str) -> str:
    """A remark from `pool`, or a sentence of random words."""
    if rng.random() < 0.35:
        return words.sentence(rng)
    return pick(rng, pool).format(n=words.noun(rng), p=words.person(rng))


def label(rng: random.Random, item: Fact) -> str:
    """The label of a fact on a form: one of its names, in some capitalisation."""
    name = pick(rng, item.slot.names)
    return rng.choice((capitalise(name), name.title(), name, name.upper()))


def narrate(
    rng: random.Random, words: Words, facts: Sequence[Fact], form: str | None = None
) -> str:
    """Write the facts, in their order or shuffled, as prose, as a form, or as a mix of both."""
    facts = list(facts)
    if rng.random() < 0.5:
        rng.shuffle(facts)
    form = form or rng.choice(
        (
            "prose",
            "prose",
            "prose",
            "chatty",
            "chatty",
            "run-on",
            "lines",
            "lines",
            "mixed",
            "inline",
        )
    )
    if form == "lines":
        glue = rng.choice((": ", ":", " - ", " = ", "\t", ":\t", " | ", " .... "))
        mark = rng.choice(("", "", "", "- ", "* ", "> "))
        return "\n".join(f"{mark}{label(rng, each)}{glue}{each.shown}" for each in facts)
    if form == "inline":
        glue, sep = rng.choice((": ", " ", "=")), rng.choice(("; ", ", ", " | ", " / ", ". "))
        return sep.join(f"{label(rng, each)}{glue}{each.shown}" for each in facts)
    said = [_say(rng, each) for each in facts]
    if form == "run-on":
        joined = said[0] + "".join(
            rng.choice((", ", ", and ", "; ", " and ", ", also ")) + lower_first(each)
            for each in said[1:]
        )
        return joined + "."
    if form == "mixed":
        cut = rng.randint(0, len(facts))
        head = " ".join(each + "." for each in said[:cut])
        tail = narrate(rng, words, facts[cut:], "lines") if facts[cut:] else ""
        return "\n\n".join(part for part in (head, tail) if part)
    sentences = [each if each[-1] in ".!?" and rng.random() < 0.8 else each + "." for each in said]
    if form == "chatty":
        for _ in range(rng.randint(1, 6)):
            sentences.insert(rng.randint(0, len(sentences)), words.sentence(rng))
    return rng.choice((" ", " ", " ", "\n")).join(sentences)


def _say(rng: random.Random, item: Fact) -> str:
    """A sentence with the fact; its first letter stays as it is where the value comes first."""
    shape = pick(rng, item.said)
    return (shape if shape.startswith("{v}") else capitalise(shape)).format(v=item.shown)


def lower_first(text: str) -> str:
    """`text` with its first letter in lower case, unless the word looks like a name or a code."""
    first = text.split(" ", 1)[0]
    known = (
        "The",
        "It",
        "We",
        "They",
        "Please",
        "There",
        "Its",
        "In",
        "At",
        "On",
        "By",
        "Our",
        "A",
    )
    return text[:1].lower() + text[1:] if first in known else text


def frame(rng: random.Random, words: Words, body: str) -> str:
    """Put remarks, a passage beside the point or white space around `body`."""
    if rng.random() < 0.4:
        passage = " ".join(words.sentence(rng) for _ in range(rng.randint(1, 8)))
        body = follow(rng, body, passage) if rng.random() < 0.5 else follow(rng, passage, body)
    if rng.random() < 0.25:
        body = follow(rng, intro(rng, words), body)
    if rng.random() < 0.25:
        body = follow(rng, body, outro(rng, words))
    return space(rng, body)


def follow(rng: random.Random, first: str, second: str) -> str:
    """Put `second` behind `first`: on a new line where nothing else would part the two."""
    same_line = first[-1:] in ".!?:" and "\n" not in first and "\t" not in second
    return first + rng.choice((" ", "\n", "\n\n") if same_line else ("\n", "\n\n")) + second


def space(rng: random.Random, text: str) -> str:
    """Now and then: stray white space at the ends or blank lines between the lines."""
    draw = rng.random()
    if draw < 0.04:
        return rng.choice(("\n", " ", "  ")) + text
    if draw < 0.08:
        return text + rng.choice(("\n", " ", "\n\n"))
    if draw < 0.11:
        return text.replace("\n", "\n\n")
    return text
