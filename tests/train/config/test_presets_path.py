"""Each preset's architecture from training to extraction, with random weights and the real
vocabulary. Run: pytest tests/train/config/test_presets_path.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

pytest.importorskip("trl")

from random_kinds import KINDS
from random_models import find_vocabulary, make_random
from random_sizes import ALIKE, PUBLISHED
from train_parts import make_pairs

from setaccio.data import load_task
from setaccio.data.errors import ExportError, ModelError
from setaccio.data.records import Pair
from setaccio.export import export
from setaccio.runtime import Extractor
from setaccio.train import load_config, train
from setaccio.train.config.presets import VRAM, preset_settings

ROOT = Path(__file__).parents[3]
CITIES = ["Bari", "Lecce", "Turin", "Pisa", "Rome", "Trento"]
TASK = {
    "name": "city",
    "instruction": "Which city?",
    "schema": {
        "type": "object",
        "properties": {"city": {"enum": CITIES}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
TINY = yaml.safe_load((ROOT / "tests" / "fixtures" / "tiny.yaml").read_text(encoding="utf-8"))


def rows(count, seed):
    return [{**row, "gold": {"city": row["gold"]["city"]}} for row in make_pairs(count, seed)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*KINDS, "tiny"])
def test_a_preset_goes_from_training_to_extraction(name, tiny_base, tmp_path):
    base = str(tiny_base)
    if name != "tiny":
        try:
            vocabulary = find_vocabulary(KINDS[name])
        except (ExportError, ModelError) as error:
            pytest.skip(str(error))
        base = str(make_random(name, tmp_path / "base", vocabulary))
    task_file, pairs_file = tmp_path / "city.json", tmp_path / "pairs.jsonl"
    task_file.write_text(json.dumps(TASK), encoding="utf-8")
    lines = [json.dumps(row) + "\n" for row in rows(8, 0)]
    pairs_file.write_text("".join(lines), encoding="utf-8")
    run = tmp_path / name
    values = {
        **(TINY if name == "tiny" else preset_settings(name)),
        "base": base,
        "task": str(task_file),
        "pairs": str(pairs_file),
        "out": str(run),
        "learning_rate": 1e-3,
        "batch_size": 2,
        "gradient_accumulation": 1,
        "max_steps": 3,
        "max_length": 256,
        "validation_share": 0,
        "threads": 1,
        "report_to": "none",
    }
    result = train(load_config(None, values))
    assert result.steps == 3
    held_out = [Pair(row["id"], row["text"], row["gold"]) for row in rows(2, 1)]
    report = export(run, tmp_path / "gguf", quantisations=("q8_0", "q4_k_m"), pairs=held_out)
    assert report.merge.changed == report.merge.tensors > 0
    assert report.conversion.ok and report.conversion.ids_equal
    assert [file.quantisation for file in report.files] == ["Q8_0", "Q4_K_M"]
    for file in report.files:
        assert file.parity.ok and file.parity.template_equal and file.parity.stops
        extraction = Extractor(file.path).extract("Ada lives in Bari.")
        assert extraction.ok, extraction.message
        assert load_task(task_file).problems(extraction.data) == []


def test_every_preset_with_a_table_has_a_random_likeness():
    assert set(PUBLISHED) == set(VRAM)
    assert set(KINDS) | set(ALIKE) == set(VRAM)
    assert set(ALIKE.values()) <= set(KINDS)
    for name, first in ALIKE.items():  # else the likeness would not stand for both
        targets = [preset_settings(each)["target_modules"] for each in (name, first)]
        assert targets[0] == targets[1]
