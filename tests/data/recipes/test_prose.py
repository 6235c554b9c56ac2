"""The prose writer, the varied recipes and the generated pairs.

Run: pytest tests/data/recipes/test_prose.py
"""

from __future__ import annotations

import random
import re

import pytest

from setaccio.data.errors import DataError
from setaccio.data.recipes import prose_parts
from setaccio.data.recipes.generate import (
    SAMPLE_FILE,
    generate_pair,
    generate_pairs,
    is_held_out,
)
from setaccio.data.recipes.prose import write_prose
from setaccio.data.recipes.prose_inline import guess_mention, place_inline
from setaccio.data.recipes.prose_parts import shapes, split_pool
from setaccio.data.recipes.prose_text import ITEM
from setaccio.data.recipes.public_domain import (
    StructuredRecipe,
    clean_recipe,
    public_domain_recipes,
    recipe_sentences,
)
from setaccio.data.recipes.variation import FOODS, vary
from setaccio.data.records import load_pairs
from setaccio.data.task.task import load_task

POOLS = [
    "TITLE_ALONE",
    "TITLE_IN_STEP",
    "TITLE_IN_LIST",
    "TITLE_OPENING",
    "TITLE_MIDDLE",
    "TITLE_CLOSING",
    "LIST",
    "LIST_NEXT",
    "LIST_LAST",
    "FIRST",
    "THEN",
    "LAST",
    "OPENERS",
    "BETWEEN",
    "CLOSERS",
]


@pytest.fixture(scope="module", params=[False, True], ids=["training", "held out"])
def pairs(request: pytest.FixtureRequest):
    return list(generate_pairs(400, seed=11, held_out=request.param))


def test_gold_is_grounded_in_the_text(pairs):
    for pair in pairs:
        text = " ".join(pair.text.split())
        assert pair.gold["title"] in text
        for item in pair.gold["ingredients"]:
            assert item in text or item[0].lower() + item[1:] in text, (item, text)
        for step in pair.gold["directions"]:
            assert step in text or step[1:] in text, (step, text)
            assert not step[0].islower()


def test_ingredients_and_directions_keep_the_order_of_the_text(pairs):
    for pair in pairs:
        text = " ".join(pair.text.split())
        last = -1
        for step in pair.gold["directions"]:
            place = text.find(step[1:], last + 1)
            assert place > last
            last = place


def test_gold_fits_the_task(pairs):
    task = load_task("recipe")
    for pair in pairs:
        assert task.problems(pair.gold) == []
        assert all(pair.gold.values())


def test_text_has_no_labels_and_no_marks_and_fits_the_length(pairs):
    for pair in pairs:
        assert not re.search(r"(?i)\b(title|ingredients|directions|instructions)\s*:", pair.text)
        assert not re.search(r"[\x00-\x08{}]", pair.text)
        assert 150 <= len(pair.text) <= 1600


def test_directions_lose_their_connectives(pairs):
    for pair in pairs:
        for step in pair.gold["directions"]:
            assert not re.match(r"(?i)(then|next|after that|finally|afterwards),? ", step)


def test_every_style_occurs(pairs):
    inline = spread = 0
    for pair in pairs:
        directions = " ".join(pair.gold["directions"])
        held = [item in directions for item in pair.gold["ingredients"]]
        inline += all(held)
        spread += not any(held)
    assert inline > 40
    assert spread > 40


def test_pairs_are_deterministic_and_can_be_made_alone():
    first = list(generate_pairs(8, seed=3))
    assert first == list(generate_pairs(8, seed=3))
    assert generate_pair(5, 3) == first[5]
    assert [pair.id for pair in first][:2] == ["recipe-3-0", "recipe-3-1"]
    assert first != list(generate_pairs(8, seed=4))
    assert generate_pair(0, 3, held_out=True).text != first[0].text


def test_held_out_shapes_are_never_used_in_training():
    training = {shape for pool in POOLS for shape in shapes(pool, False)}
    held_out = {shape for pool in POOLS for shape in shapes(pool, True)}
    assert held_out
    assert training & held_out == set()


def test_every_pool_has_shapes_for_both():
    for pool in POOLS:
        assert len(shapes(pool, False)) > len(shapes(pool, True)) > 0
        assert len(shapes(pool, False)) + len(shapes(pool, True)) == len(getattr(prose_parts, pool))


def test_split_pool_is_a_partition():
    pool = tuple("abcdefghijklm")
    kept, held = split_pool(pool, held_out=False), split_pool(pool, held_out=True)
    assert sorted(kept + held) == list(pool)
    assert held == ("f", "l")


RECIPE = StructuredRecipe(
    "Onion Soup",
    ["1 onion, sliced", "1 1/2 cups milk", "250g cheddar", "2-3 cloves", "5 eggs", "salt"],
    ["Fry an onion in oil.", "Onion rings may go on top.", "Add milk and cheddar."],
)


def test_a_variant_exchanges_a_food_everywhere():
    for seed in range(60):
        found = vary(RECIPE, random.Random(seed))
        for group in FOODS:
            told = [food for food in group if food in found.title.lower().split()]
            for food in told:
                assert sum(food in item for item in found.ingredients) == 1
                assert food in found.directions[0]
                assert found.directions[0].startswith("Fry an " if food[0] in "aeiou" else "Fry a ")


def test_a_variant_writes_amounts_otherwise():
    items = {item for seed in range(300) for item in vary(RECIPE, random.Random(seed)).ingredients}
    assert {"1½ cups milk", "1.5 cups milk", "three cups milk", "3/4 cup milk"} <= items
    assert {"2-3 cloves", "salt", "ten eggs", "15 eggs"} <= items
    assert {"500g cheddar", "750g cheddar", "375g gouda"} <= items
    assert not any(item.startswith(("2 onion", "2.5 eggs")) for item in items)


def test_amounts_stay_where_the_directions_name_some():
    recipe = StructuredRecipe("Tea", ["2 cups water"], ["Boil 2 cups water.", "Add the tea."])
    for seed in range(30):
        (item,) = vary(recipe, random.Random(seed)).ingredients
        assert item in ("2 cups water", "two cups water")


def test_pairs_differ():
    pairs = list(generate_pairs(800, seed=2))
    assert len({pair.text for pair in pairs}) == len(pairs)
    assert len({str(pair.gold) for pair in pairs}) > 0.98 * len(pairs)
    held_out = {pair.gold["title"].casefold() for pair in generate_pairs(150, 2, held_out=True)}
    titles = {pair.gold["title"].casefold() for pair in pairs}
    assert not titles & held_out


def test_inline_puts_the_amount_at_the_first_mention():
    recipe = StructuredRecipe(
        "Cake",
        ["2 c. flour", "1 c. brown sugar", "1/2 c. sugar", "3 eggs, beaten"],
        ["Mix the flour and brown sugar.", "Add sugar and the eggs.", "Stir the flour in."],
    )
    steps, rest = place_inline(recipe.ingredients, recipe.directions, random.Random(0), part=False)
    steps = [step.replace(ITEM[0], "<").replace(ITEM[1], ">") for step in steps]
    assert rest == []
    assert steps[0] == "Mix <2 c. flour> and <1 c. brown sugar>."
    assert steps[1].startswith("Add <1/2 c. sugar> and <3 ")
    assert steps[2] == "Stir the flour in."


def test_inline_leaves_steps_with_their_own_amounts_alone():
    steps = ["Boil 2 cups water.", "Add the rice."]
    placed = place_inline(["1 c. rice"], steps, random.Random(0), part=False)
    assert placed == (steps, ["1 c. rice"])


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("2 c. flour", "flour"),
        ("1 (10 3/4 oz.) can cream of chicken soup", "cream of chicken soup"),
        ("½ cup of milk", "milk"),
        ("3 large eggs, beaten", "eggs"),
        ("250g butter (soft)", "butter"),
        ("salt", "salt"),
    ],
)
def test_guess_mention(item: str, name: str):
    assert guess_mention(item) == name


def test_connectives_of_the_row_itself_are_dropped_from_gold():
    recipe = StructuredRecipe("Soup", ["1 onion", "1 c. water"], ["Chop it.", "Then boil it."])
    for seed in range(30):
        gold = write_prose(recipe, random.Random(seed)).gold
        assert not any(step.startswith("Then") for step in gold["directions"])


def test_sentences_keep_abbreviations_whole():
    assert recipe_sentences("Add 1 c. Bisquick and 2 Tbsp. Tang. Stir.") == [
        "Add 1 c. Bisquick and 2 Tbsp. Tang.",
        "Stir.",
    ]


def test_cleaning_drops_markdown_and_remarks():
    raw = StructuredRecipe(
        "*Bread* (easy)",
        ["500 g [flour](x.md)", "`water`"],
        ["**Mix** flour and water. It will be sticky.", "Bake for one hour"],
    )
    cleaned = clean_recipe(raw)
    assert cleaned == StructuredRecipe(
        "Bread",
        ["500 g flour", "water"],
        ["Mix flour and water.", "Bake for one hour."],
    )


def test_cleaning_leaves_out_over_long_and_headed_rows():
    steps = ["Mix it all together.", "Bake it for an hour."]
    assert clean_recipe(StructuredRecipe("A", ["flour", "For the dough:"], steps)) is None
    assert clean_recipe(StructuredRecipe("A", ["flour", "x" * 200], steps)) is None
    assert clean_recipe(StructuredRecipe("A", ["flour", "milk"], ["Mix " + "a" * 300])) is None


def test_bundled_recipes_are_split_between_training_and_evaluation():
    recipes = list(public_domain_recipes(SAMPLE_FILE))
    held = [recipe.title for recipe in recipes if is_held_out(recipe)]
    assert len(recipes) > 200
    assert 0.08 < len(held) / len(recipes) < 0.25


def test_a_broken_sample_line_is_named(tmp_path):
    path = tmp_path / "recipes.jsonl"
    path.write_text('{"title": "A", "ingredients": ["b"]}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"recipes\.jsonl, line 1"):
        list(public_domain_recipes(path))


def test_gold_of_the_told_recipes_stands_in_their_texts():
    pairs, problems = load_pairs(SAMPLE_FILE.with_name("recipes_told.jsonl"))
    task = load_task("recipe")
    assert not problems
    assert len({pair.id for pair in pairs}) == len(pairs) == 40
    for pair in pairs:
        assert task.problems(pair.gold) == []
        gold = [pair.gold["title"], *pair.gold["ingredients"], *pair.gold["directions"]]
        assert all(part in pair.text or part[1:] in pair.text for part in gold), pair.id
