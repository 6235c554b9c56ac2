"""Put ingredients with their quantities where the steps first name them.

Contract: ``place_inline`` rewrites "Beat the eggs" as "Beat 3 eggs" with the item marked, and
says which items found no place; it changes nothing where that would be ambiguous.
"""

from __future__ import annotations

import random
import re

from setaccio.data.recipes.prose_text import ITEM, mark

_AMOUNT = (
    r"(?:(?:about|approx\.?|around|~)\s*)?(?:\d[\d\s./,–-]*|[½¼¾⅓⅔⅛]|(?:a|an|one|two|three|half)\b)"
    r"[½¼¾⅓⅔⅛]?\s*"
)
_UNIT = (
    r"(?:(?:c|C|T|t|tsp|Tsp|tbsp|Tbsp|tbs|oz|lb|lbs|g|kg|ml|mL|l|L|pkg|Pkg|pt|qt)\b\.?|"
    r"(?:cup|teaspoon|tablespoon|pound|ounce|gram|can|jar|clove|pinch|dash|stick|bunch|slice|"
    r"package|box|handful|head|bag|tin|pint|quart|liter|litre|piece)s?\b)\s*"
)
_SIZE = r"(?:small|medium|large)\s+"
_HEAD = re.compile(
    rf"^(?:{_AMOUNT})?(?:\([^)]*\)\s*)?(?:{_UNIT}|{_SIZE})*(?:\([^)]*\)\s*)?(?:of\s+)?"
)
_QUANTITY = re.compile(rf"\d\s*(?:{_UNIT})(?=\w)|\b(?:a|one|two|half)\s+(?:{_UNIT})(?=of|\w)")
_BLOCKED = re.compile(
    r"(?:remaining|rest of|half of|half|some|other|more|each|all)(?: the)? $", re.I
)
_PLACED = 0.6  # share of the items that must find a place
Place = tuple[int, int, int]  # number of the step, start and end in it


def names_amounts(step: str) -> bool:
    """Whether a step says how much of something it takes."""
    return _QUANTITY.search(step) is not None


def guess_mention(item: str) -> str:
    """Guess by which words the steps call an ingredient."""
    bare = re.sub(r"\([^)]*\)", " ", item).split(",")[0]
    return " ".join(_HEAD.sub("", " ".join(bare.split()), count=1).split())


def place_inline(
    items: list[str], steps: list[str], rng: random.Random, *, part: bool
) -> tuple[list[str], list[str]]:
    """Write items into the steps at the first words that name them.

    Args:
        items: the ingredients as they should be written.
        steps: the sentences to write them into.
        rng: the only source of chance.
        part: place only some of the items.

    Returns:
        The rewritten steps, placed items marked, and the items that were not placed. Steps come
        back unchanged where they hold amounts of their own, or where fewer than three in five
        items have a place.
    """
    names = [guess_mention(item) for item in items]
    places = {} if any(map(names_amounts, steps)) else _find(names, steps)
    if len(places) < _PLACED * len(items):
        return steps, items
    if part:
        # A food without an amount inside a step would not be recognised next to a list.
        keep = rng.uniform(0.3, 0.8)
        amounts = {n for n, item in enumerate(items) if item != _HEAD.sub("", item)}
        places = {n: at for n, at in places.items() if n in amounts and rng.random() < keep}
    rewritten = list(steps)
    for n, (step, start, end) in sorted(places.items(), key=lambda p: p[1], reverse=True):
        text = mark(ITEM, _inline_form(items[n], names[n], rng))
        rewritten[step] = rewritten[step][:start] + text + rewritten[step][end:]
    return rewritten, [item for n, item in enumerate(items) if n not in places]


def _find(names: list[str], steps: list[str]) -> dict[int, Place]:
    """The first mention of each food, the longest names first."""
    taken: list[Place] = []
    places: dict[int, Place] = {}
    for n in sorted(range(len(names)), key=lambda n: -len(names[n])):
        hits = [hit for form in _forms(names, n) for hit in _hits(form, steps)]
        free = [hit for hit in hits if not any(_overlap(hit, other) for other in taken)]
        taken += free
        usable = sorted(hit for hit in free if hit[1] > 0)
        # Only the first mention can carry the amount.
        if usable and usable[0] == min(free) and not _blocked(usable[0], steps):
            places[n] = usable[0]
    return places


def _forms(names: list[str], n: int) -> list[str]:
    """The name, its other number, and its last word where no other name has it."""
    name = names[n]
    if not name:
        return []
    forms, last = [name], name.split()[-1]
    if sum(last in other.split() for other in names) == 1 and len(last) > 2:
        forms.append(last)
    return [each for form in forms for each in (form, form[:-1] if form[-1] == "s" else form + "s")]


def _hits(name: str, steps: list[str]) -> list[Place]:
    if not any(name.lower() in step.lower() for step in steps):
        return []
    wanted = re.compile(
        rf"(?<![\w-])(?:the |your )?{re.escape(name)}(?![\w-]|'s| mixture| layer)", re.IGNORECASE
    )
    return [(k, m.start(), m.end()) for k, step in enumerate(steps) for m in wanted.finditer(step)]


def _overlap(one: Place, other: Place) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def _blocked(hit: Place, steps: list[str]) -> bool:
    return bool(_BLOCKED.search(steps[hit[0]][: hit[1]]))


def _inline_form(item: str, name: str, rng: random.Random) -> str:
    """Write "1 onion, chopped" as "1 chopped onion", which needs no comma inside a sentence."""
    head, comma, how = item.partition(", ")
    if not comma:
        return item
    short = how.count(" ") < 2 and " and " not in how and " in" not in how
    if short and head.endswith(name) and rng.random() < 0.8:
        return f"{head[: -len(name)]}{how} {name}"
    return f"{head} ({how})"
