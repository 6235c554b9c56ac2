"""The presets' settings, and what they say about memory.

Run: pytest tests/train/config/test_presets.py
"""

from __future__ import annotations

import pytest
import yaml

from setaccio.data.errors import UsageError
from setaccio.models import find_known
from setaccio.train.config.config import load_config
from setaccio.train.config.presets import (
    PRESET_FOLDER,
    RESERVED_GIB,
    SIZES,
    VRAM,
    preset_names,
    preset_settings,
    settings_for,
)

FUSED = {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"}
BILLIONS = {
    "qwen2.5-1.5b": 1.544,
    "phi-3-mini": 3.821,
    "mistral-7b": 7.242,
    "llama-3.2-1b": 1.236,
    "llama-3.1-8b": 8.030,
    "qwen3-0.6b": 0.596,
    "qwen3-1.7b": 1.721,
    "qwen3-4b": 4.022,
    "gemma-3-270m": 0.268,
    "gemma-3-1b": 1.000,
    "smollm2-360m": 0.362,
    "smollm2-1.7b": 1.711,
    "smollm3-3b": 3.075,
    "llama-3.2-3b": 3.213,
    "phi-4-mini": 3.836,
    "lfm2-350m": 0.354,
    "lfm2-1.2b": 1.170,
    "granite-4-micro": 3.403,
    "granite-4-h-micro": 3.191,
}


def test_every_preset_is_there_and_has_a_table():
    from random_models import PUBLISHED

    assert set(VRAM) <= set(preset_names())
    assert set(VRAM) == set(PUBLISHED)


@pytest.mark.parametrize("name", sorted(VRAM))
def test_a_preset_is_a_configuration_by_its_name(name):
    config = load_config(name, {"pairs": "pairs.jsonl", "out": "run"})
    assert config.base == preset_settings(name)["base"] == find_known(name).name
    assert config.batch_size * config.gradient_accumulation == 16
    assert config.allow_download is False
    assert (set(config.target_modules) == FUSED) == name.startswith("phi-")


@pytest.mark.parametrize("name", sorted(VRAM))
def test_the_table_in_the_file_is_the_table_in_the_code(name):
    lines = (PRESET_FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    cells = [line.strip("# ").split() for line in lines if line.startswith("#")]
    rows = [row for row in cells if len(row) == 6 and row[0].isdigit()]
    assert rows == [
        [*map(str, (f.gigabytes, f.method, f.batch, f.accumulation, f.length)), f"{f.needs:.2f}"]
        for f in VRAM[name]
    ]
    assert [fit.gigabytes for fit in VRAM[name]] == list(SIZES[-len(VRAM[name]) :])


@pytest.mark.parametrize("name", sorted(VRAM))
def test_what_a_row_needs_is_the_estimate_and_fits(name, tmp_path):
    pytest.importorskip("torch")
    import transformers
    from random_models import kind_of, published_sizes

    from setaccio.train.backend.backend_trl import NF4_BYTES
    from setaccio.train.backend.base import Base
    from setaccio.train.inputs.preflight import estimate

    kind, sizes = kind_of(name), published_sizes(name)
    special = {"bos_token_id": None, "eos_token_id": 2, "pad_token_id": None}
    make = getattr(transformers, f"{kind.model}Config")
    make(**{**kind.values, **sizes, **special}).save_pretrained(tmp_path)
    for fit in VRAM[name]:
        values = {**settings_for(name, fit.gigabytes), "pairs": "p.jsonl", "out": "run"}
        config = load_config(None, values)
        width = NF4_BYTES if fit.method == "qlora" else 2
        needed = estimate(config, Base(name, tmp_path), fit.length, fit.length // 2, width)
        assert needed.parameters / 1e9 == pytest.approx(BILLIONS[name], abs=1e-3)
        assert needed.parameters == find_known(name).parameters
        assert needed.memory / 2**30 == pytest.approx(fit.needs, abs=0.02)
        assert needed.memory / 2**30 <= fit.gigabytes - RESERVED_GIB


def test_a_gpu_between_two_sizes_takes_the_smaller():
    assert settings_for("phi-3-mini", 11) == settings_for("phi-3-mini", 8)
    assert settings_for("phi-3-mini", 8)["method"] == "qlora"
    assert settings_for("phi-3-mini", 80)["batch_size"] == 16


def test_too_little_memory_and_unknown_names_are_said():
    with pytest.raises(UsageError, match=r"llama-3\.1-8b: 6 GB are too little, at least 8 GB"):
        settings_for("llama-3.1-8b", 6)
    with pytest.raises(UsageError, match=r"huge: no such preset.*phi-3-mini"):
        preset_settings("huge")


def test_the_files_are_plain_yaml():
    for name in preset_names():
        settings = yaml.safe_load((PRESET_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        assert settings.get("base") or name not in VRAM  # the others are for the default base
