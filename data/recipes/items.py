"""Write one ingredient with its quantity, the way cooks write it.

Contract: ``make_item(rng, kind, food, style)`` gives the item and the words by which a step calls
the food; the item always contains those words.
"""

from __future__ import annotations

import random

from setaccio.data.recipes.vocabulary import PREPARATIONS, pool

_CUPS = pool(
    """1|2|3|1/2|1/4|3/4|1 1/2|1/3|2/3|2 1/2|1 1/4|4|3 1/2|½|1½|¼|2½|¾|⅓|1 3/4|2 1/4|one|two|
    half a|2-3|6|1.5"""
)
_SPOONS = ("1", "2", "1/2", "1/4", "3/4", "1 1/2", "3", "½", "¼", "4", "1/8", "2 1/2", "1-2", "one")
_SMALL_CUPS = ("1/4", "1/2", "1/3", "2/3", "3/4", "½", "¼", "⅓", "1", "half a")
_PINCHES = ("1/2", "1/4", "1", "1 1/2", "½", "¼", "1/8", "2", "3/4", "one", "1-2")
_COUNTS = pool("1|2|3|4|6|5|one|two|2-3|2 to 3|1/2|three|½|4-5|a few|a couple of")
_EGGS = pool("1|2|3|4|two|three|2-3|one|5|6|a couple of|4 to 5")
_POUNDS = ("1", "2", "1/2", "1 1/2", "3", "2 1/2", "3/4", "1 to 1 1/2", "½", "4", "5", "1 1/4")
_OUNCES = ("8", "4", "6", "12", "16", "3", "10", "14", "2", "5", "9")
_GRAMS = pool(
    """100|200|250|500|300|150|50|75|400|350|120|225|30|180|80|600|450|40|90|125|60|275|325|160|
    170|650"""
)
_CAN_SIZES = pool("""8|15|16|10 3/4|14 1/2|20|6|12|6 1/2|14|28|15 1/4|4""")
_PACK_SIZES = ("8", "3", "6", "10", "16", "4", "12", "3 1/2", "18", "20", "5.1", "18.25")

_UNITS = {
    "abbreviated": {"cup": "c.", "table": "Tbsp.", "tea": "tsp.", "pound": "lb.", "ounce": "oz.",
                    "package": "pkg.", "pint": "pt.", "quart": "qt."},
    "full": {"cup": "cup", "table": "tablespoon", "tea": "teaspoon", "pound": "pound",
             "ounce": "ounce", "package": "package", "pint": "pint", "quart": "quart"},
    "short": {"cup": "cup", "table": "tbsp", "tea": "tsp", "pound": "lb", "ounce": "oz",
              "package": "pkg", "pint": "pint", "quart": "qt"},
    "metric": {"cup": "cup", "table": "tbsp", "tea": "tsp", "pound": "lb", "ounce": "oz",
               "package": "packet", "pint": "pint", "quart": "quart"},
    "caps": {"cup": "C.", "table": "T.", "tea": "t.", "pound": "lbs.", "ounce": "oz.",
             "package": "Pkg.", "pint": "pt.", "quart": "qt."},
}  # fmt: skip
_SINGULAR = {"1", "1/2", "1/4", "3/4", "1/3", "2/3", "½", "¼", "¾", "⅓", "one", "half a", "1/8"}
_SIZES = ("medium", "large", "small", "ripe", "whole", "fresh", "big", "firm", "good-sized")
_IRREGULAR = {
    "potato": "potatoes",
    "tomato": "tomatoes",
    "leaf": "leaves",
    "mango": "mangoes",
    "radish": "radishes",
    "squash": "squash",
}
_CLOVES = pool(
    """1 clove|2 cloves|3 cloves|2 large cloves|4 cloves of|1 small clove|6 cloves|two cloves of|
    1 head of|2-3 cloves"""
)


def make_item(rng: random.Random, kind: str, food: str, style: str) -> tuple[str, str]:
    """Write an ingredient.

    Args:
        rng: the only source of chance.
        kind: the food's class, a key of ``FOODS``.
        food: its name.
        style: a key of the unit table: ``abbreviated``, ``full``, ``short``, ``metric``, ``caps``.

    Returns:
        The item as written, and the words by which the steps call the food.
    """
    if kind == "bare":
        return food, _bare_mention(food)
    if rng.random() < 0.12:
        style = rng.choice(list(_UNITS))
    if kind in ("veg", "fruit", "piece", "egg"):
        amount, food = _counted(rng, kind, food, style)
    elif kind == "garlic":
        amount = rng.choice(_CLOVES)
    else:
        amount = _measured(rng, kind, food, style)
    return _prepared(rng, kind, amount, food), food


def _bare_mention(food: str) -> str:
    for tail in (" to taste", " for ", " and pepper to taste"):
        food = food.split(tail)[0]
    return food


def _counted(rng: random.Random, kind: str, food: str, style: str) -> tuple[str, str]:
    if kind in ("veg", "fruit") and rng.random() < 0.25:
        return _measured(rng, "leafy", food, style), plural(food)
    count = rng.choice(_EGGS if kind == "egg" else _COUNTS)
    if count not in _SINGULAR:
        food = plural(food)
    if kind != "egg" and rng.random() < 0.3:
        count = f"{count} {rng.choice(_SIZES)}"
    return count, food


def plural(noun: str) -> str:
    """Return the plural of an English noun, of its last word where it has several."""
    head, _, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("s"):
        pass
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    elif last.endswith(("ch", "sh", "x")):
        last += "es"
    else:
        last += "s"
    return f"{head} {last}".strip()


def _unit(style: str, unit: str, amount: str) -> str:
    word = _UNITS[style][unit]
    several = amount not in _SINGULAR
    grows = style == "full" or word in ("cup", "package", "pint", "quart", "packet")
    return word + "s" if several and grows else word


def _measured(rng: random.Random, kind: str, food: str, style: str) -> str:
    roll = rng.random()
    if kind in ("canned", "packaged"):
        return _packed(rng, kind, style)
    if kind == "herb":
        return rng.choice(("1 bunch", "a handful of", "2 sprigs", "a few sprigs of", "1/2 bunch",
                           f"2 {_unit(style, 'table', '2')}", f"1/4 {_unit(style, 'cup', '1/4')}",
                           f"1 {_unit(style, 'table', '1')}", "a small bunch of"))  # fmt: skip
    if kind == "spice" or (kind == "flavour" and roll < 0.92):
        if roll < 0.16 and kind == "spice":
            return rng.choice(("a pinch of", "dash of", "1 pinch", "a dash of", "pinch of", "",
                               "a generous pinch of", "a sprinkle of", "2 dashes"))  # fmt: skip
        if kind == "spice":
            amount = rng.choice(_PINCHES)
            return f"{amount} {_unit(style, 'tea', amount)}"
        amount = rng.choice(_SPOONS)
        return f"{amount} {_unit(style, rng.choice(('tea', 'table', 'table')), amount)}"
    if style == "metric" and roll < 0.8:
        glue = rng.choice(("", " "))
        unit = "ml" if kind in ("liquid", "flavour") else rng.choice(("g", "g", "g", "grams"))
        return f"{rng.choice(_GRAMS)}{glue}{unit}" + rng.choice(("", "", " of"))
    if kind in ("meat", "piece", "pasta", "cheese", "sweet", "nut") and roll < 0.7:
        if kind == "meat" or roll < 0.2:
            amount = rng.choice(_POUNDS)
            return f"{amount} {_unit(style, 'pound', amount)}"
        amount = rng.choice(_OUNCES)
        return f"{amount} {_unit(style, 'ounce', amount)}"
    if kind == "fat" and roll < 0.3:
        return rng.choice(("1 stick", "1/2 stick", "2 sticks", "a knob of", "1 1/2 sticks"))
    if kind == "fat" and roll < 0.5:
        amount = rng.choice(_SPOONS)
        return f"{amount} {_unit(style, 'table', amount)}"
    amount = rng.choice(_SMALL_CUPS if kind in ("fat", "flavour") else _CUPS)
    unit = "cup"
    if kind == "liquid" and roll < 0.12:
        unit = rng.choice(("pint", "quart"))
    return f"{amount} {_unit(style, unit, amount)}" + (" of" if rng.random() < 0.08 else "")


def _packed(rng: random.Random, kind: str, style: str) -> str:
    ounce = _UNITS[style]["ounce"]
    count = rng.choice(("1", "1", "1", "2", "1 small", "1 large", "one", "3", "a", "1/2"))
    several = count in ("2", "3")
    if kind == "canned":
        box, size = rng.choice(("can", "can", "can", "jar", "tin")), rng.choice(_CAN_SIZES)
        box += "s" if several else ""
    else:
        size = rng.choice(_PACK_SIZES)
        box = rng.choice((_unit(style, "package", count), "box", "envelope", "carton", "bag"))
        if several and box in ("box", "envelope", "carton", "bag"):
            box = plural(box)
    shape = rng.random()
    if shape < 0.4:
        return f"{count} {box}"
    if shape < 0.75:
        return f"{count} ({size} {ounce}) {box}"
    if shape < 0.85:
        return f"{count} ({size}-{ounce}) {box}"
    if shape < 0.93:
        return f"{count} {size} {ounce} {box}"
    return f"{count} {box} ({size} {ounce})"


def _prepared(rng: random.Random, kind: str, amount: str, food: str) -> str:
    item = f"{amount} {food}".strip()
    choices = PREPARATIONS.get(kind)
    if choices is None or rng.random() > 0.4:
        return f"{item} (optional)" if rng.random() < 0.02 else item
    how = rng.choice(choices)
    shape = rng.random()
    if shape < 0.45 and how.count(" ") < 2 and " and " not in how:
        return f"{amount} {how} {food}".strip()
    if shape < 0.88:
        return f"{item}, {how}"
    return f"{item} ({how})"
