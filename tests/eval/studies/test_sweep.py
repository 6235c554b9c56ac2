"""Quantisations side by side: real files, and the rule for the knee.

Run: pytest tests/eval/studies/test_sweep.py
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import llama_cpp
import pytest

from setaccio.data import Pair, Task
from setaccio.data.errors import ModelError, UsageError
from setaccio.eval.arms.predictions import RecordedArm
from setaccio.eval.compare import compare
from setaccio.eval.studies.losses import paired_losses, scores_of
from setaccio.eval.studies.sweep import Sweep, SweepRow, name_files, quantisation_of, sweep

GOLD = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water."]}
OTHER = {"title": "Xyz", "ingredients": ["stone"], "directions": ["Run."]}
PAIRS = [Pair(f"p{n}", f"For Tea boil {n} cups water.", GOLD) for n in range(40)]


def requantise(source: Path, out: Path, kind: int) -> Path:
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = kind
    options.allow_requantize = True
    options.nthread = 1
    assert llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), options) == 0
    return out


@pytest.fixture(scope="module")
def models(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model in F16, Q8_0 and Q4_0."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(tiny_gguf, folder / "tiny-q8_0.gguf")
    requantise(tiny_gguf, folder / "tiny-f16.gguf", llama_cpp.LLAMA_FTYPE_MOSTLY_F16)
    requantise(tiny_gguf, folder / "tiny-q4_0.gguf", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0)
    return folder


def test_types_are_read_from_the_files(models: Path, tmp_path: Path):
    files = sorted(models.glob("*.gguf"))
    assert [quantisation_of(path) for path in files] == ["F16", "Q4_0", "Q8_0"]
    twin = Path(shutil.copy(files[1], tmp_path / "twin.gguf"))
    assert name_files([files[0], files[1], twin]) == ["F16", "Q4_0 tiny-q4_0", "Q4_0 twin"]


def test_real_files_give_size_speed_and_memory(models: Path, recipe: Task, tmp_path: Path):
    found = sweep(models.glob("*.gguf"), PAIRS[:2], recipe, out=tmp_path, max_tokens=8, threads=1)
    assert [row.name for row in found.rows] == ["F16", "Q8_0", "Q4_0"]
    sizes = [row.arm.size_bytes for row in found.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert all(row.arm.peak_memory and row.arm.peak_memory > 10**7 for row in found.rows)
    assert all(row.arm.summary.seconds_mean for row in found.rows)
    table = found.table()
    assert [len(line) for line in table] == [len(table[0])] * 4
    assert sum(line[-1] == "<- knee" for line in table) == 1
    stored = json.loads((tmp_path / "sweep.json").read_text())
    assert stored["knee"] == found.knee.name
    assert len(stored["rows"][1]["against_largest"]) == 4
    assert "Knee: " in (tmp_path / "sweep.md").read_text()
    again = sweep(models.glob("*.gguf"), PAIRS[:2], recipe, out=tmp_path, max_tokens=8, threads=1)
    assert again.to_dict() == found.to_dict()  # everything was reused, measurements included


def sweep_of(task: Task, folder: Path, **right: int) -> Sweep:
    """A sweep, largest first, from the number of documents that each type gets right."""
    arms = [
        RecordedArm(
            name,
            "schema",
            {
                pair.id: {"id": pair.id, "data": GOLD if at < count else OTHER}
                for at, pair in enumerate(PAIRS)
            },
            folder,
        )
        for name, count in right.items()
    ]
    comparison = compare(arms, PAIRS, task)
    largest = scores_of(comparison.arms[0])
    rows = [
        SweepRow(
            arm.name,
            arm,
            tuple(paired_losses(arm.name, "schema", largest, scores_of(arm)) if at else ()),
        )
        for at, arm in enumerate(comparison.arms)
    ]
    return Sweep(tuple(rows), comparison)


def test_the_knee_is_the_smallest_file_within_the_noise(recipe: Task, tmp_path: Path):
    found = sweep_of(recipe, tmp_path, F16=36, Q8_0=36, Q5_K_M=35, Q4_0=20)
    assert found.knee.name == "Q5_K_M"
    assert "Knee: Q5_K_M" in found.describe()
    assert "would not have shown" in found.describe()
    assert sweep_of(recipe, tmp_path, F16=36, Q8_0=10).knee.name == "F16"
    assert sweep_of(recipe, tmp_path, F16=10, Q4_0=36).knee.name == "Q4_0"


def test_what_is_no_sweep_is_refused(models: Path, recipe: Task, tmp_path: Path):
    file = models / "tiny-q4_0.gguf"
    with pytest.raises(UsageError, match=r"at least two GGUF files, and there is .*tiny-q4_0"):
        sweep([file, file], PAIRS, recipe)
    with pytest.raises(ModelError, match=r"none\.gguf"):
        sweep([file, tmp_path / "none.gguf"], PAIRS, recipe)
