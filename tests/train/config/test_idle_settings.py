"""What a run can not give is refused, and what has no effect is said.

Run: pytest tests/train/config/test_idle_settings.py
"""

import json

import pytest
from train_parts import make_pairs, write_jsonl

from setaccio.data.errors import TrainError, UsageError
from setaccio.train import load_config, train
from setaccio.train.config.idle import (
    idle_settings,
    refuse_without_evaluation,
    unreachable_patience,
)
from setaccio.train.dry_run import dry_run


def config(**values):
    return load_config(None, {"pairs": "p.jsonl", "out": "o", **values})


@pytest.fixture
def few(settings, tmp_path):
    """Settings with pairs of which none can be held out: one, and copies of one."""

    def make(copies):
        (row,) = make_pairs(1)
        rows = [row, *({**row, "id": f"{row['id']}~case{n}"} for n in range(1, copies + 1))]
        path = write_jsonl(tmp_path / "few.jsonl", rows)
        return {**settings, "pairs": str(path), "max_steps": 1, "validation_share": 0.5}

    return make


@pytest.mark.parametrize("copies", [0, 3])
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"patience": 2}, "patience: 2 would do nothing"),
        ({"patience": 1, "metric_for_best": "l3"}, "patience: 1 and metric_for_best: l3 would"),
    ],
)
def test_judging_evaluations_that_there_are_not_is_refused(few, copies, more, said):
    ready = load_config(None, {**few(copies), **more})
    with pytest.raises(TrainError, match=said) as error:
        train(ready, scorer=lambda folder: 0.0)
    assert "eval_pairs" in str(error.value) and not ready.out.exists()
    with pytest.raises(TrainError, match=said):
        dry_run(ready)


def test_a_share_of_one_pair_is_said_and_recorded(few, capsys):
    result = train(load_config(None, few(0)))
    (note,) = result.notes
    assert "nothing is held out of one pair" in note and "validation_share: 0.5" in note
    assert note in capsys.readouterr().err
    assert json.loads((result.run / "run.json").read_text())["result"]["notes"] == [note]


def test_what_is_evaluated_is_not_spoken_of():
    assert idle_settings(config(), 19, 1) == []
    assert idle_settings(config(validation_share=0), 20, 0) == []
    refuse_without_evaluation(config(patience=3, metric_for_best="l3"), 19, 1)


def test_settings_that_others_override_are_said():
    (said,) = idle_settings(config(eval_pairs="e.jsonl", validation_share=0.2), 9, 3)
    assert said == "validation_share: 0.2 does nothing beside eval_pairs."
    (said,) = idle_settings(config(l3_documents=5), 9, 3)
    assert "l3_documents: 5 does nothing" in said
    assert idle_settings(config(l3_documents=5, metric_for_best="l3"), 9, 3) == []
    (said,) = idle_settings(config(eval_pairs="e.jsonl"), 9, 0)
    assert said.startswith("e.jsonl: none of its pairs can be evaluated on.")


def test_patience_needs_as_many_evaluations():
    assert unreachable_patience(config(patience=2, eval_steps=10), 30) == ""
    assert "at most 15 steps with eval_steps: 10 make 2 evaluations" in unreachable_patience(
        config(patience=2, eval_steps=10), 15
    )
    assert "one evaluation" in unreachable_patience(config(patience=1, eval_steps=100), 2)
    assert unreachable_patience(config(), 2) == ""
    with pytest.raises(UsageError, match="patience needs eval_pairs or a validation_share"):
        config(patience=2, validation_share=0)


def test_a_run_that_is_too_short_for_its_patience_says_so(settings):
    values = {**settings, "validation_share": 0.2, "patience": 3, "eval_steps": 1, "max_steps": 2}
    result = train(load_config(None, values))
    assert any("patience: 3 does nothing" in note for note in result.notes)
