"""Quantisation through llama.cpp. Run with: pytest tests/export/gguf/test_quantise.py"""

from __future__ import annotations

import pytest

from setaccio.data.errors import ExportError, UsageError
from setaccio.export import predicted_size, quantisations, quantise
from setaccio.export.gguf.quantise import canonical_name


def test_names_are_those_of_llama_cpp():
    assert {"F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"} <= set(quantisations())
    assert "GUESSED" not in quantisations()
    assert canonical_name(" q4_k_m ") == "Q4_K_M"


def test_unknown_name_lists_the_known(base_gguf, tmp_path):
    with pytest.raises(UsageError, match=r"Q5\.5: no such quantisation.*Q6_K"):
        quantise(base_gguf, tmp_path / "out.gguf", "Q5.5")


@pytest.mark.parametrize("kind", ["q6_k", "Q5_K_M"])
def test_size_is_predicted(base_gguf, tmp_path, kind):
    expected = predicted_size(base_gguf, kind)
    out = quantise(base_gguf, tmp_path / "out.gguf", kind)
    assert abs(out.stat().st_size - expected) < 0.02 * expected
    assert list(tmp_path.iterdir()) == [out]


def test_type_that_needs_an_importance_matrix(base_gguf, tmp_path):
    with pytest.raises(ExportError, match="imatrix"):
        quantise(base_gguf, tmp_path / "out.gguf", "iq1_s")
    assert not list(tmp_path.iterdir())


def test_missing_and_broken_source(tmp_path):
    with pytest.raises(ExportError, match="no such file"):
        quantise(tmp_path / "none.gguf", tmp_path / "out.gguf", "q8_0")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    with pytest.raises(ExportError, match=r"Quantising broken\.gguf to Q8_0"):
        quantise(broken, tmp_path / "out.gguf", "q8_0")
