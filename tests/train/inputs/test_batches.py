"""Which rows make a batch, and which tokens of a batch are learned."""

import pytest

pytest.importorskip("trl")

import torch
from train_parts import make_trainer

from setaccio.data import Pair, load_task
from setaccio.data.task.hf_tokenizer import chat_format
from setaccio.train import load_config
from setaccio.train.inputs.batches import LengthBatches
from setaccio.train.inputs.encode import LENGTH_STEP, encode_pair
from setaccio.train.record.progress import quiet


def test_labels_of_the_collated_batch_are_the_completions(settings, tokenizer, task_file):
    config = load_config(None, settings)
    task = load_task(task_file)
    chat = chat_format(tokenizer)
    pairs = [
        Pair(str(n), "Ada met Ivo. " * n, {"name": "Ada", "city": "Rome"}) for n in range(1, 9)
    ]
    rows = [encode_pair(tokenizer, chat, task, pair) for pair in pairs]
    with quiet():
        batch = next(iter(make_trainer(config, tokenizer, rows).get_train_dataloader()))
    by_length = {len(row.input_ids): row for row in rows}
    # Few distinct lengths on a CPU: each new one costs a compilation.
    step = 1 if torch.cuda.is_available() else LENGTH_STEP
    assert batch["input_ids"].shape == (8, -(-max(by_length) // step) * step)
    for ids, labels, mask in zip(
        batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True
    ):
        row = by_length[int(mask.sum())]
        assert ids[: len(row.input_ids)].tolist() == row.input_ids
        wanted = [t if m else -100 for t, m in zip(row.input_ids, row.completion_mask, strict=True)]
        assert labels.tolist() == wanted + [-100] * (len(ids) - len(wanted))
        answer = tokenizer.decode([t for t in labels.tolist() if t != -100])
        assert answer == '{"name":"Ada","city":"Rome"}<|im_end|>'


def test_batches_hold_every_row_once_in_an_order_of_seed_and_epoch():
    lengths = [n * 7 % 101 for n in range(203)]
    sampler = LengthBatches(lengths, 8, seed=1)
    first = list(sampler)
    assert sorted(first) == list(range(203))
    assert first == list(LengthBatches(lengths, 8, seed=1))
    sampler.set_epoch(1)
    assert list(sampler) != first
    spread = [
        max(lengths[i] for i in first[n : n + 8]) - min(lengths[i] for i in first[n : n + 8])
        for n in range(0, 200, 8)
    ]
    assert sum(spread) / len(spread) < 20
