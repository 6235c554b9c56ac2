"""What came back from a GPU, proven on a CPU.

Run with: SETACCIO_GPU_RESULT=runs/gpu-check pytest tests/train/test_gpu_result.py. The variable is
the folder that `just gpu-check` wrote on the GPU machine; without it there is nothing to prove.
"""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from setaccio.data.recipes.generate import generate_pairs
from setaccio.data.records import Document
from setaccio.runtime import Extractor

pytest.importorskip("peft")

NAMED = os.environ.get("SETACCIO_GPU_RESULT")
pytestmark = pytest.mark.skipif(not NAMED, reason="SETACCIO_GPU_RESULT names no result")


@pytest.fixture(scope="module")
def result() -> Path:
    return Path(str(NAMED)).resolve()


def test_the_adapter_exported_here_has_parity(
    result: Path, tiny_base: Path, tmp_path: Path
) -> None:
    from setaccio.export import export

    (archive,) = result.glob("tiny-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    run = tmp_path / archive.name.removesuffix(".tar.gz")
    source = os.environ.get("SETACCIO_LLAMACPP_SOURCE")
    report = export(
        run,
        tmp_path / "gguf",
        quantisations=("q8_0",),
        base=tiny_base,
        source=Path(source) if source else None,
    )
    assert [file.parity.ok for file in report.files] == [True]


def test_the_gguf_made_there_extracts_here(result: Path) -> None:
    (gguf,) = result.glob("tiny-*.gguf")
    pairs = generate_pairs(5, 12, held_out=True)
    documents = [Document(pair.id, pair.text) for pair in pairs]
    rows = list(Extractor(gguf).extract_all(documents))
    assert len(rows) == 5
    assert all(set(row.data) == {"title", "ingredients", "directions"} for row in rows if row.data)
    assert any(row.data for row in rows)


def test_the_gpu_met_what_was_asked(result: Path) -> None:
    found = json.loads((result / "result.json").read_text(encoding="utf-8"))
    if found["kind"] != "gpu":
        pytest.skip("a rehearsal compares nothing")
    comparison = found["comparison"]
    assert comparison["curves"]["overlap"]
    assert comparison["targets"]["speed_met"] and comparison["targets"]["memory_met"]
