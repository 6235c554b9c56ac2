"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from setaccio.data import Task, load_task
from setaccio.data.errors import ModelError
from setaccio.models import default_base, model_path
from setaccio.runtime import TINY_GGUF

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def tiny_gguf() -> Path:
    """The GGUF that SETACCIO_TEST_GGUF names, by default the bundled one."""
    path = Path(os.environ.get("SETACCIO_TEST_GGUF") or TINY_GGUF)
    if not path.is_file():
        pytest.fail(f"{path} is missing")
    return path


@pytest.fixture(scope="session")
def recipe() -> Task:
    return load_task("recipe")


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The real default base, where `setaccio models fetch` has brought it."""
    try:
        return model_path(default_base().name)
    except ModelError as error:
        pytest.skip(str(error))
