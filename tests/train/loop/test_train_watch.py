"""Runs that get worse: stopped early, the best weights kept, overfitting and divergence said."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from setaccio.data.errors import TrainError
from setaccio.train import load_config, train
from setaccio.train.loop.early_stopping import EarlyStopping
from setaccio.train.loop.saving import Kept, read_kept
from setaccio.train.record.progress import read_metrics

EVALUATED = {"eval_steps": 2, "validation_share": 0.1}


class Poison(TrainerCallback):
    """Makes a weight infinite after a step, as a bad kernel or an overflow does."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, model, **_):
        if state.global_step == self.step:
            next(p for p in model.parameters() if p.requires_grad).data.fill_(float("inf"))


@pytest.fixture
def overfitting(settings, tmp_path):
    """Four pairs to learn by heart, and others, with other names, to evaluate on."""
    learned, held_out = tmp_path / "few.jsonl", tmp_path / "others.jsonl"
    learned.write_text("".join(Path(settings["pairs"]).read_text().splitlines(True)[:4]))
    others = [
        {"id": f"o{n}", "text": f"{b} met {a} in Bari.", "gold": {"name": a, "city": b}}
        for n, (a, b) in enumerate([("Zoe", "Oslo"), ("Yan", "Cork"), ("Xia", "Lyon")])
    ]
    held_out.write_text("".join(json.dumps(row) + "\n" for row in others))
    return {
        **settings,
        "pairs": str(learned),
        "eval_pairs": str(held_out),
        "eval_steps": 2,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "train_embeddings": True,  # adapters alone can not learn names by heart on random weights
        "schedule": "constant",
        "max_steps": 100,
    }


def evals(run):
    rows = read_metrics(run / "metrics.jsonl")
    return {row["step"]: row["eval_loss"] for row in rows if "eval_loss" in row}


def test_a_run_that_overfits_is_stopped_and_its_best_weights_are_the_result(overfitting, capsys):
    config = load_config(None, {**overfitting, "patience": 3})
    result = train(config)
    found = evals(result.run)
    best = min((step for step in found if step), key=found.get)
    assert result.stopped_by == "patience"
    assert result.steps == best + 6
    assert result.result_step == best
    assert result.eval_loss == found[best]
    said = capsys.readouterr().err
    assert "stopped early: 3 evaluations in a row" in said
    assert "overfitting: at step" in said
    assert f"the weights of step {best} are the result" in " ".join(said.split())
    kept = load_file(result.run / "checkpoints" / "best" / "trained.safetensors")
    saved = load_file(result.adapter / "adapter_model.safetensors")
    assert {float(t.double().sum()) for t in kept.values()} == {
        float(t.double().sum()) for t in saved.values()
    }
    record = json.loads((result.run / "run.json").read_text())["result"]
    assert any("overfitting" in note for note in record["notes"])


def test_without_keep_best_the_last_weights_are_the_result(overfitting):
    result = train(load_config(None, {**overfitting, "keep_best": False, "max_steps": 20}))
    assert result.result_step == 20
    assert not (result.run / "checkpoints" / "best").exists()


def test_an_infinite_weight_is_noticed_and_the_last_good_state_kept(settings):
    config = load_config(None, {**settings, **EVALUATED, "save_steps": 0})
    with pytest.raises(TrainError, match=r"no longer a number at step 8.*step 6, are kept in"):
        train(config, [Poison(7)])
    weights = load_file(config.out / "adapter" / "adapter_model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    record = json.loads((config.out / "run.json").read_text())["result"]
    assert (record["stopped_by"], record["result_step"]) == ("divergence", 6)
    assert record["eval_loss"] == evals(config.out)[6]


def test_without_evaluations_the_last_checkpoint_is_kept(settings):
    values = {**settings, "validation_share": 0, "save_steps": 3}
    config = load_config(None, values)
    with pytest.raises(TrainError, match=r"step 3, are kept"):
        train(config, [Poison(5)])
    weights = load_file(config.out / "adapter" / "adapter_model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


def test_a_run_that_diverges_at_once_leaves_nothing(settings):
    values = {**settings, "learning_rate": 1e30, "max_grad_norm": 1e30}
    config = load_config(None, values)
    with pytest.raises(TrainError, match=r"no longer a number at step .*No state before"):
        train(config)
    assert not (config.out / "run.json").exists()


def judge(watch, step, loss, trained=None, l3=None):
    state = SimpleNamespace(global_step=step, max_steps=10**6, is_world_process_zero=True)
    control = SimpleNamespace(should_training_stop=False, should_save=False)
    if trained is not None:
        watch.on_log(None, state, control, {"loss": trained})
    weights = torch.nn.Linear(2, 2)
    metrics = {"eval_loss": loss} if l3 is None else {"eval_loss": loss, "eval_l3": l3}
    watch.on_evaluate(None, state, control, metrics, model=weights)
    return control.should_training_stop


def test_patience_counts_evaluations_since_the_best_one(tmp_path):
    config = load_config(None, {"pairs": "p", "out": "o", "patience": 2})
    watch = EarlyStopping(config, tmp_path / "best", [].append)
    assert not judge(watch, 0, 0.1)  # before the first step: no result
    assert not judge(watch, 1, 5.0)
    assert not judge(watch, 2, 6.0)
    assert not judge(watch, 3, 4.0)
    assert read_kept(tmp_path / "best") == Kept(3, 4.0)
    assert not judge(watch, 4, 4.5)
    assert judge(watch, 5, 4.2)


def test_a_resumed_run_knows_the_evaluations_before(tmp_path):
    config = load_config(None, {"pairs": "p", "out": "o", "patience": 2})
    history = [{"step": 1, "eval_loss": 4.0}, {"step": 2, "eval_loss": 5.0}]
    watch = EarlyStopping(config, tmp_path / "best", [].append, history)
    assert watch.best == Kept(1, 4.0)
    assert judge(watch, 3, 4.5)


def test_a_worse_loss_is_overfitting_only_while_the_training_loss_falls(tmp_path):
    config = load_config(None, {"pairs": "p", "out": "o"})
    said = []
    watch = EarlyStopping(config, tmp_path / "best", said.append)
    for step in range(1, 6):
        judge(watch, step, 1.0 + step, trained=1.0 + step)  # both rise: divergence
    assert said == []
    for step in range(6, 12):
        judge(watch, step, 1.0 + step, trained=1.0 / step)
    assert len(said) == 1
    assert "overfitting: at step 7" in said[0]
