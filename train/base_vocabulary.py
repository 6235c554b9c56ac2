"""The tiny base's vocabulary, learned from synthetic examples once and kept with the run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from setaccio.data.recipe_source import generate_recipe
from setaccio.data.synthetic import generate
from setaccio.data.task import dump_compact
from setaccio.train.base_tokenizer import train_tokenizer

VOCABULARY_EXAMPLES = 12_000


def vocabulary_texts(seed: int) -> Iterator[str]:
    """Text to learn the vocabulary from: synthetic examples, and recipes a third as often.

    Recipes shape only the vocabulary, so that the words of the bundled task are not cut to bits.
    """
    for index in range(VOCABULARY_EXAMPLES):
        example = generate(seed, index)
        yield example.text
        yield dump_compact(example.gold)
        if index % 4 == 0:
            yield dump_compact(example.schema)
            yield example.instruction
        if index % 3 == 0:
            recipe = generate_recipe(random.Random(f"vocabulary:{seed}:{index}"))
            yield recipe.title + "\n" + ", ".join(recipe.ingredients)
            yield " ".join(recipe.directions)


def make_tokenizer(work: Path, seed: int) -> Any:
    """Load the run's tokenizer, or train and save it."""
    folder = work / "tokenizer"
    if not folder.exists():
        temporary = work / ".tokenizer"
        train_tokenizer(vocabulary_texts(seed)).save_pretrained(temporary)
        temporary.replace(folder)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
