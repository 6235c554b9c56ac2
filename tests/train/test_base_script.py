"""``scripts/base.sh`` never goes on with an adapter of another base or of other settings.

Run with: pytest tests/train/test_base_script.py
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from setaccio.train import load_config

# Says what it was called with, and writes the file that the script copies at the end.
PROGRAM = f"""#!/bin/sh
[ "$1" = - ] && exec {sys.executable} "$@"
echo "$@"
mkdir -p runs/tiny-recipe-gguf runtime/bundled && touch runs/tiny-recipe-gguf/x-q8_0.gguf
"""


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    for name in ("base.sh", "tiny-recipe.yaml"):
        shutil.copy(repository / "scripts" / name, tmp_path / "scripts")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "setaccio"):
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    base = tmp_path / "train" / "bundled" / "tiny-base"
    base.mkdir(parents=True)
    (base / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def trained_with(tree: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        ["bash", "scripts/base.sh"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("train ")]
    return line


def make_run(tree: Path, name: str = "inputs.json") -> Path:
    """A run as `setaccio train` leaves it: ``run.json`` is there when it is finished."""
    run = tree / "runs" / "tiny-recipe"
    run.mkdir(parents=True)
    digest = hashlib.sha256(b"weights").hexdigest()
    (run / name).write_text(json.dumps({"base_sha256": digest}))
    given = {"pairs": "runs/tiny-recipe-72k.jsonl", "out": "runs/tiny-recipe"}
    config = load_config(tree / "scripts" / "tiny-recipe.yaml", given)
    (run / "config.yaml").write_text(config.to_yaml())
    return run


def change_base(tree: Path) -> None:
    (tree / "train" / "bundled" / "tiny-base" / "model.safetensors").write_bytes(b"new weights")


def change_settings(tree: Path) -> None:
    with (tree / "scripts" / "tiny-recipe.yaml").open("a") as stream:
        stream.write("seed: 7\n")


def test_a_first_run_has_no_flag(tree: Path):
    line = trained_with(tree)
    assert "--resume" not in line
    assert "--overwrite" not in line


@pytest.mark.parametrize("name", ["inputs.json", "run.json"])
def test_a_run_goes_on_on_its_own_base_and_settings(tree: Path, name: str):
    make_run(tree, name)
    assert trained_with(tree).endswith("--resume")


@pytest.mark.parametrize("change", [change_base, change_settings])
def test_an_unfinished_run_of_something_else_is_renewed(tree: Path, change):
    make_run(tree)
    change(tree)
    assert trained_with(tree).endswith("--overwrite")


@pytest.mark.parametrize("change", [change_base, change_settings])
def test_a_finished_run_of_something_else_is_moved_aside(tree: Path, change):
    run = make_run(tree, "run.json")
    record = (run / "run.json").read_text()
    change(tree)
    assert trained_with(tree).endswith("--out runs/tiny-recipe")
    (aside,) = (tree / "runs").glob("tiny-recipe-2*")
    assert (aside / "run.json").read_text() == record
    assert not run.exists()


def test_a_run_of_unknown_base_is_renewed(tree: Path):
    (tree / "runs" / "tiny-recipe").mkdir(parents=True)
    assert trained_with(tree).endswith("--overwrite")
