"""Training goes on from an adapter, a run's or a GGUF's, with old pairs among the new ones.

Run: pytest tests/train/test_continue.py
"""

import json
import shutil

import pytest

pytest.importorskip("trl")

import torch
from safetensors.torch import load_file, save_file
from test_train import Interrupt, losses
from train_parts import make_pairs, write_jsonl

from setaccio.data.errors import TrainError, UsageError
from setaccio.data.records import load_pairs
from setaccio.export import convert_adapter
from setaccio.train import load_config, train
from setaccio.train.dry_run import dry_run
from setaccio.train.inputs.pairs import mixed_pairs, training_pairs
from setaccio.train.inputs.parent import settle

CHANGED = ("rank", "alpha", "target_modules")


@pytest.fixture(scope="module")
def first(tmp_path_factory, small_base, task_file, pairs_file):
    """A finished run of a few steps, with an adapter of a shape of its own."""
    out = tmp_path_factory.mktemp("first") / "run"
    values = {"base": small_base, "task": task_file, "pairs": pairs_file, "out": out}
    values |= {"rank": 4, "alpha": 12, "target_modules": ["q_proj", "up_proj"], "max_steps": 8}
    values |= {"learning_rate": 1e-2, "batch_size": 8, "max_length": 256, "threads": 1}
    return train(load_config(None, {**values, "report_to": "none"})).run


@pytest.fixture
def more(settings, tmp_path):
    """Values of a second run: other people, and nothing of what makes an adapter."""
    rows = [{**row, "id": f"n{row['id']}"} for row in make_pairs(20, seed=9)]
    rows = [{**row, "text": row["text"] + " She said so."} for row in rows]
    kept = {k: v for k, v in settings.items() if k not in (*CHANGED, "base", "task", "max_length")}
    pairs = write_jsonl(tmp_path / "new.jsonl", rows)
    return {**kept, "pairs": str(pairs), "max_steps": 3, "validation_share": 0.1}


@pytest.fixture(scope="module")
def gguf(first, small_base, tmp_path_factory):
    """The first run's adapter as a GGUF that knows where it is from."""
    from setaccio.export.inputs import find_inputs

    found = find_inputs(first)
    out = tmp_path_factory.mktemp("gguf") / "first-adapter.gguf"
    facts = {"task": found.task, "provenance": found.provenance}
    return convert_adapter(small_base, first / "adapter", out, outtype="f32", **facts)


def start(config):
    """Weights of the adapter before the first step."""
    from setaccio.train.fit import Training, build_trainer
    from setaccio.train.inputs.prepare import prepare_inputs
    from setaccio.train.inputs.sources import training_sources
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.record.progress import Reporter

    config = settle(config)
    inputs = prepare_inputs(config, training_sources(config), "trl")
    trainer = build_trainer(Training(inputs, Reporter(Clock(None, 0.0))))
    return {n: p.detach().clone() for n, p in trainer.model.named_parameters() if p.requires_grad}


def test_it_begins_with_the_weights_of_the_run_or_of_its_gguf(first, gguf, more):
    kept = load_file(first / "adapter" / "adapter_model.safetensors")
    own = start(load_config(None, {**more, "continue_from": first}))
    assert {name.replace(".default", "") for name in own} == kept.keys()
    for name, weight in own.items():
        assert torch.equal(weight, kept[name.replace(".default", "")])
    old = {"replay_pairs": load_config(first / "config.yaml").pairs}
    back = start(
        load_config(None, {**more, "continue_from": gguf, "base": first_base(first), **old})
    )
    assert back.keys() == own.keys()
    assert all(torch.equal(back[name], own[name]) for name in own)


def first_base(run):
    return load_config(run / "config.yaml").base


def test_what_is_not_given_is_the_adapters(first, gguf, more, capsys):
    config = load_config(None, {**more, "continue_from": first})
    settled = settle(config)
    old = load_config(first / "config.yaml")
    for name in (*CHANGED, "base", "task", "max_length"):
        assert getattr(settled, name) == getattr(old, name)
    assert settle(settled) == settled
    of_file = settle(load_config(None, {**more, "continue_from": gguf, "base": old.base}))
    assert (of_file.rank, of_file.alpha) == (4, 12)
    assert (of_file.target_modules, of_file.adapter_layers) == (["q_proj", "up_proj"], None)
    assert of_file.task == str(gguf)
    plan = dry_run(config)
    said = " ".join(capsys.readouterr().err.split())
    assert plan.pairs == 36
    assert "rank 4, alpha 12) with 18 new pairs and 18 of 46 old ones" in said
    assert not config.out.exists()


def test_the_run_says_what_it_went_on_from_and_loses_nothing(first, more):
    from setaccio.data.files.digests import file_digest

    result = train(load_config(None, {**more, "continue_from": first, "max_steps": 6}))
    record = json.loads((result.run / "run.json").read_text())
    weights = first / "adapter" / "adapter_model.safetensors"
    assert record["parent_adapter_sha256"] == file_digest(weights)
    assert record["continued_from"] == str(first)
    assert record["replayed_pairs"] == 18 and record["training_pairs"] == 36
    assert any("goes on from" in note for note in record["result"]["notes"])
    before = json.loads((first / "run.json").read_text())["result"]
    learned = before["eval_loss_before"] - before["eval_loss"]
    assert result.eval_loss_before < before["eval_loss_before"] - learned / 2
    assert result.eval_loss < result.eval_loss_before


def test_old_pairs_are_drawn_by_the_seed_and_never_the_evaluated_ones(first, more, tmp_path):
    old = training_pairs(load_config(first / "config.yaml"))
    config = load_config(None, {**more, "continue_from": first})
    mixed = mixed_pairs(config)
    new = len(mixed.learned) - mixed.replayed
    replayed = mixed.learned[new:]
    assert {pair.id for pair in replayed} <= {pair.id for pair in old[0]}
    assert len(mixed.held_out) == 4 and all(pair in old[1] for pair in mixed.held_out[2:])
    assert mixed_pairs(config).learned == mixed.learned
    assert mixed_pairs(config.model_copy(update={"seed": 5})).learned != mixed.learned
    few = mixed_pairs(config.model_copy(update={"replay_share": 0.2}))
    assert few.replayed == round(0.25 * new)
    many = mixed_pairs(config.model_copy(update={"replay_share": 0.9}))
    assert (many.replayed, many.wanted) == (46, 162) and "asks for 162" in many.describe()
    assert mixed_pairs(config.model_copy(update={"replay_share": 0.0})).replayed == 0
    # A document that is brought again takes the place of the old pair, and of its copies.
    again = [pair.to_dict() for pair in load_pairs(more["pairs"])[0]]
    again.append({**old[0][0].to_dict(), "id": "again", "gold": {"name": "X", "city": "Y"}})
    pairs = write_jsonl(tmp_path / "again.jsonl", again)
    update = {"pairs": pairs, "replay_share": 0.9, "validation_share": 0.0}
    twice = mixed_pairs(config.model_copy(update=update))
    texts = [pair.text for pair in twice.learned]
    assert texts.count(old[0][0].text) == 1


def test_a_run_that_went_on_knows_the_pairs_of_both(first, more, tmp_path, monkeypatch):
    second = train(load_config(None, {**more, "continue_from": first, "max_steps": 1})).run
    third = {**more, "continue_from": second, "out": tmp_path / "third", "replay_share": 0.9}
    rows = [{**row, "id": f"t{row['id']}", "text": f"{row['text']} Yes."} for row in make_pairs(9)]
    third["pairs"] = str(write_jsonl(tmp_path / "third.jsonl", rows))
    mixed = mixed_pairs(load_config(None, third))
    assert mixed.known == 46 + 18
    # Relative paths of the old run lead where they led then.
    monkeypatch.chdir(tmp_path)
    relative = {**third, "out": "fourth", "pairs": "third.jsonl", "continue_from": second}
    fourth = train(load_config(None, {**relative, "max_steps": 1})).run.resolve()
    monkeypatch.chdir(first)
    assert mixed_pairs(load_config(None, {**third, "continue_from": fourth})).known == 46 + 18


def test_a_cut_off_run_goes_on_to_the_same_losses(first, more, tmp_path):
    values = {**more, "continue_from": first, "save_steps": 2, "max_steps": 6}
    whole = train(load_config(None, {**values, "out": tmp_path / "whole"}))
    config = load_config(None, {**values, "out": tmp_path / "cut"})
    with pytest.raises(KeyboardInterrupt):
        train(config, [Interrupt(5)])
    resumed = train(config.model_copy(update={"resume": True}))
    assert losses(resumed.run) == pytest.approx(losses(whole.run), abs=1e-6)
    by_file = load_config(resumed.run / "config.yaml", {"resume": True})
    assert train(by_file) == resumed


def test_the_parent_that_changed_is_noticed(first, more, tmp_path):
    parent = shutil.copytree(first, tmp_path / "parent")
    config = load_config(None, {**more, "continue_from": parent, "save_steps": 1})
    with pytest.raises(KeyboardInterrupt):
        train(config, [Interrupt(2)])
    file = parent / "adapter" / "adapter_model.safetensors"
    save_file({name: 2 * tensor for name, tensor in load_file(file).items()}, file)
    with pytest.raises(UsageError, match="another content of: parent adapter"):
        train(config.model_copy(update={"resume": True}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rank": 8}, r"has rank 4, and rank: 8 was asked for\. Leave rank out"),
        ({"alpha": 4}, r"has alpha 12\.0, and alpha: 4\.0 was asked for"),
        ({"target_modules": "all-linear"}, r"has target_modules q_proj, up_proj, and .*all-linear"),
        ({"dora": True}, "has dora False, and dora: True"),
        ({"adapter_layers": 1}, "has adapter_layers None, and adapter_layers: 1"),
    ],
)
def test_a_setting_that_contradicts_the_adapter_is_refused(first, gguf, more, given, said):
    for parent in (first, gguf):
        values = {**more, "continue_from": parent, "base": first_base(first), **given}
        with pytest.raises(UsageError, match=said):
            train(load_config(None, values))
    assert not load_config(None, more).out.exists()


def test_the_same_said_otherwise_is_no_contradiction(first, gguf, more):
    values = {**more, "continue_from": gguf, "base": first_base(first), "rslora": True, "alpha": 6}
    assert settle(load_config(None, values)).alpha == 6  # 6 * sqrt(4) / 4 is 12 / 4
    values = {**more, "continue_from": first, "target_modules": ["up_proj", "q_proj"]}
    assert settle(load_config(None, values)).target_modules == ["up_proj", "q_proj"]


def test_an_adapter_of_another_base_is_refused(first, gguf, more, small_base, tmp_path):
    base = shutil.copytree(small_base, tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    save_file({n: 2 * t for n, t in weights.items()}, base / "model.safetensors", {"format": "pt"})
    old = {"replay_pairs": load_config(first / "config.yaml").pairs}
    for parent in (first, gguf):
        values = {**more, **old, "continue_from": parent, "base": base}
        with pytest.raises(TrainError, match=r"was trained on small \(SHA-256 .*base has other"):
            train(load_config(None, values))


def test_wrong_parents_are_one_line(first, gguf, more, tmp_path):
    def refused(parent, match, **values):
        with pytest.raises(UsageError, match=match):
            train(load_config(None, {**more, "continue_from": parent, **values}))

    refused(tmp_path / "gone", "gone: no such run or file")
    refused(tmp_path, "holds no training run")
    cut = shutil.copytree(first, tmp_path / "cut")
    (cut / "run.json").unlink()
    refused(cut, r"not finished.*setaccio train --config .*--resume")
    whole = shutil.copytree(first, tmp_path / "whole")
    (whole / "adapter").rename(whole / "model")
    (whole / "model" / "config.json").write_text("{}")
    refused(whole, r"trained whole.*--base .*model")
    refused(gguf, r"does not know which pairs.*replay_pairs=FILE", base=first_base(first))
    refused(first, "goes on with an adapter", method="full")
    with pytest.raises(UsageError, match="replay_pairs goes with continue_from"):
        load_config(None, {**more, "replay_pairs": more["pairs"]})
    moved = shutil.copytree(first, tmp_path / "moved")
    text = (moved / "config.yaml").read_text()
    pairs = load_config(first / "config.yaml").pairs
    other = write_jsonl(tmp_path / "other.jsonl", make_pairs(48, seed=3))
    (moved / "config.yaml").write_text(text.replace(str(pairs), str(other)))
    refused(moved, r"other\.jsonl: is not what .* has learned from.*replay_share=0")
    (moved / "config.yaml").write_text(text.replace(str(pairs), "gone.jsonl"))
    refused(moved, r"pairs are not there any more.*replay_pairs=FILE")
    assert len(load_pairs(pairs)[0]) == 48


def test_what_is_more_than_plain_comes_along(more, tmp_path, small_base, task_file, pairs_file):
    values = {**more, "base": small_base, "task": task_file, "max_length": 256, "rank": 4}
    values |= {"train_embeddings": True, "dora": True, "max_steps": 2, "out": tmp_path / "a"}
    one = train(load_config(None, {**values, "pairs": pairs_file})).run
    kept = load_file(one / "adapter" / "adapter_model.safetensors")
    own = start(load_config(None, {**more, "continue_from": one, "out": tmp_path / "b"}))
    lengths = {n.replace(".default.weight", ""): w for n, w in own.items() if "magnitude" in n}
    assert lengths and all(torch.equal(w, kept[n]) for n, w in lengths.items())
    whole = [w for n, w in own.items() if "embed_tokens" in n]
    assert whole and torch.equal(whole[0], kept["base_model.model.model.embed_tokens.weight"])
