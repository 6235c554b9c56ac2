"""Lists that begin to repeat themselves are closed; those that the document repeats are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.records import Document, load_pairs
from setaccio.data.task.task import Task, load_task
from setaccio.runtime import Extractor
from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.list_guard import RUN, ListGuard, make_times
from setaccio.runtime.decode.request import Request
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import decode_tokens, encode_text, token_bytes

LIST = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string"},
    },
    "required": ["items", "note"],
    "additionalProperties": False,
}


def closed_at(text: str, document: str, schema: dict | None = None) -> str | None:
    """What is left of an answer where its guard objects; None where it does not."""
    guard = ListGuard(make_times(document, schema or {}))
    for byte in text.encode():
        cut = guard.feed(bytes([byte]))
        if cut is not None:
            return text.encode()[: cut.offset].decode()
    return None


LOOP = ',"x y","z"' * RUN


@pytest.mark.parametrize(
    ("text", "document", "left"),
    [
        (f'{{"a":["x y","z"{LOOP}', "x y and z", '{"a":["x y","z"'),
        (f'{{"a":["x y","z","x y","new"{LOOP}', "x y, z", '{"a":["x y","z","x y","new"'),
        (f'{{"a":["x y","z"{LOOP}]', "x y, z; " * 2 * RUN, None),
        ('{"a":["coffee","coffee","cake","water"]}', "a coffee, the same for her, cake", None),
        ('["tea","tea","tea","tea","milk","tea","tea","tea","tea"]', "tea for four, milk", None),
        ('["a","b","c","d","e","f","a","b","c","d"]', "", None),  # four in a row are no loop yet
        ('["ß \\" ]"' + ',"ß \\" ]"' * RUN, 'ß " ]', '["ß \\" ]"'),
        ('[{"n":"tea","q":1}' + ',{"n":"tea","q":1}' * RUN, "tea", '[{"n":"tea","q":1}'),
        ("[" + ",".join(f'{{"n":"tea","q":{n}}}' for n in range(9)) + "]", "tea", None),
        ("[1" + ",1,true,null" * 9 + "]", "", None),
        ('[["a"]' + ',["a"]' * RUN, "a", '[["a"]'),
        ('[["a"' + ',"a"' * RUN, "a", '[["a"'),
        ('{"a":["x"],"b":["x"],"c":["x"],"d":["x"],"e":["x"],"f":["x"],"g":["x"]}', "x", None),
        ('{"a":"x","b":"x","c":"x","d":"x","e":"x","f":"x","g":"x"}', "x", None),
    ],
)
def test_where_a_list_repeats_itself(text: str, document: str, left: str | None) -> None:
    assert closed_at(text, document) == left


STIR = "stir until the flour is gone, "


@pytest.mark.parametrize(
    ("text", "document", "left"),
    [
        (f'{{"a":"Beat and {STIR * 9}', "Beat and stir.", f'{{"a":"Beat and {STIR.strip(" ,")}'),
        (f'{{"a":"{STIR * 9}"}}', STIR * 9, None),
        ('["stir, stir, stir, stir, stir, stir"]', "stir", None),
        (f'["{STIR * 3}"]', "", None),  # three cycles are no loop yet
        (f'["{STIR}","{STIR}","{STIR}","{STIR}"]', STIR * 4, None),
        ('["' + "0" * 90, "0", '["0'),
        ('["' + "0" * 90, "0" * 90, None),
        ('["' + "ß€" * 40, "", '["ß€'),
        ('["' + "\\u00e9\\n " * 20, "", '["\\u00e9\\n'),
        ('["one ' + 'two \\"x\\" ' * 12, "", '["one two \\"x\\"'),
    ],
)
def test_where_a_string_repeats_itself(text: str, document: str, left: str | None) -> None:
    assert closed_at(text, document) == left


def test_what_the_schema_offers_may_be_said_again() -> None:
    schema = {"type": "array", "items": {"enum": ["yes", "no"]}}
    assert closed_at('["yes","no"' + ',"yes","yes"' * RUN + "]", "", schema) is None
    assert closed_at('["maybe"' + ',"maybe"' * RUN, "", schema) == '["maybe"'


def test_sixty_equal_lines_of_an_order_stay_sixty() -> None:
    line = "1 box of nails"
    answer = json.dumps([line] * 60)
    assert closed_at(answer, "\n".join([line] * 60)) is None
    assert closed_at(answer, "\n".join([line] * 50)) is not None


def test_no_gold_of_the_samples_is_a_loop(repository: Path) -> None:
    task = load_task("recipe")
    for name in ("recipes_told", "recipes_retold"):
        pairs, problems = load_pairs(repository / "data" / "samples" / f"{name}.jsonl")
        assert pairs and not problems
        for pair in pairs:
            assert closed_at(task.render_gold(pair.gold), pair.text, task.json_schema) is None


WORDS = st.sampled_from(["ab", "abab", "stir, ", "é", "\\", '"', " ", "x" * 30, "ab " * 40])


@given(
    st.recursive(
        st.lists(WORDS, max_size=6).map("".join)
        | st.tuples(WORDS, WORDS, st.integers(1, 40)).map(lambda loop: loop[0] + loop[1] * loop[2]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.tuples(st.lists(inner, max_size=2), st.integers(1, 9)).map(lambda i: i[0] * i[1])
            | st.dictionaries(WORDS, inner, max_size=3)
        ),
        max_leaves=20,
    ),
    st.lists(WORDS, max_size=9).map("".join),
    st.integers(1, 7),
)
def test_what_is_settled_is_never_taken_back(value: object, document: str, step: int) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    guard, settled = ListGuard(make_times(document, {})), 0
    for at in range(0, len(text), step):
        cut = guard.feed(text[at : at + step])
        if cut is not None:
            assert cut.offset >= settled
            return
        assert guard.settled >= settled
        settled = guard.settled
    assert settled == len(text)


def test_little_of_ordinary_text_is_held_back() -> None:
    text = b'{"items":["2 red onions","2 large eggs"],"note":"Beat the eggs, then add the onions'
    guard = ListGuard(make_times("", {}))
    held = [len(guard.text) - guard.settled for byte in text if guard.feed(bytes([byte])) is None]
    assert max(held) <= len(', "2 ') + 5
    assert sum(held) / len(held) < 4


def script(
    model: LoadedModel, text: str, document: str, size: int, rest: str = '"note":"end"}'
) -> Generation:
    """An answer whose model insists on a text, token by token, and is asked again after it."""
    grammar = compile_schema(model, LIST)
    guard = (
        lambda: ListGuard(make_times(document, LIST)),
        lambda token: token_bytes(model, token),
    )
    answer = Generation(Request(0, [1], 400, grammar=grammar, guard=guard), frozenset({2}))
    while not answer.finish:
        said = decode_tokens(model, answer.tokens)
        after = next(
            (rest[at:] for at in range(len(rest), 0, -1) if said.endswith(rest[:at])), rest
        )
        wanted = text if text.startswith(said) else said + after
        following = encode_text(model, wanted[len(said) :])[:1]
        logits = np.zeros(size, np.float32)
        logits[following] = 20.0
        answer.extend(logits, int(logits.argmax()))
    return answer


def test_an_answer_goes_back_and_closes_its_list(model: LoadedModel) -> None:
    loop = ',"red tea","bread"' * RUN
    text = f'{{"items":["red tea","bread"{loop}],"note":"x"}}'
    size = int(model.llama.n_vocab())
    answer = script(model, text, "red tea and bread", size)
    found = json.loads(decode_tokens(model, answer.completion(model).tokens))
    assert found["items"] == ["red tea", "bread"]
    assert answer.finish == "stop" and answer.rewinds == 1
    done = answer.completion(model)
    assert len(done.probabilities) == len(done.removed) == len(done.tokens)
    assert done.closed_lists == 1
    kept = script(model, text, "red tea, bread; " * 2 * RUN, size)
    assert json.loads(decode_tokens(model, kept.tokens)) == json.loads(text)


def test_an_answer_goes_back_and_closes_its_string(model: LoadedModel) -> None:
    text = f'{{"items":["mix well, {"and again, " * 12}"],"note":"x"}}'
    size = int(model.llama.n_vocab())
    answer = script(model, text, "mix well, and again", size, '],"note":"end"}')
    found = json.loads(decode_tokens(model, answer.tokens))
    assert found == {"items": ["mix well, and again"], "note": "end"}
    assert answer.finish == "stop" and answer.rewinds == 1
    kept = script(model, text, "mix well, " + "and again, " * 12, size)
    assert json.loads(decode_tokens(model, kept.tokens)) == json.loads(text)


def test_a_list_that_must_go_on_is_left_alone(model: LoadedModel) -> None:
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 2 + RUN}
    grammar = compile_schema(model, schema)
    guard = (lambda: ListGuard(make_times("a", schema)), lambda token: token_bytes(model, token))
    answer = Generation(Request(0, [1], 60, grammar=grammar, guard=guard), frozenset({2}))
    text = "[" + ",".join(['"a"'] * (2 + RUN)) + "]"
    while not answer.finish:
        said = decode_tokens(model, answer.tokens)
        logits = np.zeros(int(model.llama.n_vocab()), np.float32)
        logits[encode_text(model, text[len(said) :])[:1]] = 20.0
        answer.extend(logits, int(logits.argmax()))
    assert decode_tokens(model, answer.tokens) == text


def test_the_cache_follows_an_answer_that_went_back(model: LoadedModel) -> None:
    """What is written behind a list that was closed is what the model says to that beginning."""
    task = Task.from_schema(LIST, "List everything, again and again.")
    text = "tea bread tea milk " * 3
    results = [
        Extractor(model, task, max_tokens=200, parallel=slots, guess=guess).extract_all(
            [Document(str(number), text * number) for number in (1, 2, 3, 4)]
        )
        for slots, guess in ((1, False), (1, True), (3, False), (3, True))
    ]
    raws = [[extraction.raw for extraction in found] for found in results]
    assert raws[0] == raws[1] == raws[2] == raws[3]
