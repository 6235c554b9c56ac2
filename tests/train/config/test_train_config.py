"""The training configuration: one source of defaults, and errors that name field and fix."""

import subprocess
import sys

import pytest

from setaccio.data.errors import UsageError
from setaccio.train import TrainConfig, load_config
from setaccio.train.config.config import preset_names

GIVEN = {"pairs": "pairs.jsonl", "out": "run"}


def test_every_setting_is_described_in_a_sentence():
    for name, field in TrainConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads(name):
    assert load_config(name, GIVEN).out.name == "run"


def test_values_on_top_win_and_none_counts_as_not_given():
    config = load_config("phi-3-mini", {**GIVEN, "rank": 4, "alpha": None})
    assert (config.rank, config.alpha) == (4, 32)


def test_a_file_may_start_from_a_preset(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("preset: phi-3-mini\npairs: a.jsonl\nout: run\nlearning_rate: 1e-3\n")
    config = load_config(file)
    assert (config.max_length, config.learning_rate) == (2048, 1e-3)


def test_yaml_round_trip(tmp_path):
    config = load_config("phi-3-mini", {**GIVEN, "max_minutes": 2.5, "report_to": "none"})
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    assert load_config(file) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ranks": 3}, "ranks: no such setting"),
        ({"ranks": 3}, "--list-settings"),
        ({"rank": 0}, "rank: "),
        ({"learning_rate": "1e999"}, "learning_rate: .*finite"),
        ({"max_minutes": float("nan")}, "max_minutes: .*finite"),
        ({"backend": "jax"}, "backend: "),
        ({"resume": True, "overwrite": True}, "exclude each other"),
    ],
)
def test_a_wrong_setting_is_named(values, words):
    with pytest.raises(UsageError, match=words):
        load_config(None, {**GIVEN, **values})


def test_a_missing_setting_is_named():
    with pytest.raises(UsageError, match="pairs: is required; JSON Lines"):
        load_config(None, {"out": "run"})


def test_an_unknown_file_and_an_unknown_preset_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"nothing\.yaml"):
        load_config(tmp_path / "nothing.yaml")
    file = tmp_path / "bad.yaml"
    file.write_text("preset: huge\n")
    with pytest.raises(UsageError, match=r"Bundled: .*phi-3-mini"):
        load_config(file)


def test_without_a_limit_there_are_epochs_and_with_one_only_that():
    assert load_config(None, GIVEN).epoch_limit == 3
    assert load_config(None, {**GIVEN, "max_steps": 5}).epoch_limit is None
    assert load_config(None, {**GIVEN, "max_steps": 5, "epochs": 2}).epoch_limit == 2


def test_differences_name_what_a_resumed_run_may_not_change():
    config = load_config(None, GIVEN)
    other = load_config(None, {**GIVEN, "seed": 3, "threads": 2, "max_minutes": 4})
    assert config.differences(other) == ["seed"]


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, setaccio.train as t; t.load_config; t.TrainConfig; t.train;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'trl')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
