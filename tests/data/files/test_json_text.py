"""A key that stands twice in an object is no secret.

Run: pytest tests/data/files/test_json_text.py
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.files.json_text import RepeatedKeys, parse_json, repetitions
from setaccio.data.pairs.checks import check_pairs
from setaccio.data.records import parse_pair
from setaccio.data.task.task import Task
from setaccio.eval.scoring.score import rename_keys, score_document

OPEN = Task(name="a", instruction="b", schema={"type": "object"})
KEYS = st.sampled_from(["yes", "no", "ü", 'a"b', ""])


@given(st.lists(KEYS, max_size=6))
def test_every_repeated_key_is_named_and_the_last_value_stays(keys: list[str]):
    text = f"{{{','.join(f'{json.dumps(key)}:{at}' for at, key in enumerate(keys))}}}"
    value = parse_json(f'{{"in":[{text}]}}')
    assert value == {"in": [{key: at for at, key in enumerate(keys)}]}
    expected = [
        f"$.in[0]: the key {key!r} stands {count} times in one object"
        for key, count in Counter(keys).items()
        if count > 1
    ]
    assert list(repetitions(value)) == expected
    assert OPEN.problems(copy.deepcopy(value)) == expected
    assert isinstance(value["in"][0], RepeatedKeys) == bool(expected)


def test_an_escaped_key_is_the_same_key():
    assert list(repetitions(parse_json(r'{"no": 1, "n\u006f": 2}'))) != []


def test_gold_and_predictions_with_repeated_keys_are_reported():
    row: Any = parse_json('{"id": "1", "text": "a b", "gold": {"x": "a", "x": "b"}}')
    report = check_pairs([parse_pair(row, "1")], OPEN)
    assert [(each.kind, each.message) for each in report.findings] == [
        ("invalid", "$: the key 'x' stands 2 times in one object")
    ]
    renamed = rename_keys(row["gold"], {"y": "x"})
    assert not score_document(OPEN, {"x": "b"}, renamed).l2
    assert score_document(OPEN, {"x": "b"}, {"x": "b"}).l2
