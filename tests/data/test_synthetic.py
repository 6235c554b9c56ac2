"""The synthetic examples: valid against their schemas, copied from their texts, reproducible."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from setaccio.data.synthetic import FAMILIES, Example, generate
from setaccio.data.synthetic.noise import noise
from setaccio.data.synthetic.vocabulary import Words, capitalise

COUNT = 2000


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [generate(11, index) for index in range(COUNT)]


@pytest.fixture(scope="module")
def words() -> Words:
    return Words()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)


def enums(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield from (strings(value) if key == "enum" else enums(value))


def ordered(schema: dict[str, Any], gold: Any) -> bool:
    if isinstance(gold, list):
        return all(ordered(schema["items"], each) for each in gold)
    if not isinstance(gold, dict):
        return True
    known = schema["properties"]
    return list(gold) == [key for key in known if key in gold] and all(
        ordered(known[key], value) for key, value in gold.items()
    )


def copied(text: str, value: str) -> bool:
    return value in text or value[:1].lower() + value[1:] in text or capitalise(value) in text


def test_gold_is_valid_and_in_schema_order(examples: list[Example]) -> None:
    for example in examples:
        jsonschema.Draft202012Validator.check_schema(example.schema)
        jsonschema.Draft202012Validator(example.schema).validate(example.gold)
        assert ordered(example.schema, example.gold), example.family


def test_gold_strings_are_copied_from_the_text(examples: list[Example]) -> None:
    missing = [
        (example.family, value)
        for example in examples
        for value in set(strings(example.gold)) - set(enums(example.schema))
        if not copied(example.text, value)
    ]
    assert missing == []


def test_nearly_all_strings_are_copied_even_with_enums(examples: list[Example]) -> None:
    found = [copied(each.text, value) for each in examples for value in strings(each.gold)]
    assert sum(found) / len(found) >= 0.97


def test_every_family_is_reached(examples: list[Example]) -> None:
    assert {example.family for example in examples} >= set(FAMILIES)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_family_varies(family: str, words: Words) -> None:
    drawn = [FAMILIES[family](random.Random(f"{family}{i}"), words) for i in range(60)]
    assert len({each.text for each in drawn}) >= 58
    assert len({str(each.schema) for each in drawn}) >= 20
    assert all(each.text.strip() and each.gold and each.instruction for each in drawn)


def test_same_arguments_give_the_same_example() -> None:
    assert [generate(3, i) for i in range(50)] == [generate(3, i) for i in range(50)]
    assert generate(3, 0) != generate(4, 0)


def test_lengths_suit_a_small_context(examples: list[Example]) -> None:
    texts = [len(example.text) for example in examples]
    golds = [len(str(example.gold)) for example in examples]
    assert 300 <= sum(texts) / len(texts) <= 700
    assert max(texts) <= 3000
    assert max(golds) <= 3000


def test_absent_values_are_null_or_left_out(examples: list[Example]) -> None:
    nulls = [e for e in examples if None in e.gold.values()]
    omitted = [e for e in examples if set(e.schema["properties"]) - set(e.gold)]  # type: ignore[call-overload]
    assert nulls
    assert omitted


def test_procedure_steps_lose_their_connective(examples: list[Example]) -> None:
    lead = re.compile(r"(First|Then|After that|Next|Finally|Once done|Afterwards|Lastly),? ", re.I)
    procedures = [each for each in examples if each.family == "procedures"]
    assert sum(bool(lead.search(each.text)) for each in procedures) > len(procedures) / 5
    for example in procedures:
        assert not [value for value in strings(example.gold) if lead.match(value)]


def test_noise_changes_text_and_gold_alike() -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"who": {"type": "string"}}}
    clean = Example("notes", "Read.", schema, "Written by Marguerite.", {"who": "Marguerite"})
    noisy = [noise(random.Random(seed), clean) for seed in range(400)]
    changed = [each for each in noisy if each.text != clean.text]
    assert changed
    assert all(str(each.gold["who"]) in each.text for each in changed)
