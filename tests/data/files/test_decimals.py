"""Schemas judge numbers by their decimal digits.

Run: pytest tests/data/files/test_decimals.py
"""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.files.decimals import (
    WrittenFloat,
    as_integers,
    is_multiple,
    read_float,
)
from setaccio.data.files.json_text import parse_json
from setaccio.data.schema.validation.validators import make_validator
from setaccio.data.task.task import Task

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_3 = "http://json-schema.org/draft-03/schema#"
STEPS = st.builds(lambda digits, places: Decimal(digits).scaleb(-places), *(
    st.integers(1, 999), st.integers(0, 9)
))  # fmt: skip


def fits(schema: dict[str, Any], text: str) -> bool:
    return make_validator(schema).is_valid(parse_json(text))


@given(STEPS, st.integers(-(10**6), 10**6))
def test_a_multiple_in_decimals_is_one(step: Decimal, count: int):
    schema = parse_json(f'{{"multipleOf": {step:f}}}')
    assert fits(schema, f"{step * count:f}")
    assert not fits(schema, f"{step * count + step / 2:f}")


@given(STEPS, st.integers(-(10**6), 10**6))
def test_a_bound_that_is_the_value_itself(step: Decimal, count: int):
    text = f"{step * count:f}"
    number = parse_json(text)
    same = {"minimum": number, "maximum": number, "multipleOf": float(step)}
    assert fits({"type": "number", **same}, text)
    assert fits({"$schema": DRAFT_4, **same}, text)
    assert not fits({"exclusiveMinimum": number}, text)
    assert not fits({"exclusiveMaximum": number}, text)
    assert not fits({"$schema": DRAFT_4, "minimum": number, "exclusiveMinimum": True}, text)
    assert not fits({"$schema": DRAFT_3, "maximum": number, "exclusiveMaximum": True}, text)
    assert fits({"const": number}, text)


@given(st.integers(-(10**40), 10**40))
def test_whole_numbers_of_any_size_are_compared_by_digits(number: int):
    as_float = f"{Decimal(number):e}"
    assert fits({"const": number}, str(number))
    assert not fits({"const": number + 1}, str(number))
    assert fits({"maximum": number, "minimum": number}, str(number))
    assert not fits({"maximum": number - 1}, str(number))
    if Decimal(repr(float(as_float))) == number:  # a float holds its digits
        assert fits({"const": number, "maximum": number, "minimum": number}, as_float)
        assert fits({"enum": [float(number)]}, str(number))


@pytest.mark.parametrize(
    ("schema", "text", "valid"),
    [
        ({"maximum": 1e23}, "100000000000000000000000", True),
        ({"uniqueItems": True}, "[1e23, 100000000000000000000000]", False),
        ({"enum": [[1.0, {"a": 2}]]}, '[1, {"a": 2.0}]', True),
        ({"enum": [1]}, "true", False),
        ({"multipleOf": 0.01}, "1e300", True),
        ({"multipleOf": 1e-300}, "0.1", True),
        ({"multipleOf": 5e-324}, "1.7976931348623157e308", True),
        ({"multipleOf": 0.1}, "0.10000000000000000001", False),
        ({"multipleOf": 3}, "9" * 400, True),
        ({"type": "integer"}, "9007199254740993.5", False),
        ({"type": "integer"}, "1e21", True),
        ({"exclusiveMaximum": 1000000000000000}, "999999999999999.99", False),
        ({"multipleOf": 0.01}, '"19.999"', True),
        ({"$schema": DRAFT_3, "divisibleBy": 0.01}, "8.41", True),
        ({"$schema": DRAFT_4, "type": "integer"}, "1.0", False),
    ],
)
def test_judged_as_written(schema: dict[str, Any], text: str, valid: bool):
    assert fits(schema, text) == valid


def test_decimals_behind_a_reference_to_the_whole_schema():
    price = {"properties": {"price": {"multipleOf": 0.01}, "next": {"$ref": "#"}}}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **price}
    assert fits(schema, '{"price": 8.41, "next": {"price": 1.15}}')
    assert not fits(schema, '{"price": 8.41, "next": {"price": 1.155}}')


def test_a_number_that_no_float_holds_is_written_as_the_float():
    number = read_float("0.10000000000000000001")
    assert isinstance(number, WrittenFloat)
    assert (number, json.dumps([number])) == (0.1, "[0.1]")
    same = copy.deepcopy(number)
    assert (same, same.digits) == (0.1, number.digits)
    problems = Task(name="a", instruction="b", schema={"const": 0.2}).problems(number)
    assert problems == ["$: 0.2 was expected"]
    assert not is_multiple(number, 0.1)
    for digits in ("19.99", "1e400", "-0.0", "1.50000000000000000"):
        assert type(read_float(digits)) is float


def test_a_task_with_such_a_number_is_read_back():
    task = Task(name="a", instruction="b", schema=parse_json('{"maximum": 0.123456789123456789}'))
    again = Task.from_metadata(task.to_metadata())
    assert (again.json_schema, again.digest) == (task.json_schema, task.digest)


@given(st.recursive(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), st.lists))
def test_whole_numbers_become_integers_and_nothing_else_changes(value: Any):
    assert as_integers(json.loads(json.dumps(value))) == as_integers(value)
    assert make_validator({"const": value}).is_valid(as_integers(value))


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_what_is_no_json_number_is_judged_all_the_same(number: float):
    for rule in ({"minimum": 3}, {"multipleOf": 0.5}, {"type": "integer"}, {"const": 1.5}):
        assert make_validator(rule).is_valid(number) in (True, False)
    assert not make_validator({"multipleOf": 0.5}).is_valid(number)
