"""Merging into the base of 4-bit training.

Run with: pytest tests/export/merging/test_dequantise.py
"""

from __future__ import annotations

import json

import pytest
from export_parts import PAIRS

from setaccio.data.errors import ExportError, MissingExtraError
from setaccio.export import merge
from setaccio.export.hf_folder import has_bitsandbytes

needs = pytest.mark.skipif(not has_bitsandbytes(), reason="bitsandbytes is not installed")
BITSANDBYTES = "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"


@needs
@pytest.mark.filterwarnings(*BITSANDBYTES)
def test_loss_of_both_bases_is_reported(base, run, task, tmp_path):
    report = merge(base, run / "adapter", tmp_path / "out", into="4-bit", task=task, pairs=PAIRS)
    assert report.into == "4-bit" and report.changed == 14
    assert set(report.losses) == {"base", "base + adapter", "4-bit", "16-bit"}
    assert report.losses["4-bit"] == pytest.approx(report.losses["base + adapter"], abs=0.1)
    assert report.losses["4-bit"] != report.losses["16-bit"]
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in config


@pytest.mark.skipif(has_bitsandbytes(), reason="bitsandbytes is installed")
def test_without_bitsandbytes_it_says_so(base, run, tmp_path):
    with pytest.raises(MissingExtraError, match="bitsandbytes"):
        merge(base, run / "adapter", tmp_path / "out", into="4-bit")


def test_losses_of_the_default_merge(base, run, task, tmp_path):
    report = merge(base, run / "adapter", tmp_path / "out", task=task, pairs=PAIRS)
    assert {"base", "base + adapter", "16-bit"} <= set(report.losses)
    assert report.losses["16-bit"] == pytest.approx(report.losses["base + adapter"], abs=0.05)
    assert abs(report.losses["base"] - report.losses["base + adapter"]) > 0.01


def test_unknown_base_kind(base, run, tmp_path):
    with pytest.raises(ExportError, match="8-bit: no such base"):
        merge(base, run / "adapter", tmp_path / "out", into="8-bit")
