"""Nothing that training loads reports its use: the switches are set before it is imported.

Unsloth itself is not installed here. A package of that name, which writes down what it finds in the
environment when it is imported, stands in. Run: pytest tests/train/backend/test_no_reports.py
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SWITCHES = ("UNSLOTH_DISABLE_STATISTICS", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
STAND_IN = """
import json, os, pathlib
pathlib.Path(os.environ["SEEN"]).write_text(json.dumps(dict(os.environ)))
raise NotImplementedError("no GPU")
"""
LOADED = """
from setaccio.train.backend import backend_unsloth
backend_unsloth.load()
"""
PREPARED = """
import sys
from setaccio.train import load_config
from setaccio.train.backend.backend_unsloth import prepare_unsloth
from setaccio.train.backend.base import resolve_base
values = {"base": sys.argv[1], "pairs": "pairs.jsonl", "out": "run", "backend": "unsloth"}
prepare_unsloth(load_config(None, values), resolve_base(sys.argv[1]))
"""
IMPORTS = re.compile(r"^\s*(?:import|from) unsloth|import_module\(.unsloth", re.MULTILINE)


@pytest.mark.parametrize("program", [LOADED, PREPARED])
def test_unsloth_finds_its_statistics_switched_off(
    program: str, tiny_base: Path, tmp_path: Path
) -> None:
    (tmp_path / "unsloth").mkdir()
    (tmp_path / "unsloth" / "__init__.py").write_text(STAND_IN, encoding="utf-8")
    paths = [str(tmp_path), *(path for path in sys.path if path)]
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny_base)],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "PYTHONPATH": os.pathsep.join(paths), "SEEN": str(tmp_path / "seen.json")},
    )
    assert "TrainError: Unsloth does not start (no GPU)" in done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert {name: seen.get(name) for name in SWITCHES} == dict.fromkeys(SWITCHES, "1")


def test_there_is_no_other_way_to_unsloth(repository: Path) -> None:
    folders = (
        "data",
        "models",
        "train",
        "export",
        "runtime",
        "eval",
        "cli",
        "scripts",
        "benchmarks",
    )
    files = [file for folder in folders for file in (repository / folder).rglob("*.py")]
    importing = [file for file in files if IMPORTS.search(file.read_text(encoding="utf-8"))]
    assert importing == [repository / "train" / "backend" / "backend_unsloth.py"]


def test_what_a_user_set_stays(tmp_path: Path) -> None:
    program = "import os, setaccio.runtime; print(os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths, "HF_HUB_DISABLE_TELEMETRY": "0"},
    )
    assert done.stdout.strip() == "0"


def test_hugging_faces_libraries_take_the_switch() -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    assert constants.HF_HUB_DISABLE_TELEMETRY is True  # TRL asks it before it reports a trainer
