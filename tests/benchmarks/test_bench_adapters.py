"""Six adapters in one process: what is decoded twice, and how it is compared.

Run: pytest tests/benchmarks/test_bench_adapters.py
"""

from __future__ import annotations

from pathlib import Path

from adapter_parts import write_adapter, write_unquantised
from benchmarks.adapters import attach, decode_apart, decode_mixed, parted

from setaccio.data import Document, load_task
from setaccio.data.records import Pair
from setaccio.runtime import load_model
from setaccio.runtime.model.load import TASK_KEY


def test_both_ways_give_the_same_answers_and_another_adapters_are_seen(
    tiny_gguf: Path, recipe_pairs: list[Pair], tmp_path: Path
):
    base = write_unquantised(tiny_gguf, tmp_path / "base.gguf")
    paths, work = {}, {}
    for seed, name in enumerate(("booking", "recipe"), 1):
        carried = {TASK_KEY: load_task(name).to_metadata()}
        paths[name] = write_adapter(base, tmp_path / f"{name}.gguf", seed, carried)
        work[name] = [Document(f"{name} {pair.id}", pair.text[:99]) for pair in recipe_pairs[:3]]
    model = load_model(base, threads=1)
    adapters, cells = attach(model, paths)
    assert [row[0] for row in cells[1:]] == ["base, after a document", "+ booking", "+ recipe"]
    assert {row[3] for row in cells[2:]} == {f"{paths['recipe'].stat().st_size / 1e6:.1f}"}
    apart = decode_apart(model, adapters, work)
    mixed = decode_mixed(model, adapters, work, seed=1)
    assert len(apart.rows) == 6 and apart.passes > 6 and mixed.passes > 6
    assert parted(apart, mixed) == []
    exchanged = dict(zip(adapters, [*adapters.values()][::-1], strict=True))
    assert len(parted(apart, decode_mixed(model, exchanged, work, seed=1))) == 6
    model.close()
