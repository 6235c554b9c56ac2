"""The public names are there, lazily.

Run: pytest tests/runtime/test_public_names.py
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

import setaccio.data as data
import setaccio.runtime as runtime


def test_every_public_name_exists():
    for name in runtime.__all__:
        assert getattr(runtime, name) is not None
        assert name in dir(runtime)


@pytest.mark.parametrize("package", [runtime, data])
def test_every_public_name_is_documented(repository: Path, package: ModuleType):
    page = (repository / "docs" / "extraction.md").read_text(encoding="utf-8")
    table = page.partition("## Names in Python")[2].partition(f"`from {package.__name__} import")[2]
    assert [name for name in package.__all__ if f"`{name}`" not in table] == []


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = runtime.no_such_name
