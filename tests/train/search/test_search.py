"""Hyper-parameter search: real trainings of a small model, an SQLite study, a kill in between."""

import json

import pytest

pytest.importorskip("trl")
pytest.importorskip("optuna")

import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from setaccio.data.errors import UsageError
from setaccio.train import load_config, train
from setaccio.train.search.search import Score, search, state_of
from setaccio.train.search.space import parse_space, read_space

SPACE = {"learning_rate": {"low": "1e-4", "high": 3e-2, "log": True}, "rank": [2, 8]}


@pytest.fixture
def quick(settings):
    return load_config(None, {**settings, "max_steps": 4, "eval_steps": 2, "save_steps": 0})


def test_a_search_ranks_its_trials_and_leaves_a_configuration_to_train_with(quick, tmp_path):
    said = []
    found = search(quick, SPACE, 3, pruning="none", tell=said.append)
    assert [trial.number for trial in found.trials] == [0, 1, 2]
    assert found.best.value == min(trial.value for trial in found.trials)
    assert len(said) == 3
    assert json.loads((quick.out / "trials.json").read_text())[0]["state"] == "complete"
    assert found.plot.read_bytes().startswith(b"\x89PNG")
    assert not list(quick.out.glob("trials/*/checkpoints"))
    best = load_config(found.config, {"out": str(tmp_path / "best")})
    assert best.learning_rate == pytest.approx(found.best.params["learning_rate"])
    assert train(best).eval_loss == pytest.approx(found.best.value, rel=1e-3)

    more = search(quick, SPACE, 4, pruning="none")
    assert more.trials[:3] == found.trials
    assert len({trial.params["learning_rate"] for trial in more.trials}) == 4
    assert len(search(quick, SPACE, 4).trials) == 4
    with pytest.raises(UsageError, match=r"another search is there.*--overwrite"):
        search(quick, {"rank": [4]}, 1)


def test_a_trial_that_was_killed_is_made_again_with_the_same_values(quick):
    def interrupt(result):
        raise KeyboardInterrupt

    score = Score("validation loss", interrupt)
    with pytest.raises(KeyboardInterrupt):
        search(quick, SPACE, 2, sampler="random", score=score)
    storage = optuna.storages.RDBStorage(f"sqlite:///{quick.out / 'study.db'}")
    study = optuna.load_study(study_name="setaccio", storage=storage)
    running = study.ask(
        {"learning_rate": optuna.distributions.FloatDistribution(1e-4, 3e-2, log=True)}
    )
    rate = running.params["learning_rate"]  # as a process leaves it that is killed here
    storage.remove_session()
    storage.engine.dispose()
    found = search(quick, SPACE, 2, sampler="random")
    assert len(found.trials) == 2
    assert found.trials[0].params["learning_rate"] == pytest.approx(rate)


def test_a_higher_score_can_be_the_better_one(quick):
    ranks = []

    def measure(result):
        ranks.append(load_config(result.run / "config.yaml").rank)
        return float(ranks[-1])

    found = search(quick, {"rank": [2, 4, 8]}, 4, score=Score("rank", measure, True))
    assert found.best.params["rank"] == max(ranks)


def test_trials_are_scored_by_what_their_gguf_extracts(quick):
    """And each of them may be judged by it on its way, too."""
    from setaccio.cli.train.l3 import ExtractionScorer

    config = quick.model_copy(update={"metric_for_best": "l3", "max_steps": 2})
    scored = []

    def measure(result):
        assert result.l3 is not None
        scored.append(scorer(result.run))
        return scored[-1]

    with ExtractionScorer(config, documents=2) as scorer:
        found = search(config, {"rank": [4]}, 1, score=Score("L3", measure, True), scorer=scorer)
    assert found.best.value == scored[0]
    assert scored[0] in (0.0, 0.5, 1.0)
    assert not (config.out / "l3").exists()


def test_a_trial_that_lags_behind_is_ended(quick):
    good = quick.model_copy(update={"eval_steps": 1})
    space = {"learning_rate": [2e-2, 1e-2, 3e-2, 1e-6]}
    found = search(good, space, 9, sampler="random")
    states = {trial.params["learning_rate"]: state_of(trial) for trial in found.trials[4:]}
    assert states.get(1e-6, "pruned") == "pruned"
    assert "pruned" in {state_of(trial) for trial in found.trials}
    assert found.best.params["learning_rate"] > 1e-6


def test_a_trial_that_diverges_is_a_failed_one_and_the_search_goes_on(quick):
    config = quick.model_copy(update={"max_grad_norm": 1e30, "validation_share": 0.1})
    found = search(config, {"learning_rate": [1e30]}, 2)
    assert [state_of(trial) for trial in found.trials] == ["fail", "fail"]
    assert found.best is None
    assert found.config is None


def test_spaces_are_read_and_checked(quick, tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text("rank: {low: 4, high: 32, log: true}\nschedule: [cosine, linear]\n")
    parsed = parse_space(read_space(file), quick)
    assert parsed == {
        "rank": IntDistribution(4, 32, log=True),
        "schedule": CategoricalDistribution(("cosine", "linear")),
    }


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"ranks": [1]}, "ranks: no such setting"),
        ({"pairs": ["a.jsonl"]}, "pairs: must be the same"),
        ({"rank": 8}, "rank: write a list of values"),
        ({"rank": {"low": 8, "high": 4}}, "low must be less than high"),
        ({"rank": {"low": 0, "high": 4}}, "space: rank: "),
        ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "with log both are above 0"),
        ({"learning_rate": {"low": "small", "high": 1}}, "are numbers"),
    ],
)
def test_a_wrong_space_is_refused(quick, space, words):
    with pytest.raises(UsageError, match=words):
        search(quick, space, 1)
    assert not quick.out.exists()


def test_a_search_needs_something_to_compare_on(quick):
    with pytest.raises(UsageError, match="nothing to compare on"):
        search(quick.model_copy(update={"validation_share": 0}), SPACE, 1)
