"""Put ingredients with their quantities where the steps first name them.

Contract: ``place_inline`` rewrites "Beat the eggs" as "Beat 3 eggs" with the item marked, and
says which items found no place; it changes nothing where that would be ambiguous.
"""

from __future__ import annotations

import random
import re

from setaccio.data.recipes.source import StructuredRecipe

_AMOUNT = (
    r"(?:(?:about|approx\.?|around|~)\s*)?(?:\d[\d\s./,–-]*|[½¼¾⅓⅔⅛]|(?:a|an|one|two|three|half)\b)"
    r"[½¼¾⅓⅔⅛]?\s*"
)
_UNIT = (
    r"(?:(?:c|C|T|t|tsp|Tsp|tbsp|Tbsp|tbs|oz|lb|lbs|g|kg|ml|mL|l|L|pkg|Pkg|pt|qt)\b\.?|"
    r"(?:small|medium|large|cup|teaspoon|tablespoon|pound|ounce|gram|can|jar|clove|pinch|dash|"
    r"stick|bunch|slice|package|box|handful|head|bag|tin|pint|quart|liter|litre|piece)s?\b)\s*"
)
_HEAD = re.compile(rf"^(?:{_AMOUNT})?(?:\([^)]*\)\s*)?(?:{_UNIT})*(?:\([^)]*\)\s*)?(?:of\s+)?")
_QUANTITY = re.compile(rf"\d\s*(?:{_UNIT})(?=\w)|\b(?:a|one|two|half)\s+(?:{_UNIT})(?=of|\w)")
_BLOCKED = re.compile(
    r"(?:remaining|rest of|half of|half|some|other|more|each|all)(?: the)? $", re.I
)


def clean_items(recipe: StructuredRecipe) -> list[str]:
    """Return the items as a sentence holds them: a capital only where a name needs it."""
    if recipe.mentions:
        return list(recipe.ingredients)
    return [
        item[0].lower() + item[1:] if re.match(r"[A-Z][a-z]+(?:$|[ ,(][a-z(0-9])", item) else item
        for item in recipe.ingredients
    ]


def guess_mention(item: str) -> str:
    """Guess by which words the steps call an ingredient that comes without them."""
    bare = re.sub(r"\([^)]*\)", " ", item).split(",")[0]
    return " ".join(_HEAD.sub("", " ".join(bare.split()), count=1).split())


def place_inline(
    recipe: StructuredRecipe,
    items: list[str],
    steps: list[str],
    rng: random.Random,
    *,
    part: bool,
    mark: tuple[str, str],
) -> tuple[list[str], list[str]]:
    """Write items into the steps at the first words that name them.

    Args:
        recipe: for the words by which its steps call the ingredients.
        items: the ingredients as they should be written.
        steps: the sentences to write them into.
        rng: the only source of chance.
        part: place only some of the items.
        mark: what to put before and after each placed item.

    Returns:
        The rewritten steps and the items that were not placed. Steps come back unchanged where
        they hold amounts of their own, or where fewer than three in five items have a place.
    """
    known = bool(recipe.mentions)
    names = recipe.mentions or [guess_mention(item) for item in items]
    if not known and any(_QUANTITY.search(step) for step in steps):
        return steps, items
    places = _find(names, steps, known)
    if len(places) < 0.6 * len(items):
        return steps, items
    if part:
        # A food without an amount inside a step would not be recognised next to a list.
        keep = rng.uniform(0.3, 0.8)
        places = {
            n: place
            for n, place in places.items()
            if _HEAD.match(items[n])[0] and rng.random() < keep  # type: ignore[index]
        }
    rewritten = list(steps)
    for n, (step, start, end) in sorted(places.items(), key=lambda p: p[1], reverse=True):
        text = mark[0] + _inline_form(items[n], names[n], rng) + mark[1]
        rewritten[step] = rewritten[step][:start] + text + rewritten[step][end:]
    return rewritten, [item for n, item in enumerate(items) if n not in places]


def _find(names: list[str], steps: list[str], known: bool) -> dict[int, tuple[int, int, int]]:
    """Find the first mention of each food: its number to (step, start, end)."""
    taken: list[tuple[int, int, int]] = []
    places: dict[int, tuple[int, int, int]] = {}
    for n in sorted(range(len(names)), key=lambda n: -len(names[n])):
        hits = [hit for form in _forms(names, n, known) for hit in _hits(form, steps)]
        free = [h for h in hits if not any(_overlap(h, other) for other in taken)]
        taken += free
        usable = sorted(h for h in free if h[1] > 0)
        # Only the first mention can carry the amount.
        if usable and usable[0] == min(free) and not _blocked(usable[0], steps):
            places[n] = usable[0]
    return places


def _forms(names: list[str], n: int, known: bool) -> list[str]:
    name = names[n]
    if known or not name:
        return [name]
    last = name.split()[-1]
    forms = [name, name[:-1] if name.endswith("s") else name + "s"]
    if sum(last in other.split() for other in names) == 1 and len(last) > 3:
        forms += [last, last[:-1] if last.endswith("s") else last + "s"]
    return forms


def _hits(name: str, steps: list[str]) -> list[tuple[int, int, int]]:
    if not name:
        return []
    wanted = re.compile(
        rf"(?<![\w-])(?:the |your )?{re.escape(name)}(?![\w-]|'s| mixture| layer)", re.IGNORECASE
    )
    return [(k, m.start(), m.end()) for k, step in enumerate(steps) for m in wanted.finditer(step)]


def _overlap(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def _blocked(hit: tuple[int, int, int], steps: list[str]) -> bool:
    return bool(_BLOCKED.search(steps[hit[0]][: hit[1]]))


def _inline_form(item: str, name: str, rng: random.Random) -> str:
    """Write "1 onion, chopped" as "1 chopped onion", which needs no comma inside a sentence."""
    head, comma, how = item.partition(", ")
    if not comma:
        return item
    short = how.count(" ") < 2 and " and " not in how and " in" not in how
    whole = head.endswith(name) and _HEAD.match(f"{head[: -len(name)]}x")
    # A name that was cut short in the steps would have the word put in its middle.
    if short and whole and whole.end() == len(head) - len(name) and rng.random() < 0.8:
        return f"{head[: -len(name)]}{how} {name}"
    return f"{head} ({how})"
