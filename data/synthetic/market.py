"""Families about wares: listings, reviews and inventories."""

from __future__ import annotations

import random

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.commerce import draw_flag, draw_goods
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    Fact,
    absent,
    bullets,
    enumerate_items,
    fact,
    frame,
    narrate,
)
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick


def _home_facts(rng: random.Random, words: Words) -> list[Fact]:
    rooms, area, floor = rng.randint(1, 9), rng.randint(18, 400), rng.randint(0, 20)
    kind = rng.choice(("flat", "house", "cottage", "studio", "loft", "villa", "barn", "office"))
    extras = list(dict.fromkeys(words.noun_phrase(rng) for _ in range(rng.randint(1, 5))))
    return [
        fact(
            "property type|type|kind",
            kind,
            "this is a {v}|{v} for sale|for rent: a {v}|charming {v}",
        ),
        fact(
            "rooms|bedrooms|room count", rooms, "it has {v} rooms|{v} bedrooms|there are {v} rooms"
        ),
        fact(
            "area|size|square metres|surface",
            area,
            "{v} m² in all|the surface is {v} sqm|{v} square metres",
        ),
        fact("floor|storey|level", floor, "on floor {v}|it is on level {v}|floor {v}"),
        fact(
            "city|town|location",
            words.city(rng),
            "located in {v}|in the heart of {v}|a short walk from {v}",
        ),
        fact("street|address", words.street(rng), "at {v}|the address is {v}|you find it at {v}"),
        fact(
            "price|rent|asking price",
            words.money(rng),
            "the price is {v}|asking {v}|yours for {v}|{v} a month",
        ),
        fact(
            "available from|available|from",
            words.date(rng),
            "available from {v}|free from {v}|move in on {v}",
        ),
        fact(
            "pets|pets allowed",
            *draw_flag(rng, "pets are welcome|bring your dog", "no pets|sorry, no animals"),
        ),
        fact(
            "furnished",
            *draw_flag(rng, "it comes furnished|fully furnished", "unfurnished|it is let empty"),
        ),
        fact(
            "features|extras|amenities|includes",
            extras,
            "it comes with {v}|features: {v}|there is also {v}|"
            "included: {v}|the highlights are {v}",
            enumerate_items(rng, extras),
        ),
        fact(
            "agent|contact|landlord|owner",
            words.person(rng),
            "ask for {v}|contact {v}|call {v} for a visit",
        ),
    ]


def _goods_facts(rng: random.Random, words: Words) -> list[Fact]:
    extras = draw_goods(rng, words)
    states = ("new", "used", "good", "fair", "like new")
    return [
        fact(
            "item|title|product|what",
            words.noun_phrase(rng),
            "selling a {v}|for sale: {v}|I have a {v} to sell",
        ),
        fact("brand|make|maker", words.company(rng), "made by {v}|the brand is {v}|it is a {v}"),
        fact("model", words.code(rng), "model {v}|the model is {v}"),
        fact(
            "price|asking price|cost",
            words.money(rng),
            "I want {v} for it|{v} or best offer|price: {v}|asking {v}",
        ),
        fact(
            "condition|state",
            rng.choice(states),
            "condition: {v}|in {v} condition|I would call it {v}",
            options=states if rng.random() < 0.6 else (),
        ),
        fact("colour|color", rng.choice(lexicon.COLOURS), "it is {v}|colour {v}|in {v}"),
        fact(
            "year|year made|built", rng.randint(1920, 2031), "from {v}|built in {v}|bought in {v}"
        ),
        fact("weight", words.quantity(rng), "it weighs {v}|weight {v}"),
        fact("location|city|where", words.city(rng), "pick up in {v}|located in {v}|I live in {v}"),
        fact("seller|contact|name", words.person(rng), "ask for {v}|sold by {v}|write to {v}"),
        fact("phone|telephone", words.phone(rng), "call {v}|text me at {v}"),
        fact(
            "defects|faults|problems",
            words.phrase(rng, 2, 5),
            "the only fault: {v}|mind the {v}|it has {v}",
        ),
        fact(
            "accessories|included|extras|comes with",
            extras,
            "comes with {v}|I add {v}|included: {v}",
            enumerate_items(rng, extras),
        ),
        fact(
            "negotiable",
            *draw_flag(
                rng, "the price is negotiable|make me an offer", "the price is firm|no haggling"
            ),
        ),
    ]


def listings(rng: random.Random, words: Words) -> Example:
    """A home to let or a thing for sale."""
    pool = _home_facts(rng, words) if rng.random() < 0.5 else _goods_facts(rng, words)
    chosen = rng.sample(pool, rng.randint(3, min(11, len(pool))))
    text = frame(rng, words, narrate(rng, words, chosen))
    slots = [each.slot for each in chosen]
    if rng.random() < 0.25:
        slots.append(absent("phone|website|e-mail|viewing time|warranty"))
    return assemble(rng, "listings", "listing|ad|offer|classified ad", text, slots, words)


def reviews(rng: random.Random, words: Words) -> Example:
    """A product review with praise, complaints and a score."""
    product, stars = capitalise(words.noun_phrase(rng)), rng.randint(1, 5)
    pros = [words.noun_phrase(rng) for _ in range(rng.randint(1, 3))]
    cons = [words.noun_phrase(rng) for _ in range(rng.randint(1, 3))]
    mood = "positive" if stars > 3 else "negative" if stars < 3 else "neutral"
    moods = ("positive", "negative", "neutral")
    verdict = {
        "positive": "I am very happy|love it|great buy|would buy again",
        "negative": "very disappointed|terrible|I want my money back|avoid it",
        "neutral": "it is okay|not bad, not great|does the job|average",
    }[mood]
    facts = [
        fact(
            "product|item|name|product name",
            product,
            "I bought the {v}|review of {v}|the {v} came last week|{v}",
        ),
        fact("rating|stars|score", stars, "{v}/5|{v} out of 5|I give it {v} stars|{v} stars"),
        fact(
            "pros|likes|positives|good points",
            pros,
            "I like the {v}|good: {v}|pros: {v}|the best of it is the {v}",
            enumerate_items(rng, pros),
        ),
        fact(
            "cons|dislikes|negatives|complaints",
            cons,
            "I dislike the {v}|bad: {v}|cons: {v}|sadly the {v}",
            enumerate_items(rng, cons),
        ),
        fact("sentiment|mood|tone", mood, verdict, pick(rng, verdict), options=moods),
        fact("reviewer|author|user|written by", words.person(rng), "- {v}|written by {v}|{v} here"),
        fact("date|review date|posted", words.date(rng), "posted on {v}|written {v}|bought {v}"),
        fact("price|paid", words.money(rng), "I paid {v}|it cost {v}|{v} well spent"),
        fact(
            "recommend|recommended",
            *draw_flag(
                rng, "I recommend it|tell your friends", "I cannot recommend it|do not buy it"
            ),
        ),
        fact(
            "shop|seller|bought from",
            words.company(rng),
            "bought from {v}|ordered at {v}|sold by {v}",
        ),
    ]
    chosen = facts[:1] + rng.sample(facts[1:], rng.randint(2, 9))
    form = rng.choice(("prose", "prose", "chatty", "run-on", "mixed"))
    text = frame(rng, words, narrate(rng, words, chosen, form))
    return assemble(
        rng, "reviews", "review|product review|opinion", text, [c.slot for c in chosen], words
    )


def inventories(rng: random.Random, words: Words) -> Example:
    """What to pack, buy or store: a flat list, or groups of lists."""
    place = rng.choice((words.city(rng), words.noun_phrase(rng), words.title(rng)))
    if rng.random() < 0.4:
        groups = list(dict.fromkeys(words.title(rng) for _ in range(rng.randint(2, 4))))
        rows, parts = [], []
        style = rng.choice(
            ("{g}: {l}.", "In the {g}: {l}.", "{g}\n{b}", "For {g} take {l}.", "{g} - {l}")
        )
        for group in groups:
            items = list(dict.fromkeys(words.material(rng) for _ in range(rng.randint(1, 4))))
            rows.append(
                [
                    Slot("group|section|category|where|name", group),
                    Slot("items|things|contents|list", items),
                ]
            )
            parts.append(
                style.format(g=group, l=enumerate_items(rng, items), b=bullets(rng, items))
            )
        body, slot = "\n".join(parts), Slot("groups|sections|lists|categories", rows, core=True)
    else:
        items = list(dict.fromkeys(words.material(rng) for _ in range(rng.randint(1, 12))))
        slot = Slot("items|things|list|contents|goods|inventory", items, core=True)
        if rng.random() < 0.5:
            body = bullets(rng, items)
        else:
            body = pick(
                rng,
                "We need {l}.|Do not forget {l}.|Pack {l}.|On the shelf: {l}.|There is {l}.|"
                "Please buy {l}.|In stock: {l}|I have {l}.|The box holds {l}.|Bring {l}, please.",
            ).format(l=enumerate_items(rng, items))
    head = pick(
        rng,
        "Packing list for {p}|{p}|For {p}|Inventory: {p}|Shopping list ({p})|What is in {p}:|"
        "List for {p}",
    ).format(p=place)
    text = frame(rng, words, head + rng.choice(("\n", "\n\n", ". ", "\n")) + body)
    slots = [Slot("title|for|destination|place|name", place), slot]
    return assemble(
        rng, "inventories", "list|packing list|inventory|shopping list", text, slots, words
    )
