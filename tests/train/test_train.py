"""Real trainings of a model that takes seconds: losses, run folder, resume, budget."""

import importlib.metadata
import importlib.util
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
from transformers import AutoModelForCausalLM, TrainerCallback

from setaccio.data import Task, load_task
from setaccio.data.errors import DataError, MissingExtraError, TrainError, UsageError
from setaccio.data.files.locks import lock_folder
from setaccio.train import load_config, train
from setaccio.train.backend.base import resolve_base
from setaccio.train.record.progress import read_metrics


class Interrupt(TrainerCallback):
    """Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args, state, control, **_):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def losses(run):
    return {
        row["step"]: row["loss"] for row in read_metrics(run / "metrics.jsonl") if "loss" in row
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small_base, task_file, pairs_file):
    """One finished run of 30 steps, with TensorBoard."""
    config = load_config(
        None,
        {
            "base": str(small_base),
            "task": str(task_file),
            "pairs": str(pairs_file),
            "out": str(tmp_path_factory.mktemp("trained") / "run"),
            "rank": 8,
            "alpha": 16,
            "learning_rate": 1e-2,
            "batch_size": 8,
            "max_steps": 30,
            "eval_steps": 15,
            "max_length": 256,
            "validation_share": 0.1,
            "threads": 1,
        },
    )
    return config, train(config)


def test_the_loss_falls(trained):
    _, result = trained
    assert result.steps == 30
    assert result.eval_loss < result.eval_loss_before - 0.5
    assert result.train_loss < losses(result.run)[1] - 0.5


def test_the_run_folder_holds_what_it_should(trained):
    config, result = trained
    run = result.run
    record = json.loads((run / "run.json").read_text())
    assert record["base_model"] == "small"
    assert record["base_sha256"] == resolve_base(config.base).digest()
    assert len(record["training_data_sha256"]) == 64
    assert (record["training_pairs"], record["evaluation_pairs"]) == (43, 5)
    assert record["versions"]["torch"] == importlib.metadata.version("torch")
    assert record["result"]["steps"] == 30
    assert load_config(run / "config.yaml").differences(config) == []
    assert Task.from_metadata((run / "task.json").read_text()) == load_task(config.task)
    assert list((run / "tensorboard").iterdir())
    steps = [row["step"] for row in read_metrics(run / "metrics.jsonl") if "eval_loss" in row]
    assert steps == [0, 15, 30]
    names = {path.name for path in result.adapter.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json"} <= names
    assert "chat_template.jinja" in names
    assert not list(run.glob(".*"))


def test_embeddings_are_trained_tied_and_resumed(trained, tmp_path):
    from safetensors.torch import load_file

    first, _ = trained
    config = first.model_copy(
        update={
            "out": tmp_path / "whole",
            "train_embeddings": True,
            "max_steps": 6,
            "save_steps": 3,
        }
    )
    whole = train(config)
    weights = load_file(whole.adapter / "adapter_model.safetensors")
    embeddings = weights["base_model.model.model.embed_tokens.weight"]
    assert embeddings.dtype == torch.float32
    assert torch.equal(embeddings, weights["base_model.model.lm_head.weight"])
    base = AutoModelForCausalLM.from_pretrained(config.base)
    assert not torch.equal(embeddings, base.get_input_embeddings().weight.float())

    halved = config.model_copy(update={"out": tmp_path / "halved"})
    with pytest.raises(KeyboardInterrupt):
        train(halved, callbacks=[Interrupt(4)])
    train(halved.model_copy(update={"resume": True}))
    assert losses(tmp_path / "halved") == pytest.approx(losses(tmp_path / "whole"), abs=1e-6)


def test_the_adapter_loads_in_float32_and_changes_the_model(trained):
    from peft import PeftModel
    from safetensors.torch import load_file

    config, result = trained
    weights = load_file(result.adapter / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    ids = torch.arange(20)[None]
    base = AutoModelForCausalLM.from_pretrained(config.base).eval()
    with torch.inference_mode():
        before = base(ids).logits.clone()
        after = PeftModel.from_pretrained(base, result.adapter).eval()(ids).logits
    assert (before - after).abs().max() > 0.1


def test_an_earlier_run_is_refused_and_a_finished_one_is_returned(trained):
    config, result = trained
    with pytest.raises(UsageError, match=r"a run is there.*--resume.*--overwrite"):
        train(config)
    assert train(config.model_copy(update={"resume": True})) == result
    with pytest.raises(UsageError, match=r"other settings.*\(seed differ\)"):
        train(config.model_copy(update={"resume": True, "seed": 9}))


def test_inputs_that_changed_under_their_name_are_refused(settings, small_base, tmp_path):
    """A resumed run compares what files hold, not how they are called."""
    from safetensors.torch import load_file, save_file

    base = shutil.copytree(small_base, tmp_path / "base")
    pairs = shutil.copy(settings["pairs"], tmp_path / "pairs.jsonl")
    values = {**settings, "base": str(base), "pairs": str(pairs), "save_steps": 1}
    config = load_config(None, values)
    with pytest.raises(KeyboardInterrupt):
        train(config, [Interrupt(2)])
    resumed = config.model_copy(update={"resume": True})
    before = pairs.read_text()
    pairs.write_text(before.replace("Ada", "Eva"))
    with pytest.raises(UsageError, match=r"another content of: pairs, eval pairs .*--overwrite"):
        train(resumed)
    pairs.write_text(before)
    weights = load_file(base / "model.safetensors")
    save_file({name: 2 * tensor for name, tensor in weights.items()}, base / "model.safetensors")
    with pytest.raises(UsageError, match="another content of: base "):
        train(resumed)


def test_bad_lines_are_refused_or_left_out_and_counted(settings, tmp_path, capsys):
    pairs = tmp_path / "pairs.jsonl"
    good = Path(settings["pairs"]).read_text()
    pairs.write_text("{broken\n" + good)
    values = {**settings, "pairs": str(pairs), "max_steps": 1}
    with pytest.raises(DataError, match=r"pairs\.jsonl:1: not JSON"):
        train(load_config(None, values))
    result = train(load_config(None, {**values, "skip_bad": True}))
    assert "pairs.jsonl:1: not JSON" in capsys.readouterr().err
    record = json.loads((result.run / "run.json").read_text())
    assert record["left_out"] == {"long": 0, "invalid": 0, "bad_lines": 1}
    assert record["training_pairs"] + record["evaluation_pairs"] == len(good.splitlines())


def test_a_folder_of_something_else_is_left_alone(settings, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="not a training run"):
        train(load_config(None, {**settings, "overwrite": True}))
    assert (out / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("minutes", [None, 60])
def test_an_interrupted_run_goes_on_to_the_same_losses(settings, tmp_path, minutes):
    values = {**settings, "dropout": 0.1, "save_steps": 4, "validation_share": 0, "epochs": 2}
    whole = train(load_config(None, {**values, "out": tmp_path / "whole"}))
    config = load_config(None, {**values, "out": tmp_path / "cut", "max_minutes": minutes})
    with pytest.raises(KeyboardInterrupt):
        train(config, [Interrupt(9)])
    assert max(losses(config.out)) in (8, 9)
    with pytest.raises(UsageError, match="--resume"):
        train(config)
    resumed = train(config.model_copy(update={"resume": True}))
    assert resumed.steps == whole.steps == 10
    expected, found = losses(whole.run), losses(resumed.run)
    assert list(found) == list(range(1, 11))
    # The budget is far away: steps lead the schedule, and both runs agree.
    assert [found[step] for step in found] == pytest.approx([expected[step] for step in expected])
    assert resumed.tokens == whole.tokens


def test_a_checkpoint_that_was_cut_off_while_it_was_written_is_passed_over(settings, tmp_path):
    from setaccio.train.record.run_folder import last_checkpoint

    values = {**settings, "save_steps": 2, "max_steps": 6, "out": tmp_path / "cut"}
    config = load_config(None, values)
    with pytest.raises(KeyboardInterrupt):
        train(config, [Interrupt(5)])
    newest = config.out / "checkpoints" / "checkpoint-4"
    assert last_checkpoint(config.out) == newest
    state = (newest / "trainer_state.json").read_text()
    for cut in ("", state[: len(state) // 2]):
        (newest / "trainer_state.json").write_text(cut)
        assert last_checkpoint(config.out) == newest.with_name("checkpoint-2")
    assert train(config.model_copy(update={"resume": True})).steps == 6


def test_the_time_budget_ends_the_training(settings):
    del settings["max_steps"]
    result = train(load_config(None, {**settings, "max_minutes": 0.02}))
    assert result.stopped_by == "time"
    assert result.steps >= 1
    assert result.eval_loss is not None
    assert (result.adapter / "adapter_model.safetensors").is_file()


def test_a_refusal_leaves_no_run_behind(settings, tmp_path):
    with pytest.raises(TrainError, match="--set max_length="):
        train(load_config(None, {**settings, "max_length": 20}))
    assert not (tmp_path / "run").exists()


def test_two_at_once_do_not_share_a_folder(settings, tmp_path):
    with (
        lock_folder(tmp_path / "other"),
        pytest.raises(UsageError, match="other: another process writes there"),
    ):
        train(load_config(None, {**settings, "out": tmp_path / "other", "resume": True}))


def test_a_diverging_loss_is_said(settings):
    with pytest.raises(TrainError, match="no longer a number at step"):
        train(load_config(None, {**settings, "learning_rate": 1e30, "max_grad_norm": 1e30}))


@pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is not None, reason="bitsandbytes is here"
)
def test_qlora_without_bitsandbytes_says_what_to_install(settings):
    with pytest.raises(MissingExtraError, match=r"bitsandbytes.*\[gpu\]"):
        train(load_config(None, {**settings, "method": "qlora"}))


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="needs bitsandbytes")
def test_qlora_trains_on_a_cpu_after_an_evaluation(settings):
    result = train(load_config(None, {**settings, "method": "qlora"}))
    assert result.eval_loss < result.eval_loss_before


@pytest.mark.skipif(importlib.util.find_spec("unsloth") is not None, reason="Unsloth is here")
def test_unsloth_demanded_and_absent_says_what_to_install(settings):
    with pytest.raises(MissingExtraError, match=r"unsloth.*\[gpu\]"):
        train(load_config(None, {**settings, "backend": "unsloth"}))
