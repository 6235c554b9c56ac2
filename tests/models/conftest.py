"""A store, an index and known models for each test, and nothing of the machine's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from models_parts import Shelf, make_known, make_wheel

from setaccio.models import catalogue


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf(tmp_path / "known", tmp_path / "index", tmp_path / "cache")
    make_known(shelf.known)
    make_wheel(shelf.index)
    monkeypatch.setattr(catalogue, "FOLDER", shelf.known)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shelf.cache))
    monkeypatch.delenv("SETACCIO_MODELS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf.index))
    return shelf
