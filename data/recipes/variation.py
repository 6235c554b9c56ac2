"""Another recipe from a recipe: other amounts, written otherwise, and related foods.

Contract: ``vary`` depends on the state of the generator alone. A food is exchanged in the title,
the ingredients and the directions alike.
"""

from __future__ import annotations

import random
import re
from fractions import Fraction

from setaccio.data.recipes.prose_inline import names_amounts, place_inline
from setaccio.data.recipes.prose_parts import pool
from setaccio.data.recipes.public_domain import StructuredRecipe
from setaccio.data.text.numerals import WORDS, numerals

# Foods that take each other's place, none of them a verb of the kitchen, as butter is.
FOODS = tuple(
    tuple(group.split("/"))
    for group in pool(
        """chicken/turkey/duck/rabbit|beef/pork/lamb/veal/venison|bacon/pancetta/ham/chorizo|
        salmon/trout/cod/haddock/tuna|shrimp/prawn/scallop|
        parsley/cilantro/basil/mint/dill/tarragon|oregano/thyme/marjoram/rosemary/sage|
        cumin/turmeric/cardamom/caraway|cinnamon/nutmeg/allspice/mace|paprika/cayenne/sumac|
        honey/maple syrup/molasses/agave syrup|olive oil/sunflower oil/canola oil/peanut oil|
        white wine/cider/dry sherry/beer|brandy/rum/whisky/cognac|
        yogurt/sour cream/crème fraîche/buttermilk|parmesan/pecorino/manchego/asiago|
        cheddar/gouda/edam/gruyère|mozzarella/provolone/fontina|
        spaghetti/linguine/fettuccine/tagliatelle|onion/leek/shallot|carrot/parsnip/turnip/beet|
        cabbage/fennel/celery/chicory|cucumber/zucchini/radish|mushroom/chanterelle/artichoke|
        spinach/kale/chard/arugula|broccoli/cauliflower/romanesco|lemon/lime/grapefruit|
        apple/pear/quince/plum|walnut/pecan/almond/hazelnut"""
    )
)
_NAMES = pool(
    """Easy|Quick|Simple|Homemade|Old-Fashioned|Best Ever|Favorite|Country|Sunday|Holiday|Hearty|
    Grandma's|Mom's|Aunt Ruth's|Uncle Joe's|Nana's|Mrs. Miller's|Lucia's|Henry's|Farmhouse"""
)
# With a number before, these grow an "s" or not.
_UNIT = re.compile(r" ?(cup|teaspoon|tablespoon|ounce|pound|gram|clove|can|slice)s?(?!\w)", re.I)
_SHORT_UNIT = re.compile(r" ?(?:c|tsp|tbsp|tbs|oz|lbs?|k?g|gr|[cdm]?l)(?!\w)", re.I)
_VULGAR = {"1/2": "½", "1/4": "¼", "3/4": "¾", "1/3": "⅓", "2/3": "⅔", "1/8": "⅛"}
_NUMBER_WORDS = {value: word for word, value in WORDS.items() if value >= 1 and word != "dozen"}
_LARGE = 20  # from here on nobody measures in fractions


def vary(recipe: StructuredRecipe, rng: random.Random) -> StructuredRecipe:
    """Make a variant of a recipe.

    Args:
        recipe: stays as it is.
        rng: the only source of chance.

    Returns:
        The recipe with some foods exchanged, its amounts multiplied and written in one style, often
        under a longer title and without the ingredients that no step names. Amounts are not
        multiplied where the directions name some too.
    """
    lines = [recipe.title, *recipe.ingredients, *recipe.directions]
    for group in FOODS:
        if rng.random() < 0.6:
            lines = _exchange(lines, group, rng)
    title, rest = lines[0], lines[1:]
    if rng.random() < 0.4:
        title = f"{rng.choice(_NAMES)} {title}"
    items, steps = rest[: len(recipe.ingredients)], rest[len(recipe.ingredients) :]
    times = Fraction(rng.choice(("1/2", "1", "1", "3/2", "2", "3")))
    if any(map(names_amounts, steps)):
        times = Fraction(1)
    style = rng.choice(("plain", "vulgar", "decimal", "word"))
    items = [_measure(item, times, style) for item in items]
    if rng.random() < 0.75:
        # A recipe can do without what no step names.
        unnamed = place_inline(items, steps, rng, part=False)[1]
        items = [item for item in items if item not in unnamed] or items
    if rng.random() < 0.25:
        rng.shuffle(items)
    return StructuredRecipe(title, items, steps)


def _exchange(lines: list[str], group: tuple[str, ...], rng: random.Random) -> list[str]:
    """Replace the first food of the group that the lines name by one that they do not name."""
    told = "\n".join(lines).lower()
    named = [food for food in group if re.search(rf"(?<![\w-]){food}s?(?![\w-])", told)]
    others = [food for food in group if food not in told]
    if not named or not others:
        return lines
    new = rng.choice(others)

    def write(match: re.Match[str]) -> str:
        article = match[1] or ""
        if article:
            article = article[0] + ("n " if new[0] in "aeiou" else " ")
        return article + (new[0].upper() + new[1:] if match[2][0].isupper() else new) + match[3]

    food = re.compile(rf"(?<![\w-])(an? )?({named[0]})(s?)(?![\w-])", re.IGNORECASE)
    return [food.sub(write, line) for line in lines]


def _measure(item: str, times: Fraction, style: str) -> str:
    """Write an ingredient that begins with its only number anew; any other stays as it is."""
    found = list(numerals(item))
    if len(found) != 1 or found[0].start or found[0].word or len(found[0].values) != 1:
        return item
    (before,), rest = found[0].values, item[found[0].end :]
    if re.match(r"\s*[-–/x%]", rest):
        return item
    amount = before * times
    if amount >= _LARGE:
        amount = Fraction(round(amount))
    unit = _UNIT.match(rest)
    if unit:
        rest = f" {unit[1]}{'s' if amount > 1 else ''}{rest[unit.end() :]}"
    elif not _SHORT_UNIT.match(rest) and (before <= 1 or amount <= 1 or amount.denominator > 1):
        amount = before  # counted foods, whose plural nobody knows
    return _number(amount, style if rest.startswith(" ") else "plain") + rest


def _number(amount: Fraction, style: str) -> str:
    whole, part = divmod(amount, 1)
    if style == "word" and amount in _NUMBER_WORDS:
        return _NUMBER_WORDS[amount]
    if not part:
        return str(whole)
    if part.denominator not in (2, 3, 4, 8) or (style == "decimal" and part.denominator in (2, 4)):
        return f"{float(amount):.3g}"
    if style == "vulgar" and str(part) in _VULGAR:
        return f"{whole or ''}{_VULGAR[str(part)]}"
    return f"{whole} {part}" if whole else str(part)
