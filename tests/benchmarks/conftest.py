"""What the benchmark's tests share: its folder is no part of the installed package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def vocabulary() -> Path:
    """The GGUF with the real Qwen 2 vocabulary, from llama-cpp-python's sources."""
    source = os.environ.get("SETACCIO_LLAMACPP_SOURCE")
    if not source:
        pytest.skip("SETACCIO_LLAMACPP_SOURCE names no sources of llama-cpp-python")
    from benchmarks.models import find_vocabulary

    return find_vocabulary(None, Path(source))
