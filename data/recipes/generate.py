"""Pairs for the recipe task: public-domain recipes, varied and written as prose.

Contract: ``generate_pairs`` is deterministic per seed and number, so any pair can be made again
alone. Held-out pairs use sentence shapes and recipes that training pairs never use.

    for pair in generate_pairs(1000, seed=1): ...
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from setaccio.data.recipes.prose import write_prose
from setaccio.data.recipes.prose_text import Prose
from setaccio.data.recipes.public_domain import StructuredRecipe, public_domain_recipes
from setaccio.data.recipes.variation import vary
from setaccio.data.records import Pair

SAMPLE_FILE = Path(__file__).parents[1] / "samples" / "recipes_public_domain.jsonl"
HELD_OUT_SHARE = 0.15
MIN_CHARS, MAX_CHARS = 150, 1600
_LABEL = re.compile(r"\b(?:title|ingredients|directions|instructions)\s*:", re.IGNORECASE)


def generate_pairs(count: int, seed: int, *, held_out: bool = False) -> Iterator[Pair]:
    """Generate recipe pairs.

    Args:
        count: how many.
        seed: pairs of different seeds differ.
        held_out: draw from the part that is kept for evaluation.

    Yields:
        Pairs with ids ``recipe-<seed>-<n>``, texts of 150 to 1600 characters.
    """
    for number in range(count):
        yield generate_pair(number, seed, held_out=held_out)


def generate_pair(number: int, seed: int, *, held_out: bool = False) -> Pair:
    """Generate the pair of one number; see ``generate_pairs``."""
    rng = random.Random(f"recipe:{seed}:{number}:{held_out}")
    while True:
        recipe = vary(rng.choice(_recipes(held_out)), rng)
        prose = write_prose(recipe, rng, held_out=held_out)
        # The new title decides too, so that no title is in both parts.
        if is_held_out(recipe) is held_out and _usable(prose):
            return Pair(id=f"recipe-{seed}-{number}", text=prose.text, gold=dict(prose.gold))


def _usable(prose: Prose) -> bool:
    lists = (prose.gold["ingredients"], prose.gold["directions"])
    return (
        MIN_CHARS <= len(prose.text) <= MAX_CHARS
        and not _LABEL.search(prose.text)
        and all(lists)
        and all(len({value.lower() for value in values}) == len(values) for values in lists)
    )


@cache
def _recipes(held_out: bool) -> tuple[StructuredRecipe, ...]:
    return tuple(r for r in public_domain_recipes(SAMPLE_FILE) if is_held_out(r) is held_out)


def is_held_out(recipe: StructuredRecipe) -> bool:
    """Say whether a public-domain recipe is kept for evaluation: 15% by a hash of its title."""
    digest = hashlib.sha256(recipe.title.casefold().encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_SHARE
