"""Full fine-tuning, rsLoRA, DoRA, packing and weights: real trainings of a small model."""

import json
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
from train_parts import make_trainer
from transformers import AutoModelForCausalLM

from setaccio.data import Task, load_task
from setaccio.data.errors import TrainError, UsageError
from setaccio.data.records import load_pairs
from setaccio.data.task.hf_tokenizer import chat_format
from setaccio.train import load_config, train
from setaccio.train.inputs.batches import dataset
from setaccio.train.inputs.encode import Encoded, encode_pair
from setaccio.train.inputs.packing import check_no_leak, pack
from setaccio.train.kernels.loss import completion_loss
from setaccio.train.record.progress import quiet


@pytest.fixture(scope="module")
def rows(tokenizer, task_file, pairs_file):
    task, chat = load_task(task_file), chat_format(tokenizer)
    return [encode_pair(tokenizer, chat, task, pair) for pair in load_pairs(pairs_file)[0]]


def model_of(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def tensors(batch):
    return {name: torch.tensor([batch[name]]) for name in ("input_ids", "labels")}


def test_full_fine_tuning_leaves_a_model_that_export_takes(settings, small_base):
    from setaccio.export.inputs import find_inputs

    values = {**settings, "method": "full", "learning_rate": 3e-3, "train_embeddings": True}
    result = train(load_config(None, values))
    assert result.eval_loss < result.eval_loss_before - 0.3
    assert result.adapter == result.run / "model"
    before, after = model_of(small_base), model_of(result.adapter)
    same = [
        torch.equal(old, new)
        for old, new in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert not any(same)
    found = find_inputs(result.adapter)
    assert found.adapter is None
    assert found.task == Task.from_metadata((result.run / "task.json").read_text())
    assert found.provenance["base_model"] == "small"
    assert not (result.run / "adapter").exists()
    assert train(load_config(None, {**values, "resume": True})) == result


def test_a_full_training_goes_on_after_a_kill(settings, tmp_path):
    from test_train import Interrupt, losses

    values = {**settings, "method": "full", "save_steps": 2, "max_steps": 5}
    whole = train(load_config(None, {**values, "out": tmp_path / "whole"}))
    cut = load_config(None, {**values, "out": tmp_path / "cut"})
    with pytest.raises(KeyboardInterrupt):
        train(cut, [Interrupt(3)])
    train(cut.model_copy(update={"resume": True}))
    assert losses(cut.out) == pytest.approx(losses(whole.run), abs=1e-5)


def test_gradient_checkpointing_changes_nothing_that_is_learned(settings, tmp_path):
    from test_train import losses

    values = {**settings, "precision": "fp32", "gradient_accumulation": 2, "max_steps": 3}
    plain = train(load_config(None, {**values, "out": tmp_path / "plain"}))
    saving = {**values, "gradient_checkpointing": True, "out": tmp_path / "saving"}
    found = train(load_config(None, saving))
    assert list(losses(found.run)) == [1, 2, 3]
    assert losses(found.run) == pytest.approx(losses(plain.run), abs=1e-5)


@pytest.mark.parametrize("variant", ["rslora", "dora"])
def test_variants_of_lora_train_and_merge(settings, tmp_path, variant):
    from setaccio.export.merging.merge import merge

    result = train(load_config(None, {**settings, variant: True}))
    assert result.eval_loss < result.eval_loss_before - 0.3
    saved = json.loads((result.adapter / "adapter_config.json").read_text())
    assert saved[f"use_{variant}"] is True
    report = merge(Path(settings["base"]), result.adapter, tmp_path / "m")
    assert report.changed


def test_settings_that_exclude_each_other_are_refused():
    given = {"pairs": "p", "out": "o"}
    with pytest.raises(UsageError, match="full trains no adapter"):
        load_config(None, {**given, "method": "full", "dora": True})
    with pytest.raises(UsageError, match="quantisation_aware needs an adapter"):
        load_config(None, {**given, "method": "full", "quantisation_aware": "int4"})
    with pytest.raises(UsageError, match="set eval_steps"):
        load_config(None, {**given, "patience": 2, "eval_steps": 0})


def test_training_aware_of_quantisation_is_refused_without_a_gpu(settings):
    config = load_config(None, {**settings, "backend": "trl", "quantisation_aware": "int4"})
    with pytest.raises(TrainError, match=r"quantisation_aware: only the Unsloth back end"):
        train(config)


def test_packed_rows_are_full_and_hold_every_pair_once(rows):
    packed = pack(rows, 256)
    assert len(packed) < len(rows) / 2
    assert max(packed["length"]) <= 256
    found = []
    for row in packed:
        starts = [index for index, place in enumerate(row["position_ids"]) if place == 0]
        for begin, end in zip(starts, [*starts[1:], row["length"]], strict=True):
            found.append((tuple(row["input_ids"][begin:end]), tuple(row["labels"][begin:end])))
    assert sorted(found) == sorted((tuple(row.input_ids), tuple(row.labels)) for row in rows)


def test_a_packed_row_has_the_loss_of_its_pairs_alone(rows, small_base):
    model = model_of(small_base).eval()
    row = pack(rows, 256)[0]
    batch = {name: torch.tensor([row[name]]) for name in ("input_ids", "labels", "position_ids")}
    starts = [index for index, place in enumerate(row["position_ids"]) if place == 0]
    assert len(starts) > 1
    ends = [*starts[1:], row["length"]]
    with torch.inference_mode():
        together = completion_loss(model, batch, bf16=False, num_items_in_batch=1)
        alone = sum(
            completion_loss(
                model,
                {name: batch[name][:, begin:end] for name in ("input_ids", "labels")},
                bf16=False,
                num_items_in_batch=1,
            )
            for begin, end in zip(starts, ends, strict=True)
        )
        del batch["position_ids"]
        leaking = completion_loss(model, batch, bf16=False, num_items_in_batch=1)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert abs(float(leaking - alone)) > 1e-3


def test_a_model_whose_attention_leaks_is_refused(small_base):
    model = model_of(small_base)
    check_no_leak(model)

    def forget_places(module, given, named):
        named.pop("position_ids")
        return given, named

    model.base_model.register_forward_pre_hook(forget_places, with_kwargs=True)
    with pytest.raises(TrainError, match="packing: with this model attention leaks"):
        check_no_leak(model)


def test_packed_training_learns(settings):
    values = {**settings, "packing": True, "batch_size": 2, "max_steps": 12}
    result = train(load_config(None, values))
    assert result.eval_loss < result.eval_loss_before - 0.5


def test_weights_multiply_the_loss(rows, small_base):
    model = model_of(small_base).eval()
    batch = tensors({"input_ids": rows[0].input_ids, "labels": rows[0].labels})
    with torch.inference_mode():
        plain = completion_loss(model, batch, bf16=False)
        batch["weights"] = torch.full(batch["input_ids"].shape, 0.25)
        weighed = completion_loss(model, batch, bf16=False)
    torch.testing.assert_close(weighed, plain / 4)


def test_weights_stand_in_the_data_set_only_where_one_differs(rows):
    ids, mask = rows[0].input_ids, rows[0].completion_mask
    light = Encoded("light", ids, mask, weight=0.5)
    assert "weights" not in dataset([Encoded("a", ids, mask), rows[1]]).column_names
    assert dataset([rows[1], light])["weights"][1] == [0.5] * len(ids)
    assert "weights" not in dataset([light], by_length=True).column_names
    assert {0.5, 1.0} == {w for row in pack([rows[1], light], 512)["weights"] for w in row}


def test_a_pair_of_weight_nothing_teaches_nothing(settings, tokenizer, rows):
    config = load_config(None, {**settings, "max_steps": 2, "gradient_accumulation": 2})
    weighed = [Encoded(row.id, row.input_ids, row.completion_mask, weight=0.0) for row in rows]
    with quiet():
        trainer = make_trainer(config, tokenizer, weighed)
        before = [p.detach().clone() for p in trainer.model.parameters() if p.requires_grad]
        trainer.train()
    after = [p for p in trainer.model.parameters() if p.requires_grad]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
