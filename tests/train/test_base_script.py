"""``scripts/base.sh`` never goes on with an adapter of another base.

Run with: pytest tests/train/test_base_script.py
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

# Says what it was called with, and writes the file that the script copies at the end.
PROGRAM = """#!/bin/sh
echo "$@"
mkdir -p runs/tiny-recipe-gguf runtime/bundled && touch runs/tiny-recipe-gguf/x-q8_0.gguf
"""


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(repository / "scripts" / "base.sh", tmp_path / "scripts")
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
    done = subprocess.run(
        ["bash", "scripts/base.sh"], cwd=tree, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("train ")]
    return line


def test_a_first_run_has_no_flag(tree: Path):
    line = trained_with(tree)
    assert "--resume" not in line
    assert "--overwrite" not in line


@pytest.mark.parametrize("name", ["inputs.json", "run.json"])
def test_a_run_goes_on_on_its_own_base_only(tree: Path, name: str):
    run = tree / "runs" / "tiny-recipe"
    run.mkdir(parents=True)
    digest = hashlib.sha256(b"weights").hexdigest()
    (run / name).write_text(json.dumps({"base_sha256": digest}))
    assert trained_with(tree).endswith("--resume")
    (tree / "train" / "bundled" / "tiny-base" / "model.safetensors").write_bytes(b"new weights")
    assert trained_with(tree).endswith("--overwrite")


def test_a_run_of_unknown_base_is_renewed(tree: Path):
    (tree / "runs" / "tiny-recipe").mkdir(parents=True)
    assert trained_with(tree).endswith("--overwrite")
