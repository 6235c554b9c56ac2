"""Loops are noticed; lists that repeat an item are not.

Run: pytest tests/runtime/decode/test_repetition.py
"""

from __future__ import annotations

import random

from setaccio.data import Task
from setaccio.data.text.folding import fold
from setaccio.runtime import Extractor, LoadedModel
from setaccio.runtime.decode.repetition import (
    GREATEST_PERIOD,
    cycles,
    find_cycle,
    make_judge,
    repeats_in,
)


def test_loops_are_found_with_their_period():
    for period in (1, 2, 7, 40, GREATEST_PERIOD):
        dice = random.Random(period)
        cycle = [period * 1000 + i for i in range(period)]
        start = [dice.randrange(500) for _ in range(50)]
        assert find_cycle(start + cycle * cycles(period)) == period
        assert find_cycle(start + cycle * (cycles(period) - 1)) == 0


def test_repeated_items_are_no_loop():
    item = [5, 6, 7, 8]
    assert find_cycle(list(range(200)) + item * 10) == 0
    assert find_cycle([9] * 100) == 0


def test_varied_text_is_no_loop():
    dice = random.Random(0)
    assert find_cycle([dice.randrange(50) for _ in range(3000)]) == 0
    counted = [token for number in range(300) for token in (1, 2, number)]
    assert find_cycle(counted) == 0


def test_what_the_document_repeats_may_be_repeated():
    assert repeats_in(',"1 egg"', False, fold("1 Egg, " * 20), 20)
    assert not repeats_in(',"1 egg"', False, fold("1 egg, " * 20), 21)
    assert not repeats_in(',"1 egg"', False, "1 egg and 2 eggs", 6)
    assert not repeats_in('","', True, '","' * 50, 6)
    assert repeats_in("ha ha ", True, "ha " * 12, 6)
    assert not repeats_in("ha ha ", True, "ho " * 12, 6)
    assert not repeats_in(",null", False, "", 6)


def test_an_items_values_count_and_not_its_keys_wherever_the_cycle_begins():
    item = '{"name":"red \\"pen\\"","n":15,"on":true},'
    times = cycles(len(item))
    judges = {
        text: make_judge("".join, text * times) for text in ('red "PEN" 15, ', 'red "pen" 14, ')
    }
    for more in range(len(item)):
        answer = '{"a":[' + item * (times + 1) + item[:more]
        assert find_cycle(answer) == len(item)
        found = [judge(answer, len(item)) for judge in judges.values()]
        assert found == [False, True], answer[-len(item) :]


def test_equal_objects_are_a_loop_unless_the_document_holds_them(model: LoadedModel):
    item = {
        "type": "object",
        "properties": {"name": {"const": "pen"}, "qty": {"const": 1}},
        "required": ["name", "qty"],
        "additionalProperties": False,
    }
    # Whatever the model would like to write, these are 60 times the same.
    items = {"type": "array", "items": item, "minItems": 60, "maxItems": 60}
    schema = {"type": "object", "properties": {"a": items}, "required": ["a"]}
    task = Task.from_schema({**schema, "additionalProperties": False})
    extractor = Extractor(model, task, max_tokens=1500)
    assert extractor.extract("pen 1\n" * 60).status == "ok"
    looped = extractor.extract("One pen, one more pen.")
    assert (looped.status, looped.finish_reason) == ("repetition", "repetition")
    assert "Split the text" in looped.message
    assert task.problems(looped.data) == []
