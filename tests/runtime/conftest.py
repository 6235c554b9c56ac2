"""What the runtime's tests share: a real, small, quantised model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from setaccio.data import Task, load_task
from setaccio.runtime import TINY_GGUF, LoadedModel, load_model


@pytest.fixture(scope="session")
def tiny_gguf() -> Path:
    """The bundled GGUF, or the one that SETACCIO_TEST_GGUF names where there is none yet."""
    path = TINY_GGUF if TINY_GGUF.is_file() else Path(os.environ.get("SETACCIO_TEST_GGUF", ""))
    if not path.is_file():
        pytest.fail(f"{TINY_GGUF} is missing and SETACCIO_TEST_GGUF names no file")
    return path


@pytest.fixture(scope="session")
def recipe() -> Task:
    return load_task("recipe")


@pytest.fixture(scope="session")
def model(tiny_gguf: Path) -> LoadedModel:
    return load_model(tiny_gguf, threads=1)  # a model this small gains nothing from more
