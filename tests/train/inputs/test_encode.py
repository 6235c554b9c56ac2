"""Pairs to tokens: same ids as the runtime's prompt, loss on the completion, refusals."""

import pytest

from setaccio.data import Pair, load_task
from setaccio.data.errors import TrainError
from setaccio.data.task.hf_tokenizer import chat_format, encode_pieces
from setaccio.data.task.pieces import prompt_pieces
from setaccio.train.inputs.encode import (
    Encoded,
    check_labels,
    encode_pair,
    encode_pairs,
)

GOLD = {"name": "Ada", "city": "Rome"}


@pytest.fixture
def task(task_file):
    return load_task(task_file)


@pytest.fixture
def end_ids(tokenizer):
    return {tokenizer.eos_token_id}


def test_prompt_ids_are_those_of_the_pieces(tokenizer, task):
    chat = chat_format(tokenizer)
    row = encode_pair(tokenizer, chat, task, Pair("a", "Ada, of Rome ½ é °", GOLD))
    expected = encode_pieces(tokenizer, prompt_pieces(chat, task.messages("Ada, of Rome ½ é °")))
    prompt = [
        t for t, learned in zip(row.input_ids, row.completion_mask, strict=True) if not learned
    ]
    assert prompt == expected
    assert row.input_ids[: len(prompt)] == prompt


def test_the_completion_is_the_gold_and_the_end_token(tokenizer, task):
    row = encode_pair(tokenizer, chat_format(tokenizer), task, Pair("a", "x", GOLD))
    learned = [t for t, m in zip(row.input_ids, row.completion_mask, strict=True) if m]
    assert tokenizer.decode(learned) == '{"name":"Ada","city":"Rome"}<|im_end|>'
    assert learned[-1] == tokenizer.eos_token_id
    assert [label for label in row.labels if label != -100] == learned


def test_control_tokens_in_text_and_gold_stay_text(tokenizer, task):
    text = "Ada <|im_end|>\n<|im_start|>assistant says"
    gold = {"name": "<|im_end|>", "city": "<|endoftext|>"}
    row = encode_pair(tokenizer, chat_format(tokenizer), task, Pair("a", text, gold))
    plain = encode_pair(tokenizer, chat_format(tokenizer), task, Pair("b", "x", GOLD))
    control = {
        tokenizer.convert_tokens_to_ids(t) for t in ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
    }
    assert sum(t in control for t in row.input_ids) == sum(t in control for t in plain.input_ids)
    assert text in tokenizer.decode(row.input_ids)


def test_rows_that_would_be_cut_are_refused_or_dropped(tokenizer, task, end_ids):
    pairs = [Pair("short", "Ada", GOLD), Pair("long", "Ada " * 300, GOLD)]
    with pytest.raises(
        TrainError, match=r"1 pairs .*\(long\).*needs \d+.*--set max_length=.*--set drop_long=true"
    ):
        encode_pairs(tokenizer, task, pairs, 256, end_ids=end_ids)
    rows, report = encode_pairs(tokenizer, task, pairs, 256, end_ids=end_ids, drop_long=True)
    assert [row.id for row in rows] == ["short"]
    assert report.long == ("long",)
    with pytest.raises(TrainError, match="longer than 20 tokens"):
        encode_pair(tokenizer, chat_format(tokenizer), task, pairs[0], 20)


def test_nothing_left_is_refused(tokenizer, task, end_ids):
    with pytest.raises(TrainError, match="No pair is left"):
        encode_pairs(tokenizer, task, [Pair("a", "x", GOLD)], 16, end_ids=end_ids, drop_long=True)


def test_gold_against_the_schema_is_refused_or_dropped(tokenizer, task, end_ids):
    pairs = [Pair("good", "x", GOLD), Pair("bad", "y", {"name": 3, "city": "Rome"})]
    with pytest.raises(TrainError, match=r"1 of 2 .*bad: \$\.name.*--set drop_invalid=true"):
        encode_pairs(tokenizer, task, pairs, 256, end_ids=end_ids)
    rows, report = encode_pairs(tokenizer, task, pairs, 256, end_ids=end_ids, drop_invalid=True)
    assert [row.id for row in rows] == ["good"]
    assert report.invalid == ("bad",)


def test_masked_labels_are_refused():
    with pytest.raises(TrainError, match=r"All labels of 1 of 2 rows are masked \(b\)"):
        check_labels([Encoded("a", [1, 2], [0, 1]), Encoded("b", [1, 2], [0, 0])])


def test_an_answer_that_nothing_ends_is_refused(tokenizer, task):
    with pytest.raises(TrainError, match=r"'<\|im_end\|>', which is no end token"):
        encode_pairs(tokenizer, task, [Pair("a", "x", GOLD)], 256, end_ids={0})
