"""Before and after a training: the estimate, the dry run, curves, trackers, several runs."""

import io
import shutil

import pytest

pytest.importorskip("trl")

from rich.console import Console

from setaccio.data.errors import ModelError, TrainError, UsageError
from setaccio.train import load_config, load_configs, train
from setaccio.train.dry_run import dry_run
from setaccio.train.record.curves import draw_curves


def test_a_dry_run_estimates_shows_a_sample_and_writes_nothing(settings, tmp_path):
    console = Console(file=io.StringIO(), width=200)
    before = set(tmp_path.iterdir())
    plan = dry_run(load_config(None, settings), console)
    shown = console.file.getvalue()
    assert plan.steps == 10
    assert plan.seconds > 0
    assert plan.estimate.memory < plan.free
    assert "estimate: " in shown
    assert "10 steps, about 0:" in shown
    assert "Find the person." in shown
    assert '<|im_start|>assistant\n⟪{"name":"' in shown
    assert '"}<|im_end|>⟫' in shown
    assert "and 6 more rows" in shown
    assert set(tmp_path.iterdir()) == before


def test_a_dry_run_refuses_what_a_run_would(settings):
    with pytest.raises(TrainError, match="--set max_length="):
        dry_run(load_config(None, {**settings, "max_length": 20}))


@pytest.mark.parametrize("place", ["file", "file/below", "taken"])
def test_a_dry_run_refuses_an_out_that_a_run_would(settings, tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    config = load_config(None, {**settings, "out": tmp_path / place})
    for verb in (dry_run, train):
        with pytest.raises(UsageError, match="Choose another --out"):
            verb(config)


def test_a_base_that_is_not_whole_is_named(settings, small_base, tmp_path):
    base = shutil.copytree(small_base, tmp_path / "base")
    weights = base / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    config = load_config(None, {**settings, "base": str(base)})
    with pytest.raises(ModelError, match=r"base: the model can not be loaded \(.*not fully"):
        dry_run(config)
    weights.write_bytes(whole)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (base / name).unlink()
    with pytest.raises(ModelError, match=r"base: no usable tokenizer \(none of .*tokenizer\.json"):
        dry_run(config)


def test_resuming_where_nothing_is_begins_anew_and_says_so(settings, capsys):
    config = load_config(None, {**settings, "max_steps": 2, "resume": True})
    assert train(config).steps == 2
    assert f"Nothing to resume in {config.out}: the training begins anew" in capsys.readouterr().err
    assert train(config).steps == 2
    assert "Nothing to resume" not in capsys.readouterr().err


def test_the_estimate_changes_neither_weights_nor_random_numbers(settings):
    import torch

    from setaccio.train.backend.base import load_tokenizer
    from setaccio.train.fit import Training, build_trainer
    from setaccio.train.inputs.prepare import make_inputs
    from setaccio.train.inputs.sources import encode_sources, training_sources
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.record.plan import measure_pace
    from setaccio.train.record.progress import Reporter, quiet

    config = load_config(None, {**settings, "dropout": 0.2})
    sources = training_sources(config)
    with quiet():
        tokenizer = load_tokenizer(sources.base)
        rows = encode_sources(config, sources, tokenizer)
        reporter = Reporter(Clock(None, 0.0), Console(file=io.StringIO()))
        inputs = make_inputs(config, sources.base, tokenizer, rows, "trl")
        trainer = build_trainer(Training(inputs, reporter))
        weights = [parameter.detach().clone() for parameter in trainer.model.parameters()]
        state = torch.get_rng_state()
        assert measure_pace(trainer, 5).left(0) > 0
    assert torch.equal(torch.get_rng_state(), state)
    for parameter, before in zip(trainer.model.parameters(), weights, strict=True):
        assert parameter.grad is None
        assert torch.equal(parameter, before)


def test_a_run_says_what_it_takes_and_draws_its_curves(settings, capsys):
    result = train(load_config(None, {**settings, "max_steps": 3}))
    said = capsys.readouterr().err
    assert said.startswith("before the first step: small is loaded, one batch is timed twice, 2 h")
    assert "estimate: 46 pairs, 8 rows a step, 3 steps, about 0:" in said
    assert (result.run / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_no_curves_without_losses(tmp_path):
    assert draw_curves(tmp_path) is None


def test_several_runs_stand_in_one_file(tmp_path):
    file = tmp_path / "many.yaml"
    file.write_text(
        "preset: phi-3-mini\nmax_steps: 5\nruns:\n"
        "  - {task: recipe, pairs: a.jsonl, out: a}\n  - {task: x.yaml, pairs: b.jsonl, out: b}\n"
    )
    first, second = load_configs(file, {"seed": 3})
    assert (first.task, second.task) == ("recipe", "x.yaml")
    assert (first.max_length, second.max_steps, second.seed) == (2048, 5, 3)
    with pytest.raises(UsageError, match="each of the runs sets out itself"):
        load_configs(file, {"out": "c"})
    file.write_text("runs: [{pairs: a, out: a}, {pairs: b, out: a}]\n")
    with pytest.raises(UsageError, match="`out` of its own"):
        load_configs(file)
    file.write_text("runs: 3\n")
    with pytest.raises(UsageError, match="runs is a list"):
        load_configs(file)
    assert len(load_configs("phi-3-mini", {"pairs": "a", "out": "b"})) == 1


def test_several_processes_without_gpus_are_refused_and_leave_no_run_behind(settings, monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setenv("WORLD_SIZE", "2")
    config = load_config(None, settings)
    with pytest.raises(TrainError, match="on GPUs only"):
        train(config)
    assert not config.out.exists()
