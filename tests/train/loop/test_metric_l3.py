"""Trainings that are judged by L3 of constrained extraction: a real model extracts real documents.

Run: pytest tests/train/loop/test_metric_l3.py
"""

import json

import pytest

pytest.importorskip("trl")

from test_train import losses
from test_train_watch import judge
from train_parts import make_pairs, write_jsonl

from setaccio.cli.train.l3 import ExtractionScorer
from setaccio.data.errors import TrainError, UsageError
from setaccio.eval.evaluate import evaluate
from setaccio.export import export
from setaccio.train import load_config, train
from setaccio.train.loop.early_stopping import EarlyStopping
from setaccio.train.loop.saving import Kept, read_kept
from setaccio.train.loop.scoring import check_scorer
from setaccio.train.record.progress import read_metrics


def shares(run):
    rows = read_metrics(run / "metrics.jsonl")
    return {row["step"]: row["eval_l3"] for row in rows if "eval_l3" in row}


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["plain-lora", "embeddings-too"])
def test_the_tiny_model_is_judged_by_what_it_extracts(settings, tiny_base, tmp_path, whole):
    """The L3 of the result is what its exported GGUF gives on the same documents."""
    held_out = write_jsonl(tmp_path / "held-out.jsonl", make_pairs(6, seed=5))
    values = {
        **settings,
        "base": str(tiny_base),
        "eval_pairs": str(held_out),
        "train_embeddings": whole,
        "learning_rate": 2e-3,
        "max_steps": 6,
        "eval_steps": 3,
        "metric_for_best": "l3",
        "l3_documents": 4,
    }
    config = load_config(None, values)
    with ExtractionScorer(config) as scorer:
        result = train(config, scorer=scorer)
        assert (result.run / "l3").is_dir()
    found = shares(result.run)
    assert list(found) == [0, 3, 6]
    assert result.l3_before == found[0]
    assert result.l3 == found[result.result_step]
    assert not (result.run / "l3").exists()
    assert not (result.run / "checkpoints" / "present").exists()

    file = export(result.run, tmp_path / "gguf").files[0].path
    exported = evaluate(file, scorer.pairs, constraints=["schema"]).arms[0].summary
    assert exported.documents == 4
    assert exported.l3.mean == result.l3 > 0


def test_scoring_changes_nothing_that_is_learned(settings, tmp_path):
    """Dropout draws random numbers: they are the same whether something is extracted or not."""
    values = {**settings, "dropout": 0.1, "eval_steps": 2, "max_steps": 5}
    plain = train(load_config(None, {**values, "out": tmp_path / "plain"}))
    config = load_config(None, {**values, "out": tmp_path / "l3", "metric_for_best": "l3"})
    with ExtractionScorer(config) as scorer:
        judged = train(config, scorer=scorer)
    assert losses(judged.run) == losses(plain.run)
    assert plain.l3 is None and judged.l3 is not None


def test_a_whole_model_is_scored_too(settings):
    values = {**settings, "method": "full", "max_steps": 2, "metric_for_best": "l3"}
    config = load_config(None, values)
    with ExtractionScorer(config, documents=1) as scorer:
        result = train(config, scorer=scorer)
    assert list(shares(result.run)) == [0, 2]
    assert shares(result.run)[2] in (0.0, 1.0)


def test_the_run_stops_on_l3_and_keeps_the_weights_of_its_best(settings, capsys):
    """The loss goes on falling; what is counted is the share of documents."""
    seen = []

    def scorer(folder):
        assert (folder / "adapter" / "adapter_model.safetensors").is_file()
        seen.append(len(seen))
        return {1: 0.25, 2: 0.75}.get(seen[-1], 0.5)

    values = {**settings, "max_steps": 50, "eval_steps": 1, "patience": 3, "metric_for_best": "l3"}
    result = train(load_config(None, values), scorer=scorer)
    assert result.stopped_by == "patience"
    assert (result.steps, result.result_step, result.l3) == (5, 2, 0.75)
    assert read_kept(result.run / "checkpoints" / "best").l3 == 0.75
    said = " ".join(capsys.readouterr().err.split())
    assert "the weights of step 2 are the result: their L3, 75%, is the best one" in said
    record = json.loads((result.run / "run.json").read_text())["result"]
    assert (record["l3_before"], record["l3"]) == (0.5, 0.75)
    assert train(load_config(None, {**values, "resume": True}), scorer=scorer) == result


def test_where_l3_is_the_same_the_loss_decides(tmp_path):
    """Without that a run would be stopped before its first document is right."""
    values = {"pairs": "p", "out": "o", "patience": 2, "metric_for_best": "l3"}
    watch = EarlyStopping(load_config(None, values), tmp_path / "best", [].append)
    for step, loss in enumerate([5.0, 4.0, 3.0, 2.0], 1):
        assert not judge(watch, step, loss, l3=0.0)
    assert not judge(watch, 5, 2.5, l3=0.1)
    assert watch.best == Kept(5, 2.5, 0.1)
    assert not judge(watch, 6, 1.0, l3=0.0)
    assert judge(watch, 7, 0.5, l3=0.0)


def test_a_resumed_run_knows_the_shares_before(tmp_path):
    values = {"pairs": "p", "out": "o", "patience": 2, "metric_for_best": "l3"}
    history = [
        {"step": 1, "eval_loss": 4.0, "eval_l3": 0.5},
        {"step": 2, "eval_loss": 3.0, "eval_l3": 0.4},
    ]
    watch = EarlyStopping(load_config(None, values), tmp_path / "best", [].append, history)
    assert watch.best == Kept(1, 4.0, 0.5)
    assert judge(watch, 3, 2.0, l3=0.3)


def test_l3_needs_a_scorer_held_out_pairs_and_one_process(settings, monkeypatch):
    config = load_config(None, {**settings, "metric_for_best": "l3"})
    with pytest.raises(UsageError, match="metric_for_best: l3 is measured by extraction"):
        train(config)
    with pytest.raises(UsageError, match="l3 needs eval_pairs or a validation_share"):
        load_config(None, {**settings, "metric_for_best": "l3", "validation_share": 0})
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainError, match="needs a single process"):
        check_scorer(config, lambda folder: 0.0)


def test_a_base_that_can_not_be_converted_ends_the_run_before_its_first_step(settings, small_base):
    """What a scorer can not do is said at the evaluation before the first step."""
    config = load_config(None, {**settings, "metric_for_best": "l3"})
    scorer = ExtractionScorer(config)
    with pytest.raises(TrainError, match=r"L3 can not be measured: .*no such folder"):
        scorer(small_base / "nothing")
