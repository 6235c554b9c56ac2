"""Weights and examples reach the rows; what is learned can be looked at."""

import json

import pytest

from setaccio.data import Pair, load_task
from setaccio.data.errors import TrainError
from setaccio.data.task.hf_tokenizer import chat_format
from setaccio.data.task.task import Shot
from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.encode import encode_pair, encode_pairs
from setaccio.train.inputs.pairs import training_pairs
from setaccio.train.inputs.sample import LEARNED, MASKED, show_batch

GOLD = {"name": "Ada", "city": "Rome"}
SHOT = Shot(text="Bo of Pisa", gold={"name": "Bo", "city": "Pisa"})


@pytest.fixture
def task(task_file):
    return load_task(task_file)


def test_weight_and_examples_reach_the_row(tokenizer, task):
    chat = chat_format(tokenizer)
    plain = encode_pair(tokenizer, chat, task, Pair("a", "x", GOLD))
    shown = encode_pair(tokenizer, chat, task, Pair("a", "x", GOLD, 0.5, (SHOT,)))
    assert (plain.weight, shown.weight) == (1.0, 0.5)
    prompt = tokenizer.decode(
        [t for t, m in zip(shown.input_ids, shown.completion_mask, strict=True) if not m]
    )
    assert "Bo of Pisa" in prompt
    assert '{"name":"Bo","city":"Pisa"}' in prompt
    assert [label for label in shown.labels if label != -100] == [
        label for label in plain.labels if label != -100
    ]


def test_examples_that_break_the_schema_are_refused(tokenizer, task):
    pair = Pair("a", "x", GOLD, 1.0, (Shot(text="u", gold={"name": "Bo"}),))
    with pytest.raises(TrainError, match=r"a: of an example: \$: 'city' is a required"):
        encode_pairs(tokenizer, task, [pair], 256, end_ids={tokenizer.eos_token_id})


def styled(text, style):
    return "".join(text.plain[span.start : span.end] for span in text.spans if span.style == style)


def test_the_loss_is_on_the_completion_of_the_collated_batch(tokenizer, task):
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    chat = chat_format(tokenizer)
    pairs = [Pair("a", "Ada ½ of Rome", GOLD), Pair("b", "x " * 20, GOLD, 2.0)]
    rows = [encode_pair(tokenizer, chat, task, pair) for pair in pairs]
    collate = DataCollatorForLanguageModeling(tokenizer.pad_token_id)
    batch = collate([{"input_ids": row.input_ids, "labels": row.labels} for row in rows])
    for shown in (show_batch(batch, tokenizer), show_batch(rows, tokenizer)):
        answer = '⟪{"name":"Ada","city":"Rome"}<|im_end|>⟫'
        assert styled(shown, LEARNED) == answer * 2
        grey = styled(shown, MASKED)
        assert "Ada ½ of Rome" in grey
        assert "Find the person." in grey
        assert '"Ada"' not in grey
    padding = batch["input_ids"].shape[1] - len(rows[0].input_ids)
    assert f", {padding} of padding" in show_batch(batch, tokenizer).plain
    assert "weight 2" in show_batch(rows, tokenizer).plain
    assert "and 1 more rows" in show_batch(rows, tokenizer, limit=1).plain


def settings(path, **more):
    return TrainConfig(pairs=str(path), out="run", **{"validation_share": 0.3, "seed": 0, **more})


def test_copies_of_a_pair_are_never_divided(tmp_path):
    path = tmp_path / "pairs.jsonl"
    names = [f"{n}{copy}" for n in range(20) for copy in ("", "~typos1", "~case1")]
    rows = [{"id": name, "text": name, "gold": {}} for name in names]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    learned, held_out, _ = training_pairs(settings(path))
    origins = [{pair.id.split("~")[0] for pair in part} for part in (learned, held_out)]
    assert len(learned) + len(held_out) == 60
    assert len(origins[1]) == 6
    assert not origins[0] & origins[1]


def test_other_formats_and_slices_are_learned_from(tmp_path):
    path = tmp_path / "chats.jsonl"
    row = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{}"}]}
    path.write_text((json.dumps(row) + "\n") * 10)
    learned, held_out, _ = training_pairs(settings(f"{path}[:4]", validation_share=0.25))
    assert (len(learned), len(held_out)) == (3, 1)
