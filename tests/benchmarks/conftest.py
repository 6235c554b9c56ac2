"""What the benchmark's tests share: its folder is no part of the installed package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from setaccio.data.errors import ExportError
from setaccio.export.gguf.llamacpp_source import vocabulary_file

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def vocabulary() -> Path:
    """The GGUF with the real Qwen 2 vocabulary, from llama-cpp-python's sources."""
    try:
        return vocabulary_file("qwen2")
    except ExportError as error:  # no network, no archive
        pytest.skip(str(error))
