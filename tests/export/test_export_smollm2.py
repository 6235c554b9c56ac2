"""An adapter on the real default base, proved on the file that users have.

Run with: pytest tests/export/test_export_smollm2.py -m smollm2
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from export_parts import TEXTS, save_adapter

from setaccio.data.records import Pair
from setaccio.export import export_adapter
from setaccio.models.gguf_base import base_folder
from setaccio.runtime import Extractor

pytestmark = [pytest.mark.smollm2, pytest.mark.slow]


@pytest.fixture(scope="module")
def real_run(smollm2: Path, task, tmp_path_factory) -> Path:
    made = base_folder(smollm2)
    folder = tmp_path_factory.mktemp("runs") / "recipe"
    save_adapter(made.folder, folder / "adapter", trained=True)
    (folder / "task.json").write_text(task.to_metadata(), encoding="utf-8")
    record = {"base_gguf": str(smollm2), "base_gguf_sha256": made.sha256}
    record |= {"base_path": str(made.folder), "base_model": "smollm2"}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_it_is_proved_on_the_published_file_and_known_by_name(real_run, source, tmp_path):
    gold = {"title": "Cake", "ingredients": ["2 eggs"], "directions": ["Bake it."]}
    pairs = [Pair("1", TEXTS[1], gold)]
    report = export_adapter(real_run, tmp_path, pairs=pairs, source=source)
    made = report.files[0]
    assert made.parity.ok and made.parity.quantisation == "LoRA on Q4_1"
    assert made.parity.held_out.divergence["transformers"].mean_kl < 0.05
    assert report.merge.adapter_effect > 1
    assert made.bytes < 5_000_000
    extractor = Extractor("smollm2", adapter=made.path, max_tokens=8)
    assert extractor.warnings == [] and extractor.task.name == "recipe"
    assert extractor.extract("Boil 2 eggs.").model.endswith(f"Q4_1.gguf + {made.path.name}")
