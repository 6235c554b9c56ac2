"""Families about buying: orders and receipts."""

from __future__ import annotations

import random
from typing import Any

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
from setaccio.data.synthetic.vocabulary import Words, capitalise, pick

_LINE = (
    "{q} {n} at {p} each|{q} x {n} ({p})|{n}, {q} pcs, {p}|{q} {n} for {p}|{n} x{q} @ {p}|"
    "{q} of the {n}, {p} apiece|{n} - {q} - {p}|{n}: {q} ({p})"
)


def draw_goods(rng: random.Random, words: Words, low: int = 1) -> list[str]:
    """Some distinct things one could buy; one to seven, `low` among the likely counts."""
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
    for name in draw_goods(rng, words):
        count, price = rng.randint(1, 60), _price(rng)
        shown = f"{price:.2f}" if isinstance(price, float) else str(price)
        said.append(shape.format(q=count, n=name, p=sign + shown))
        rows.append(
            [
                Slot("name|item|product|description|article", name),
                Slot("quantity|qty|count|amount|pieces", count),
                Slot("price|unit price|cost|each", price),
            ]
        )
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
    lead = pick(
        rng,
        "I would like to order|Please send us|We need|Order:|Can I get|Please ship|"
        "Put me down for|Our order is|Could you deliver|The customer wants|Send",
    )
    if rng.random() < 0.3:
        body = lead.rstrip(":") + ":\n" + bullets(rng, said)
    else:
        body = f"{lead} {enumerate_items(rng, said)}."
    facts = [
        fact(
            "customer|buyer|client|ordered by|name",
            buyer,
            "the order is for {v}|my name is {v}|"
            "{v} is ordering|ordered by {v}|this is {v} writing",
        ),
        fact(
            "order number|order id|reference|order",
            code,
            "our reference is {v}|order number {v}|this is order {v}|quote {v} on the invoice",
        ),
        fact(
            "address|ship to|delivery address",
            f"{words.street(rng)}, {words.city(rng)}",
            "deliver to {v}|ship it to {v}|the address is {v}|please send everything to {v}",
        ),
        fact(
            "delivery date|needed by|deadline|date",
            words.date(rng),
            "we need it by {v}|delivery on {v}, please|it should arrive {v}|not later than {v}",
        ),
        fact(
            "payment|payment method|pay by",
            rng.choice(("card", "cash", "bank transfer", "cheque", "PayPal", "invoice")),
            "I will pay by {v}|payment: {v}|paid with {v}|please charge by {v}",
        ),
        fact(
            "phone|telephone|contact number", words.phone(rng), "call {v}|reach me at {v}|phone {v}"
        ),
        fact(
            "gift|gift wrap",
            *draw_flag(
                rng,
                "it is a gift|please gift wrap it|wrap it as a present",
                "no gift wrap needed|it is not a gift",
            ),
        ),
        fact(
            "notes|remark|comment",
            words.sentence(rng).rstrip(".!"),
            "note: {v}|one more thing: {v}",
        ),
    ]
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


def draw_flag(rng: random.Random, true: str, false: str) -> tuple[bool, str, str]:
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
    for name in draw_goods(rng, words):
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
    head = [
        shop,
        address,
        f"{pick(rng, 'Date|date|Issued|On')}: {date}",
        f"{pick(rng, 'Receipt|Invoice|No.|Ref|Bill')} {number}",
    ]
    tail = [
        f"{pick(rng, 'TOTAL|Total|Total due|Sum|Amount due|To pay')}{gap}{shown}",
        pick(rng, "Paid by {p}|Payment: {p}|{p}|Paid: {p}").format(p=pay),
        pick(rng, "Served by {c}|Cashier: {c}|Your clerk: {c}|Till: {c}").format(c=clerk),
    ]
    if rng.random() < 0.4:
        tail.append(pick(rng, "THANK YOU|Thank you for your visit!|Come again|Keep this slip"))
    if rng.random() < 0.4:
        middle = head[1:]
        rng.shuffle(middle)
        head = [head[0], *middle]
    text = space(rng, "\n".join([*head, *lines, *tail]))
    slots = [
        Slot("store|vendor|shop|merchant|seller|company", shop),
        Slot("address|location", address),
        Slot("date|issued|receipt date|invoice date", date),
        Slot("number|receipt number|invoice number|reference", number),
        Slot("items|lines|purchases|products", rows, core=rng.random() < 0.8),
        Slot("total|amount|total amount|sum|amount due", total, about="What is to be paid in all"),
        Slot("payment|paid by|payment method", pay),
        Slot("cashier|clerk|served by", clerk),
    ]
    return assemble(rng, "receipts", "receipt|invoice|bill|slip", text, slots, words)
