"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from setaccio.data import Task, load_task
from setaccio.runtime import TINY_GGUF

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


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
