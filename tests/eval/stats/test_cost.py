"""Memory and energy of a block, on real counters and on files that look like RAPL's.

Run: pytest tests/eval/stats/test_cost.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from setaccio.eval.stats.cost import EnergyMeter, watch_cost


def zone(folder: Path, name: str, energy: int, greatest: int = 10_000_000) -> Path:
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    (path / "energy_uj").write_text(f"{energy}\n", encoding="ascii")
    (path / "max_energy_range_uj").write_text(f"{greatest}\n", encoding="ascii")
    return path


def test_peak_memory_counts_what_the_block_held():
    with watch_cost() as before:
        pass
    with watch_cost() as watch:
        block = np.ones(25_000_000)  # 200 MB that are really there
        watch.documents = int(block[0])
        del block
    assert before.cost.peak_bytes is not None
    assert watch.cost.peak_bytes is not None
    assert watch.cost.peak_bytes >= before.cost.peak_bytes + 150_000_000
    assert watch.cost.documents == 1
    assert watch.cost.seconds > 0


def test_energy_of_all_packages_with_wrap_around(tmp_path: Path):
    first, second = zone(tmp_path, "intel-rapl:0", 1_000_000), zone(tmp_path, "intel-rapl:1", 9_000)
    zone(tmp_path, "intel-rapl:0:0", 5)  # a part of the first package, which counts it already
    with watch_cost(tmp_path) as watch:
        watch.documents = 2
        zone(tmp_path, first.name, 3_500_000)
        zone(tmp_path, second.name, 8_000)
    assert watch.cost.joules == pytest.approx(2.5 + 9.999)


def test_unknown_energy_is_none(tmp_path: Path):
    with EnergyMeter(tmp_path / "none") as meter:
        pass
    assert meter.joules is None
    zone(tmp_path, "intel-rapl:0", 1).joinpath("energy_uj").write_text("", encoding="ascii")
    assert EnergyMeter(tmp_path).joules is None


def test_a_block_that_fails_is_measured_too(tmp_path: Path):
    with pytest.raises(RuntimeError), watch_cost(tmp_path) as watch:
        raise RuntimeError
    assert watch.cost.seconds > 0
