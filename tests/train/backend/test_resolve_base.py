"""Which base is meant by a word. Run with: pytest tests/train/backend/test_resolve_base.py"""

from __future__ import annotations

import pytest

from setaccio.data.errors import ModelError
from setaccio.train.backend.base import resolve_base

pytest.importorskip("huggingface_hub")


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path, monkeypatch):
    for variable in ("XDG_CACHE_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    monkeypatch.delenv("SETACCIO_MODELS", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_a_slip_of_the_pen_lists_the_known_models_and_that_a_gguf_will_do():
    with pytest.raises(ModelError, match=r"smolm2: no known model.*smollm2, .*path of a GGUF"):
        resolve_base("smolm2")
    with pytest.raises(ModelError, match=r"some/body: not a folder.*--allow-download"):
        resolve_base("some/body")


def test_only_a_folder_with_a_model_shadows_a_known_name(tmp_path):
    folder = tmp_path / "here" / "smollm2"
    folder.mkdir()
    with pytest.raises(ModelError, match="smollm2: not fetched yet"):
        resolve_base("smollm2")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    assert resolve_base("smollm2").folder.samefile(folder)
    with pytest.raises(ModelError, match=r"^Qwen/Qwen2\.5-1\.5B-Instruct: .*--allow-download"):
        resolve_base("qwen2.5-1.5b")
