"""Families about buying and selling: orders, receipts, listings, reviews, inventories."""

from __future__ import annotations

import random
from typing import Any

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.build import Slot, assemble
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.prose import (
    Fact,
    absent,
    bullets,
    enumerate_items,
    fact,
    frame,
    narrate,
    space,
)
from setaccio.data.synthetic.words import Words, capitalise, pick

_LINE = (
    "{q} {n} at {p} each|{q} x {n} ({p})|{n}, {q} pcs, {p}|{q} {n} for {p}|{n} x{q} @ {p}|"
    "{q} of the {n}, {p} apiece|{n} - {q} - {p}|{n}: {q} ({p})"
)


def _goods(rng: random.Random, words: Words, low: int = 1) -> list[str]:
    count = rng.choice((low, 2, 3, 4, 5, 7))
    return list(dict.fromkeys(words.noun_phrase(rng) for _ in range(count)))


def _price(rng: random.Random) -> float | int:
    if rng.random() < 0.25:
        return rng.randint(1, 900)
    return round(rng.randint(1, rng.choice((20, 300))) + rng.randint(1, 99) / 100, 2)


def _lines(rng: random.Random, words: Words) -> tuple[list[str], list[list[Slot]], str]:
    """Order lines as written, as objects, and the shape they share."""
    shape, sign = pick(rng, _LINE), rng.choice(("$", "€", "£", "", "EUR "))
    said, rows = [], []
    for name in _goods(rng, words):
        count, price = rng.randint(1, 60), _price(rng)
        shown = f"{price:.2f}" if isinstance(price, float) else str(price)
        said.append(shape.format(q=count, n=name, p=sign + shown))
        rows.append(
            [Slot("name|item|product|description|article", name), Slot("quantity|qty|count|amount|pieces", count),
             Slot("price|unit price|cost|each", price)]
        )  # fmt: skip
    if rng.random() < 0.4:
        drop = rng.randrange(3)
        rows = [[s for i, s in enumerate(row) if i != drop] for row in rows]
    if any(isinstance(s.value, float) for row in rows for s in row):
        rows = [
            [Slot(s.names, float(s.value)) if s.names.startswith("price") else s for s in row]
            for row in rows
        ]
    return said, rows, shape


def orders(rng: random.Random, words: Words) -> Example:
    """An order by letter or form, with lines."""
    said, rows, _ = _lines(rng, words)
    buyer, code = words.person(rng), words.code(rng)
    lead = pick(rng, "I would like to order|Please send us|We need|Order:|Can I get|Please ship|"
                "Put me down for|Our order is|Could you deliver|The customer wants|Send")  # fmt: skip
    if rng.random() < 0.3:
        body = lead.rstrip(":") + ":\n" + bullets(rng, said)
    else:
        body = f"{lead} {enumerate_items(rng, said)}."
    facts = [
        fact("customer|buyer|client|ordered by|name", buyer,
             "the order is for {v}|my name is {v}|{v} is ordering|ordered by {v}|this is {v} writing"),
        fact("order number|order id|reference|order", code,
             "our reference is {v}|order number {v}|this is order {v}|quote {v} on the invoice"),
        fact("address|ship to|delivery address", f"{words.street(rng)}, {words.city(rng)}",
             "deliver to {v}|ship it to {v}|the address is {v}|please send everything to {v}"),
        fact("delivery date|needed by|deadline|date", words.date(rng),
             "we need it by {v}|delivery on {v}, please|it should arrive {v}|not later than {v}"),
        fact("payment|payment method|pay by", rng.choice(("card", "cash", "bank transfer", "cheque",
             "PayPal", "invoice")), "I will pay by {v}|payment: {v}|paid with {v}|please charge by {v}"),
        fact("phone|telephone|contact number", words.phone(rng), "call {v}|reach me at {v}|phone {v}"),
        fact("gift|gift wrap", *_yes(rng, "it is a gift|please gift wrap it|wrap it as a present",
                                     "no gift wrap needed|it is not a gift")),
        fact("notes|remark|comment", words.sentence(rng).rstrip(".!"), "note: {v}|one more thing: {v}"),
    ]  # fmt: skip
    chosen = rng.sample(facts, rng.randint(2, 7))
    form = rng.choice((None, "prose", "prose", "lines"))
    other = narrate(rng, words, chosen, form)
    parts = [body, other] if rng.random() < 0.65 else [other, body]
    text = frame(rng, words, rng.choice((" ", "\n", "\n\n")).join(parts))
    lines: Any = rows if rng.random() < 0.7 else said
    slots = [Slot("items|lines|products|order lines|articles|goods", lines, core=True)]
    slots += [each.slot for each in chosen]
    if rng.random() < 0.2:
        slots.append(absent("coupon|discount code|voucher"))
    return assemble(rng, "orders", "order|purchase order|message|e-mail", text, slots, words)


def _yes(rng: random.Random, true: str, false: str) -> tuple[bool, str, str]:
    """A random flag, how to say it, and "yes" or "no"."""
    value = rng.random() < 0.5
    return value, true if value else false, "yes" if value else "no"


def receipts(rng: random.Random, words: Words) -> Example:
    """A till receipt or an invoice, printed line by line."""
    shop = words.company(rng)
    shop = shop.upper() if rng.random() < 0.3 else shop
    rows: list[list[Slot]] = []
    lines: list[str] = []
    total = 0.0
    gap = rng.choice(("  ", " ", "\t", " .... ", "   "))
    with_count = rng.random() < 0.5
    for name in _goods(rng, words):
        name = name.upper() if rng.random() < 0.1 else capitalise(name)
        count, price = (rng.randint(1, 9) if with_count else 1), rng.randint(50, 9000) / 100
        total += count * price
        row = [Slot("description|item|name|product", name)]
        if with_count:
            row.append(Slot("quantity|qty|count", count))
        row.append(Slot("price|amount|unit price", price))
        rows.append(row)
        lines.append((f"{count} x " if with_count else "") + f"{name}{gap}{price:.2f}")
    total = round(total, 2)
    sign = rng.choice(("", "$", "€", " EUR", "£"))
    shown = f"{sign}{total:.2f}" if not sign.startswith(" ") else f"{total:.2f}{sign}"
    date, number, clerk = words.date(rng), words.code(rng), words.person(rng)
    pay = rng.choice(("VISA", "cash", "Mastercard", "card", "CASH", "voucher", "transfer"))
    address = f"{words.street(rng)}, {words.city(rng)}"
    head = [shop, address, f"{pick(rng, 'Date|date|Issued|On')}: {date}",
            f"{pick(rng, 'Receipt|Invoice|No.|Ref|Bill')} {number}"]  # fmt: skip
    tail = [f"{pick(rng, 'TOTAL|Total|Total due|Sum|Amount due|To pay')}{gap}{shown}",
            pick(rng, "Paid by {p}|Payment: {p}|{p}|Paid: {p}").format(p=pay),
            pick(rng, "Served by {c}|Cashier: {c}|Your clerk: {c}|Till: {c}").format(c=clerk)]  # fmt: skip
    if rng.random() < 0.4:
        tail.append(pick(rng, "THANK YOU|Thank you for your visit!|Come again|Keep this slip"))
    if rng.random() < 0.4:
        middle = head[1:]
        rng.shuffle(middle)
        head = [head[0], *middle]
    text = space(rng, "\n".join([*head, *lines, *tail]))
    slots = [
        Slot("store|vendor|shop|merchant|seller|company", shop), Slot("address|location", address),
        Slot("date|issued|receipt date|invoice date", date),
        Slot("number|receipt number|invoice number|reference", number),
        Slot("items|lines|purchases|products", rows, core=rng.random() < 0.8),
        Slot("total|amount|total amount|sum|amount due", total, about="What is to be paid in all"),
        Slot("payment|paid by|payment method", pay), Slot("cashier|clerk|served by", clerk),
    ]  # fmt: skip
    return assemble(rng, "receipts", "receipt|invoice|bill|slip", text, slots, words)


def _home_facts(rng: random.Random, words: Words) -> list[Fact]:
    rooms, area, floor = rng.randint(1, 9), rng.randint(18, 400), rng.randint(0, 20)
    kind = rng.choice(("flat", "house", "cottage", "studio", "loft", "villa", "barn", "office"))
    extras = list(dict.fromkeys(words.noun_phrase(rng) for _ in range(rng.randint(1, 5))))
    return [
        fact("property type|type|kind", kind, "this is a {v}|{v} for sale|for rent: a {v}|charming {v}"),
        fact("rooms|bedrooms|room count", rooms, "it has {v} rooms|{v} bedrooms|there are {v} rooms"),
        fact("area|size|square metres|surface", area, "{v} m² in all|the surface is {v} sqm|{v} square metres"),
        fact("floor|storey|level", floor, "on floor {v}|it is on level {v}|floor {v}"),
        fact("city|town|location", words.city(rng), "located in {v}|in the heart of {v}|a short walk from {v}"),
        fact("street|address", words.street(rng), "at {v}|the address is {v}|you find it at {v}"),
        fact("price|rent|asking price", words.money(rng), "the price is {v}|asking {v}|yours for {v}|{v} a month"),
        fact("available from|available|from", words.date(rng), "available from {v}|free from {v}|move in on {v}"),
        fact("pets|pets allowed", *_yes(rng, "pets are welcome|bring your dog", "no pets|sorry, no animals")),
        fact("furnished", *_yes(rng, "it comes furnished|fully furnished", "unfurnished|it is let empty")),
        fact("features|extras|amenities|includes", extras,
             "it comes with {v}|features: {v}|there is also {v}|included: {v}|the highlights are {v}",
             enumerate_items(rng, extras)),
        fact("agent|contact|landlord|owner", words.person(rng), "ask for {v}|contact {v}|call {v} for a visit"),
    ]  # fmt: skip


def _goods_facts(rng: random.Random, words: Words) -> list[Fact]:
    extras = _goods(rng, words)
    states = ("new", "used", "good", "fair", "like new")
    return [
        fact("item|title|product|what", words.noun_phrase(rng), "selling a {v}|for sale: {v}|I have a {v} to sell"),
        fact("brand|make|maker", words.company(rng), "made by {v}|the brand is {v}|it is a {v}"),
        fact("model", words.code(rng), "model {v}|the model is {v}"),
        fact("price|asking price|cost", words.money(rng), "I want {v} for it|{v} or best offer|price: {v}|asking {v}"),
        fact("condition|state", rng.choice(states), "condition: {v}|in {v} condition|I would call it {v}",
             **({"options": states} if rng.random() < 0.6 else {})),
        fact("colour|color", rng.choice(lexicon.COLOURS), "it is {v}|colour {v}|in {v}"),
        fact("year|year made|built", rng.randint(1920, 2031), "from {v}|built in {v}|bought in {v}"),
        fact("weight", words.quantity(rng), "it weighs {v}|weight {v}"),
        fact("location|city|where", words.city(rng), "pick up in {v}|located in {v}|I live in {v}"),
        fact("seller|contact|name", words.person(rng), "ask for {v}|sold by {v}|write to {v}"),
        fact("phone|telephone", words.phone(rng), "call {v}|text me at {v}"),
        fact("defects|faults|problems", words.phrase(rng, 2, 5), "the only fault: {v}|mind the {v}|it has {v}"),
        fact("accessories|included|extras|comes with", extras, "comes with {v}|I add {v}|included: {v}",
             enumerate_items(rng, extras)),
        fact("negotiable", *_yes(rng, "the price is negotiable|make me an offer", "the price is firm|no haggling")),
    ]  # fmt: skip


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
    verdict = {"positive": "I am very happy|love it|great buy|would buy again",
               "negative": "very disappointed|terrible|I want my money back|avoid it",
               "neutral": "it is okay|not bad, not great|does the job|average"}[mood]  # fmt: skip
    facts = [
        fact("product|item|name|product name", product, "I bought the {v}|review of {v}|the {v} came last week|{v}"),
        fact("rating|stars|score", stars, "{v}/5|{v} out of 5|I give it {v} stars|{v} stars"),
        fact("pros|likes|positives|good points", pros, "I like the {v}|good: {v}|pros: {v}|the best of it is the {v}",
             enumerate_items(rng, pros)),
        fact("cons|dislikes|negatives|complaints", cons, "I dislike the {v}|bad: {v}|cons: {v}|sadly the {v}",
             enumerate_items(rng, cons)),
        fact("sentiment|mood|tone", mood, verdict, pick(rng, verdict), options=moods),
        fact("reviewer|author|user|written by", words.person(rng), "- {v}|written by {v}|{v} here"),
        fact("date|review date|posted", words.date(rng), "posted on {v}|written {v}|bought {v}"),
        fact("price|paid", words.money(rng), "I paid {v}|it cost {v}|{v} well spent"),
        fact("recommend|recommended", *_yes(rng, "I recommend it|tell your friends", "I cannot recommend it|do not buy it")),
        fact("shop|seller|bought from", words.company(rng), "bought from {v}|ordered at {v}|sold by {v}"),
    ]  # fmt: skip
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
            rows.append([Slot("group|section|category|where|name", group),
                         Slot("items|things|contents|list", items)])  # fmt: skip
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
            body = pick(rng, "We need {l}.|Do not forget {l}.|Pack {l}.|On the shelf: {l}.|There is {l}.|"
                        "Please buy {l}.|In stock: {l}|I have {l}.|The box holds {l}.|Bring {l}, please."
                        ).format(l=enumerate_items(rng, items))  # fmt: skip
    head = pick(rng, "Packing list for {p}|{p}|For {p}|Inventory: {p}|Shopping list ({p})|What is in {p}:|"
                "List for {p}").format(p=place)  # fmt: skip
    text = frame(rng, words, head + rng.choice(("\n", "\n\n", ". ", "\n")) + body)
    slots = [Slot("title|for|destination|place|name", place), slot]
    return assemble(
        rng, "inventories", "list|packing list|inventory|shopping list", text, slots, words
    )
