"""What the runtime's tests share: a real, small, quantised model."""

from __future__ import annotations

from pathlib import Path

import pytest

from setaccio.runtime import LoadedModel, load_model


@pytest.fixture(scope="session")
def model(tiny_gguf: Path) -> LoadedModel:
    return load_model(tiny_gguf, threads=1)  # a model this small gains nothing from more
