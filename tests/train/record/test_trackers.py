"""Curves in W&B, MLflow and trackio, offline; each where its package is installed.

Run: pip install wandb mlflow trackio && pytest tests/train/record/test_trackers.py
"""

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys

import pytest

pytest.importorskip("trl")

from setaccio.data.errors import UsageError
from setaccio.train import load_config
from setaccio.train.inputs.sources import check_trackers

TRACKERS = ("wandb", "mlflow", "trackio")
OWN = ("WANDB_MODE", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME")


def needs(name):
    return pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(name) is None, reason=f"needs {name} (pip install {name})"
        ),
    )


def rows(database, query):
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", [needs(name) for name in TRACKERS])
def test_a_tracker_keeps_the_losses_in_the_run_folder(settings, tmp_path, name):
    """As a person calls it: the packages keep threads and warn, and that must not end the run."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in OWN}
    environment |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    values = {**settings, "max_steps": 3, "report_to": name}
    flags = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "setaccio.cli.main", "train", *flags],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    assert {path.name for path in tmp_path.iterdir()} == {"home", "run"}
    if name == "wandb":
        (log,) = (run / "wandb").glob("offline-run-*/run-*.wandb")
        assert b"train/loss" in log.read_bytes()
    elif name == "mlflow":
        found = rows(run / "mlflow" / "mlflow.db", "SELECT step FROM metrics WHERE key = 'loss'")
        assert sorted(found) == [(1,), (2,), (3,)]
    else:
        logged = rows(run / "trackio" / "setaccio.db", "SELECT metrics FROM metrics")
        assert sum("train/loss" in json.loads(line) for (line,) in logged) == 3


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_that_is_not_installed_is_named(settings, name):
    if importlib.util.find_spec(name) is not None:
        pytest.skip(f"{name} is here")
    config = load_config(None, {**settings, "report_to": ["tensorboard", name]})
    with pytest.raises(UsageError, match=f"{name} is not installed. Run: pip install {name}"):
        check_trackers(config)
