"""Where structured recipes come from: a grammar that invents them, and public-domain cookbooks.

Contract: ``generate_recipe`` is deterministic in the state of the generator it is given. With
``held_out=True`` it uses step patterns that training recipes never use, and prefers foods that
they never name. ``public_domain_recipes`` reads a JSON Lines file of ``{title, ingredients,
directions}`` rows, cleans them and leaves out what can not be cleaned.

    rng = random.Random(7)
    recipe = generate_recipe(rng)
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from setaccio.data.errors import DataError
from setaccio.data.recipes.items import make_item
from setaccio.data.recipes.steps import FILL, PHASES, STEP_STARTS
from setaccio.data.recipes.vocabulary import ADJECTIVES, ARCHETYPES, CLASSICS, FOODS, OWNERS, TAILS

HELD_OUT_EVERY = 6
MAX_ITEM_CHARS = 90
MAX_STEP_CHARS = 220
MAX_STEPS = 16
_TOGETHER = re.compile(r"together|[Cc]ombine|^Toss|^Cream|^Layer|one at a time")
LASTING = ("temp", "pot", "skillet", "dish", "sheet")  # one oven, one pan for the whole recipe
PLAIN = (
    "dry",
    "spice",
    "fat",
    "egg",
    "liquid",
    "bare",
    "garlic",
    "flavour",
)  # what no dish is named after


@dataclass
class StructuredRecipe:
    """A recipe as data.

    Attributes:
        title: the name of the dish.
        ingredients: one string per ingredient, quantity included.
        directions: one string per step, each a sentence.
        mentions: per ingredient, the words by which the directions call it; empty if unknown.
    """

    title: str
    ingredients: list[str]
    directions: list[str]
    mentions: list[str] = field(default_factory=list)


def split_pool(pool: tuple[str, ...], *, held_out: bool) -> tuple[str, ...]:
    """Return the part of a pool that training uses, or the disjoint part kept for evaluation.

    Args:
        pool: templates or values; every sixth one is kept for evaluation.
        held_out: which of the two parts to return.

    Returns:
        The entries at positions 5, 11, 17... when ``held_out``, the others otherwise.
    """
    last = HELD_OUT_EVERY - 1
    return tuple(item for n, item in enumerate(pool) if (n % HELD_OUT_EVERY == last) is held_out)


@cache
def _cached_pool(name: str, key: str, held_out: bool) -> tuple[str, ...]:
    source = {"phase": PHASES, "food": FOODS, "tail": TAILS}[name]
    return split_pool(source[key], held_out=held_out) or source[key]


def generate_recipe(rng: random.Random, *, held_out: bool = False) -> StructuredRecipe:
    """Invent one plausible recipe.

    Args:
        rng: the only source of chance; its state decides the recipe.
        held_out: use the patterns and prefer the foods that training recipes never use.

    Returns:
        A recipe whose directions name every ingredient by its entry in ``mentions``.
    """
    archetype = rng.choice(list(ARCHETYPES))
    slots, plan = ARCHETYPES[archetype]
    foods = _choose_foods(rng, slots, held_out)
    style = rng.choice(("abbreviated", "abbreviated", "full", "short", "metric", "caps"))
    items: list[str] = []
    mentions: list[str] = []
    for kind, food in foods:
        item, mention = make_item(rng, kind, food, style)
        items.append(item)
        mentions.append(mention)
    mentions = _shorten(rng, mentions)
    directions = _directions(rng, plan, mentions, held_out)
    order = list(range(len(items)))
    if rng.random() < 0.25:
        rng.shuffle(order)
    title = _title(rng, archetype, foods, held_out)
    return StructuredRecipe(
        title, [items[i] for i in order], directions, [mentions[i] for i in order]
    )


def _choose_foods(rng: random.Random, slots: str, held_out: bool) -> list[tuple[str, str]]:
    chosen: list[tuple[str, str]] = []
    seen: set[str] = set()
    extra = rng.choice((0, 0, 0, 0, 1, 2, 3))
    for slot in slots.split("|"):
        kind, _, amount = slot.partition(" ")
        low, _, high = amount.partition("-")
        more = extra if kind in ("spice", "veg", "dry", "flavour", "nut") else 0
        for _ in range(rng.randint(int(low), int(high or low) + more)):
            food = _food(rng, kind, held_out)
            words = set(food.lower().split())
            # Two foods of one name would make a mention ambiguous.
            if not seen & words:
                chosen.append((kind, food))
                seen |= words
    if len(chosen) > 3 and rng.random() < 0.12:
        chosen.pop(rng.randrange(len(chosen)))
    return chosen


def _food(rng: random.Random, kind: str, held_out: bool) -> str:
    return rng.choice(_cached_pool("food", kind, held_out and rng.random() < 0.5))


def _shorten(rng: random.Random, mentions: list[str]) -> list[str]:
    """Call some foods by their last word, where that can mean no other food."""
    last = [name.split()[-1].lower() for name in mentions]
    return [
        name.split()[-1]
        if " " in name
        and name[0].islower()
        and " and " not in name
        and " for " not in name
        and " to " not in name
        and last.count(last[n]) == 1
        and rng.random() < 0.25
        else name
        for n, name in enumerate(mentions)
    ]


def _directions(rng: random.Random, plan: str, mentions: list[str], held_out: bool) -> list[str]:
    phases = [_phase(part) for part in plan.split("|") if _keeps(rng, part)]
    waiting = list(mentions)
    shares = _shares(rng, [weight for _, weight in phases], len(waiting))
    steps: list[str] = []
    things: dict[str, str] = {}
    for (name, weight), share in zip(phases, shares, strict=True):
        if weight and not share:
            continue
        taken, waiting = waiting[:share], waiting[share:]
        rare = held_out and rng.random() < 0.6
        patterns = _cached_pool("phase", name, rare)
        if share == 1:
            # One food alone can not be combined.
            patterns = tuple(p for p in patterns if not _TOGETHER.search(p)) or patterns
        pattern = rng.choice(patterns)
        steps.append(_fill(rng, pattern, _food_list(rng, taken), things))
    return steps


def _keeps(rng: random.Random, part: str) -> bool:
    return "?" not in part or rng.random() < 0.5


def _phase(part: str) -> tuple[str, int]:
    name, _, weight = part.partition(" ")
    return name.rstrip("?"), int(weight or 0)


def _shares(rng: random.Random, weights: list[int], total: int) -> list[int]:
    """Deal ``total`` foods over the phases that take any, in proportion to their weights."""
    shares = [0] * len(weights)
    takers = [n for n, weight in enumerate(weights) if weight]
    for n in takers[:total]:
        shares[n] = 1
    for _ in range(total - sum(shares)):
        shares[rng.choices(takers, [weights[n] for n in takers])[0]] += 1
    return shares


def _food_list(rng: random.Random, names: list[str]) -> str:
    article = rng.choice(("", "", "the ", "the "))
    named = [
        article + name if n == 0 or rng.random() < 0.3 else name for n, name in enumerate(names)
    ]
    if len(named) < 2:
        return "".join(named)
    last = (
        rng.choice((" and ", " and ", ", and ", " & "))
        if len(named) > 2
        else rng.choice((" and ", " and ", " & "))
    )
    return ", ".join(named[:-1]) + last + named[-1]


def _fill(rng: random.Random, pattern: str, foods: str, things: dict[str, str]) -> str:
    """Fill the slots of a step; what ``things`` knows from an earlier step is named once more."""

    def word(match: re.Match[str]) -> str:
        slot = match[1]
        if slot == "list":
            return foods
        if slot in things:
            return re.sub(r"^an? ", "the ", things[slot])
        chosen = rng.choice(FILL[slot])
        if slot in LASTING:
            things[slot] = chosen
        return chosen

    while "{" in pattern:
        pattern = re.sub(r"\{(\w+)\}", word, pattern)
    sentence = re.sub(r"\banother an? ", "another ", " ".join(pattern.split()))
    return sentence[0].upper() + sentence[1:].replace("..", ".")


def _title(rng: random.Random, archetype: str, foods: list[tuple[str, str]], held_out: bool) -> str:
    if rng.random() < 0.06:
        return rng.choice(CLASSICS)
    tail = rng.choice(_cached_pool("tail", archetype, held_out and rng.random() < 0.5))
    telling = [food for kind, food in foods if kind not in PLAIN]
    names = [_title_case(food) for food in telling or [food for _, food in foods]]
    first, second = rng.choice(names), rng.choice(names)
    adjective = rng.choice(ADJECTIVES)
    shape = rng.random()
    if first == second or shape < 0.3:
        title = f"{first} {tail}"
    elif shape < 0.5:
        title = f"{first} {second} {tail}"
    elif shape < 0.62:
        title = f"{first} {rng.choice(('and', 'And', '&'))} {second} {tail}"
    elif shape < 0.72:
        title = f"{tail} with {second}" if " " in tail else f"{first} {tail} with {second}"
    elif shape < 0.86:
        title = f"{adjective} {tail}"
    else:
        title = f"{adjective} {first} {tail}"
    owner = rng.random()
    if owner < 0.18:
        title = f"{rng.choice(OWNERS)} {title}"
    elif owner < 0.22:
        title += f" {rng.choice(('II', 'No. 2', '(Low Fat)', '(Microwave)', 'Deluxe', '#1'))}"
    return title


def _title_case(text: str) -> str:
    small = {"and", "of", "in", "with", "for", "the"}
    return " ".join(word if word in small else word[0].upper() + word[1:] for word in text.split())


def public_domain_recipes(path: Path) -> Iterator[StructuredRecipe]:
    """Read public-domain recipes, cleaned for writing prose from them.

    Args:
        path: JSON Lines, one ``{title, ingredients, directions}`` object per line.

    Yields:
        The recipes whose items and steps are of a usable length, markdown removed, steps split
        into sentences.

    Raises:
        DataError: a line is not a JSON object with these three fields.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                raw = StructuredRecipe(row["title"], row["ingredients"], row["directions"])
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{path}, line {number}: not a recipe row ({error}). Each line needs the "
                    "fields title, ingredients and directions."
                ) from error
            cleaned = clean_recipe(raw)
            if cleaned is not None:
                yield cleaned


def clean_recipe(recipe: StructuredRecipe) -> StructuredRecipe | None:
    """Strip markdown and split steps into sentences; ``None`` where nothing usable remains."""
    title = _plain(re.sub(r"\s*\([^)]*\)\s*$", "", recipe.title))
    items = [_plain(item).rstrip(".;,") for item in recipe.ingredients]
    steps = [s for step in recipe.directions for s in recipe_sentences(_plain(step))]
    steps = [s if s[-1] in ".!?" else s + "." for s in steps if _instructs(s)]
    usable = (
        title
        and len(items) >= 2
        and 2 <= len(steps) <= MAX_STEPS
        and all(0 < len(item) <= MAX_ITEM_CHARS for item in items)
        # A heading or a remark is no ingredient.
        and not any(item.endswith(":") or re.search(r"[.!?] [A-Z]", item) for item in items)
        and all(12 <= len(step) <= MAX_STEP_CHARS for step in steps)
        and len(set(items)) == len(items)
        and len(set(steps)) == len(steps)
        and sum(map(len, items + steps)) <= 1400
    )
    return StructuredRecipe(title, items, steps) if usable else None


def _instructs(sentence: str) -> bool:
    """Say whether a sentence tells the reader to do something, rather than about the dish."""
    match = re.match(r"([A-Z][\w-]*)", sentence)
    word = match[1].lower() if match else ""
    return word in STEP_STARTS or word.endswith("ly")


def _plain(text: str) -> str:
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>]*>|[*_`#~]+", "", text)
    return " ".join(text.split()).strip("- ")


_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[cCtTp]\.)(?<!\b(?:oz|lb|pt|qt)\.)(?<!\b(?:[Tt]sp|tbs|pkg|min|hrs)\.)"
    r"(?<!\b[Tt]bsp\.)(?<!\bapprox\.)\s+(?=[A-Z(])"
)


def recipe_sentences(text: str) -> list[str]:
    """Split a step into sentences, keeping abbreviations such as ``c.`` and ``Tbsp.`` whole."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]
