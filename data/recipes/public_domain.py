"""Recipes as data, and the reader of the public-domain cookbooks.

Contract: ``public_domain_recipes`` reads a JSON Lines file of ``{title, ingredients, directions}``
rows, cleans them and leaves out what can not be cleaned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from setaccio.data.errors import DataError
from setaccio.data.recipes.prose_parts import pool

MAX_ITEM_CHARS = 90
MAX_STEP_CHARS = 220
MAX_STEPS = 16
MAX_CHARS = 1400
# The first words of instructions; a sentence that begins otherwise is a remark about the dish.
STEP_STARTS = frozenset(
    pool(
        """add|adjust|after|afterwards|allow|apply|arrange|as|at|bake|baste|beat|before|begin|
        blanch|blend|boil|break|bring|broil|brown|brush|butter|chill|chop|clean|coat|combine|
        continue|cook|cool|core|cover|crack|cream|crumble|crush|cube|cut|deglaze|dice|dip|
        discard|dissolve|divide|drain|dredge|drizzle|drop|dry|dust|fill|finally|finish|first|
        flatten|flip|fluff|fold|for|form|freeze|from|fry|garnish|gather|get|give|grate|grease|
        grill|grind|heat|if|in|incorporate|keep|knead|ladle|lastly|layer|lay|leave|let|lift|
        line|lower|make|marinate|mash|massage|measure|meanwhile|melt|microwave|mince|mix|move|
        next|now|on|once|over|pack|pan-fry|pat|peel|pierce|place|plate|poach|pour|pre-heat|
        preheat|prepare|press|prick|process|pull|pulse|punch|puree|put|reduce|refrigerate|
        remove|repeat|reserve|rest|return|rinse|roast|roll|rub|salt|saute|sauté|scald|scatter|
        scoop|scrape|seal|sear|season|second|separate|serve|set|shake|shape|shred|sift|simmer|
        skim|slice|slide|smooth|soak|soften|spoon|spray|spread|sprinkle|squeeze|stand|start|
        steam|steep|stir|store|strain|stuff|sweat|take|taste|tear|then|thicken|thread|throw|tie|
        tilt|tip|to|toast|top|toss|transfer|trim|tuck|turn|until|use|using|wait|warm|wash|when|
        while|whip|whisk|wipe|with|work|wrap|zest"""
    )
)
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[cCtTp]\.)(?<!\b(?:oz|lb|pt|qt)\.)(?<!\b(?:[Tt]sp|tbs|pkg|min|hrs)\.)"
    r"(?<!\b[Tt]bsp\.)(?<!\bapprox\.)\s+(?=[A-Z(])"
)


@dataclass
class StructuredRecipe:
    """A recipe as data.

    Attributes:
        title: the name of the dish.
        ingredients: one string per ingredient, quantity included.
        directions: one string per step, each a sentence.
    """

    title: str
    ingredients: list[str]
    directions: list[str]


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
        and sum(map(len, items + steps)) <= MAX_CHARS
    )
    return StructuredRecipe(title, items, steps) if usable else None


def recipe_sentences(text: str) -> list[str]:
    """Split a step into sentences, keeping abbreviations such as ``c.`` and ``Tbsp.`` whole."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def _instructs(sentence: str) -> bool:
    """Whether a sentence tells the reader to do something, rather than about the dish."""
    match = re.match(r"([A-Z][\w-]*)", sentence)
    word = match[1].lower() if match else ""
    return word in STEP_STARTS or word.endswith("ly")


def _plain(text: str) -> str:
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>]*>|[*_`#~]+", "", text)
    return " ".join(text.split()).strip("- ")
