"""The package's public names exist and are loaded only when they are used.

Run: pytest tests/eval/test_eval_names.py
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import setaccio.eval


def test_every_public_name_is_there():
    for name in setaccio.eval.__all__:
        assert getattr(setaccio.eval, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = setaccio.eval.nothing_of_that_name


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'scipy', 'numpy', 'llama_cpp', 'torch', 'rich'}"
    code = f"import sys, setaccio.eval; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
