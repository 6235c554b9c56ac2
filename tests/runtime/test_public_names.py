"""The public names are there, lazily.

Run: pytest tests/runtime/test_public_names.py
"""

from __future__ import annotations

import pytest

import setaccio.runtime as runtime


def test_every_public_name_exists():
    for name in runtime.__all__:
        assert getattr(runtime, name) is not None
        assert name in dir(runtime)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = runtime.no_such_name
